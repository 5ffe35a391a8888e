"""The minions of a master, asked together; for what runs on the master itself."""

import time

from salt.exceptions import SaltException

_POLL_SECONDS = 0.05


class NotAsked(RuntimeError):
    """The master did not take the job; the message says why."""


class Minions:
    """What a rollout needs of Salt: who is there, and what they answer.

    opts
        The configuration of the master, ``__opts__``.
    """

    def __init__(self, opts):
        self._config = opts["conf_file"]

    def ask(self, target, function, arguments=(), named=None, seconds=60, tgt_type="list"):
        """Have minions call a function.

        target, tgt_type
            Which minions, as ``salt`` takes it; or a list of names.
        function, arguments, named
            What to call, with arguments by position and by name.
        seconds
            How long to wait. Salt's own way, to ask those still at work whether they are, gives
            up a minion that is too busy to say so.

        Returns ``(expected, answers)``: the names of the minions that should answer, sorted, and
        ``{name: answer}`` of those that did. Raises NotAsked.
        """
        import salt.client  # much to load, and of no use on a minion

        try:
            with salt.client.get_local_client(self._config, listen=True) as client:
                return _asked(client, target, tgt_type, function, arguments, named or {}, seconds)
        except SaltException as error:
            raise NotAsked(f"{function}: {error}") from error


def _asked(client, target, tgt_type, function, arguments, named, seconds):
    job = client.run_job(
        target, function, list(arguments), tgt_type, kwarg=dict(named), listen=True
    )
    expected, answers = set(job.get("minions", ())), {}
    if not expected:
        return [], {}
    deadline = time.monotonic() + seconds
    for event in client.get_returns_no_block(f"salt/job/{job['jid']}"):
        if expected <= set(answers) or time.monotonic() > deadline:
            break
        if event is None:
            time.sleep(_POLL_SECONDS)
        elif "return" in event["data"]:
            answers[event["data"]["id"]] = event["data"]["return"]
    return sorted(expected), answers
