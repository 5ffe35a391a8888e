"""One look for drift: what differs, since when, what was corrected, and one event that says it.

The look is a dry run of the formula itself, so the pillar is the one that the master has now, the
modules are those of the formula it serves, and what is named is what an apply would change.
"""

import datetime
import json
import os
from typing import NamedTuple

import postfix_sasl_textfile

TAG = "postfix_sasl/drift"
MODES = ("report", "enforce")
SLS = "postfix_sasl"
_WARNING = "warning: "
_LONGEST = 1000  # characters of one text in the event


class Run(NamedTuple):
    """What one state run said: changes ``{thing: {"old", "new"}}``, and lines of text."""

    changes: dict
    errors: list
    notes: list


def memory_path(opts):
    """Return the file that remembers, for the minion with the configuration *opts*."""
    return os.path.join(opts.get("cachedir", "/var/cache/salt/minion"), "postfix_sasl-drift.json")


class Memory:
    """What earlier looks found, in a file for root alone: no values, names and times only.

    path
        The file; what can't be read is forgotten.
    """

    def __init__(self, path):
        self.path = path
        self.since, self.told = {}, []
        try:
            kept = json.loads(postfix_sasl_textfile.read(path))
            self.since = {str(name): str(moment) for name, moment in kept["since"].items()}
            self.told = [str(note) for note in kept["told"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass

    def differ(self, names, now, complete=True):
        """Note that these things differ *now*, text; those that differed before keep their time.

        complete
            Whether that is all that differs; what is not named is as wanted then.
        """
        before = self.since
        self.since = {name: before.get(name, now) for name in names}
        if not complete:
            self.since = {**before, **self.since}

    def untold(self, notes):
        """Return those of the *notes* that were not told."""
        return [note for note in notes if note not in self.told]

    def tell(self, notes, complete):
        """Note that the *notes* are told, and forget those that hold no more.

        complete
            Whether warnings are among the notes: they are looked for only where something differs.
        """
        warnings = [] if complete else [note for note in self.told if note.startswith(_WARNING)]
        self.told = list(dict.fromkeys([*warnings, *notes]))

    def save(self):
        """Write it, if it is not the same as before."""
        text = json.dumps({"since": self.since, "told": self.told}, indent=1) + "\n"
        postfix_sasl_textfile.write(self.path, text, 0o600)


def watch(mode, minion, salt, memory, saltenv=None):
    """Look for drift, correct it where *mode* is ``enforce``, and tell the master.

    mode
        ``report`` or ``enforce``.
    minion
        The minion's name, for the event.
    salt
        Salt's execution functions, ``__salt__``.
    memory
        A Memory, which the caller saves then.
    saltenv
        The environment to apply the formula from; the minion's own by default.

    Returns what the event has, see ``event``; nothing was sent if there is nothing in it. While
    another state run is at work, what differs may be what that is about to change: then nothing
    is said, and ``{"skipped": why}`` returned.
    """
    seen = _apply(salt, saltenv, test=True)
    done = None
    if mode == "enforce" and seen and seen.changes:
        done = _apply(salt, saltenv, test=False)
        seen = done and Run(still_due(seen, done), done.errors, done.notes)
    elif salt["state.running"]():
        seen = None
    if seen is None:
        return {"skipped": "another state run is at work; this is looked at again next time"}
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    corrected = done.changes if done else {}
    memory.differ([*seen.changes, *corrected], now, complete=not seen.errors)
    data = event(minion, mode, seen, corrected, memory)
    is_told = not says_something(data) or salt["event.send"](TAG, data)
    memory.since = {name: memory.since[name] for name in memory.since if name not in corrected}
    if is_told:
        memory.tell(seen.notes, complete=bool(seen.changes or corrected))
    return data


def still_due(seen, done):
    """Return the changes of the dry run *seen* that the run *done*, which came after it, left."""
    if not done.errors:
        return {}
    return {name: change for name, change in seen.changes.items() if name not in done.changes}


def event(minion, mode, seen, corrected, memory):
    """Return the event's data.

    minion, mode      as given
    drifted           whether anything differs now
    changes           what differs: ``{thing: {"old", "new", "since"}}``
    corrected         what differed and was corrected, of the same form; only in ``enforce``
    errors            what could not be looked at, or not be corrected: texts
    notes             what nobody declared, and other things to know: each is told once
    """

    def dated(changes):
        return {
            name: {**bounded(change), "since": memory.since[name]}
            for name, change in changes.items()
        }

    data = {
        "minion": minion,
        "mode": mode,
        "drifted": bool(seen.changes),
        "changes": dated(seen.changes),
        "errors": bounded(seen.errors),
        "notes": bounded(memory.untold(seen.notes)),
    }
    if mode == "enforce":
        data["corrected"] = dated(corrected)
    return data


def says_something(data):
    """Return whether there is anything in an event's *data* that a person should know."""
    return any(data.get(key) for key in ("changes", "corrected", "errors", "notes"))


def read(result):
    """Return what ``state.apply`` returned as a Run.

    A run that could not begin returns a list of texts, or another dictionary than one of states.
    """
    states = list(result.values()) if isinstance(result, dict) else []
    if not states or not all(isinstance(one, dict) and "result" in one for one in states):
        texts = result if isinstance(result, list) else [result]
        return Run({}, [str(text) for text in texts] or ["the state run said nothing"], [])
    changes, errors, notes = {}, [], []
    for state in sorted(states, key=lambda one: one.get("__run_num__", 0)):
        changes.update(state.get("changes") or {})
        comment = str(state.get("comment", ""))
        if state["result"] is not False:
            notes += comment.splitlines()[1:]
        elif not comment.startswith("One or more requisite failed"):
            errors.append(comment)
    return Run(changes, errors, notes)


def bounded(value):
    """Return *value* with every text in it cut to what an event can carry, and printable."""
    if isinstance(value, dict):
        return {name: bounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [bounded(item) for item in value]
    if not isinstance(value, str):
        return value
    text = "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in value
    )
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}... ({len(text)} characters)"


def _apply(salt, saltenv, test):
    """Apply the formula; return a Run, or None where another state run is at work."""
    if salt["state.running"]():
        return None
    options = {"saltenv": saltenv} if saltenv else {}
    try:
        result = salt["state.apply"](SLS, test=test, queue=False, **options)
    except Exception as error:  # what it raises depends on Salt
        return Run({}, [f"{type(error).__name__}: {error}"], [])
    # One that began in between makes this one return a list that says so.
    if isinstance(result, list) and salt["state.running"]():
        return None
    return read(result)
