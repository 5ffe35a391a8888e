"""What a minion answered to `state.apply`, judged: is the host as wanted, and if not, why."""

from typing import NamedTuple

_MAX_LINES = 12
_MAX_CHARACTERS = 300
# What Salt says of a state that did not run since another one failed; that one says why.
_NOT_RUN = "One or more requisite failed"


class Verdict(NamedTuple):
    """How a run of states went on one host.

    ok
        Whether all of it succeeded.
    changes
        The names of the things that were changed, or would be.
    reason
        Why it is not ok, lines for people.
    """

    ok: bool
    changes: tuple = ()
    reason: tuple = ()


def judge(answer, test=False):
    """Return the Verdict on a minion's answer to ``state.apply``, whatever it is.

    answer
        A dictionary of states, or what Salt says instead of it.
    test
        Whether a dry run was asked for.
    """
    if not isinstance(answer, dict) or not answer:
        said = answer if isinstance(answer, list) else [answer or "it answered nothing"]
        return Verdict(False, reason=lines("\n".join(map(str, said))))
    states = [state for state in answer.values() if isinstance(state, dict)]
    changes = tuple(
        lines(name)[0] for state in states for name in _names(state.get("changes")) if name
    )
    failed = [str(state.get("comment")) for state in states if state.get("result") is False]
    if len(states) != len(answer):
        failed.append("it gave an answer that is no list of states")
    if failed:
        telling = [text for text in failed if not text.startswith(_NOT_RUN)]
        return Verdict(False, changes, lines("\n".join(telling or failed)))
    if not test and any(state.get("result") is None for state in states):
        reason = "it made only a dry run; is there `test: true` in its /etc/salt/minion?"
        return Verdict(False, reason=(reason,))
    return Verdict(True, changes)


def lines(text):
    """Return a text from elsewhere as lines fit for a terminal, not too long and not too many."""
    found = []
    for line in str(text).splitlines():
        clean = "".join(char if char.isprintable() else "?" for char in line.expandtabs(4)).rstrip()
        if clean:
            cut = clean[:_MAX_CHARACTERS]
            found.append(cut if cut == clean else f"{cut}...")
    if len(found) > _MAX_LINES:
        # The last line of a traceback says what it was.
        found = [*found[: _MAX_LINES - 2], "...", found[-1]]
    return tuple(found) or ("(no text)",)


def _names(changes):
    return changes if isinstance(changes, dict) else ()
