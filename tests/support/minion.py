"""Salt on a host: called there as ``salt-call --local``, and what a state run came to."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field

from . import images, preloaded, salts
from .errors import CommandFailed
from .places import ENVIRONMENT, FORMULA, SALT_CONFIG


@dataclass(frozen=True)
class StateRun:
    """What one state run did."""

    retcode: int
    raw: dict | list
    stderr: str = field(default="", repr=False)

    @property
    def states(self) -> list[dict]:
        """Each state's return in the order they ran; empty if the run could not start."""
        if not isinstance(self.raw, dict):
            return []
        states = [state for state in self.raw.values() if isinstance(state, dict)]
        return sorted(states, key=lambda state: state.get("__run_num__", 0))

    @property
    def succeeded(self) -> bool:
        return (
            self.retcode == 0
            and bool(self.states)
            and all(state.get("result") is not False for state in self.states)
        )

    @property
    def changes(self) -> dict:
        """The changes of all states in one dictionary."""
        merged: dict = {}
        for state in self.states:
            for thing, change in (state.get("changes") or {}).items():
                merged[thing] = change
        return merged

    @property
    def comments(self) -> list[str]:
        return [_text(state.get("comment")) for state in self.states if state.get("comment")]

    @property
    def failures(self) -> list[str]:
        """What went wrong, one text per failed state, or why nothing ran at all."""
        if not isinstance(self.raw, dict):
            return [_text(self.raw)]
        return [_text(state.get("comment")) for state in self.states if state["result"] is False]

    def __repr__(self) -> str:
        lines = [f"retcode {self.retcode}"]
        lines += [f"{s.get('__id__')}: {s['result']} {_text(s['comment'])}" for s in self.states]
        lines += self.failures if not self.states else []
        return "\n".join([*lines, self.stderr[-4000:]])


def _text(comment) -> str:
    return "\n".join(map(str, comment)) if isinstance(comment, list) else str(comment)


class Minion:
    """What a host can do as its own minion; for `Host`, which brings the rest."""

    def salt(self, function, *args, pillar=None, timeout=300, typed=False, **kwargs):
        """Call a Salt function by `salt-call --local`, and return its data.

        `typed` is for tests that look at the process, or do something to it: it is one started as
        people do, and not a fork of one that has Salt imported.
        """
        done = self._salt_call(function, args, kwargs, pillar, timeout, typed)
        data = _salt_data(done.stdout)
        if done.returncode and data is None:
            raise CommandFailed(self, [function], "salt-call failed", done.stdout, done.stderr)
        return data

    def apply(
        self, pillar=None, test=False, sls="postfix_sasl", timeout=300, typed=False, **kwargs
    ) -> StateRun:
        """Apply states; `pillar` is what the minion's pillar shall hold under `postfix_sasl`.

        `typed` is as for `salt`.
        """
        if test:
            kwargs["test"] = True
        done = self._salt_call("state.apply", [sls], kwargs, pillar, timeout, typed)
        data = _salt_data(done.stdout)
        raw = data if isinstance(data, (dict, list)) else [data or done.stdout]
        return StateRun(done.returncode, raw, done.stderr)

    def set_pillar(self, pillar: dict | None) -> None:
        """Give the minion this pillar under `postfix_sasl`; readable to root only."""
        tree = {"postfix_sasl": pillar} if pillar is not None else {}
        self.write(f"{SALT_CONFIG}/pillar/test.sls", f"#!json\n{json.dumps(tree)}\n", mode=0o600)
        self.write(f"{SALT_CONFIG}/pillar/top.sls", '{"base": {"*": ["test"]}}\n')

    def _salt_call(self, function, args, kwargs, pillar, timeout, typed):
        config = {
            "id": self.name,
            "file_client": "local",
            "file_roots": {"base": [FORMULA, f"{SALT_CONFIG}/states"]},
            "file_ignore_regex": [r"(^|/)\.git($|/)"],
            "pillar_roots": {"base": [f"{SALT_CONFIG}/pillar"]},
        }
        self.write(f"{SALT_CONFIG}/minion", json.dumps(config))
        self.path(f"{SALT_CONFIG}/states").mkdir(exist_ok=True)
        self.set_pillar(pillar)
        words = [*args, *(f"{name}={json.dumps(value)}" for name, value in kwargs.items())]
        command = [
            f"{images.SALT_HOME}/bin/salt-call",
            f"--config-dir={SALT_CONFIG}",
            "--local",
            "--out=json",
            "--no-color",
            "--retcode-passthrough",
            function,
            *map(str, words),
        ]
        if typed or self.salt_version != salts.USUAL:
            return self.run(*command, check=False, timeout=timeout)
        where = (self.release, self._leader, self._group_of_init())
        start = functools.partial(preloaded.Call, *where, command, ENVIRONMENT)
        return self._run(start, command, check=False, input=None, timeout=timeout)


def _salt_data(stdout: str):
    """Return what salt-call printed, without the name of the minion around it."""
    try:
        return json.loads(stdout)["local"]
    except (ValueError, KeyError, TypeError):
        return None
