"""Notice within seconds that something on the host may differ from what it should be.

At each tick the files and processes that matter are looked at, which takes a fraction of a
millisecond and starts nothing. Only when one of them is not what it was is the host compared with
its pillar.
"""

import os
import time

import postfix_sasl_drift
import postfix_sasl_processes
import postfix_sasl_statoverride

# What things such as a group's members or a package are read from.
_REGISTERS = (
    "/etc/group",
    "/var/lib/dpkg/status",
    f"{postfix_sasl_statoverride.ADMIN_DIRECTORY}/statoverride",
)
# A comparison that failed, as it does while the master is away, keeps the minion waiting.
_RETRY_SECONDS = 60

_DEFAULT = {"interval": 5}


def by(parts):
    """Return what the outcome of comparing *parts* depends on, apart from the pillar.

    parts
        A list of ``postfix_sasl_parts.Part``.

    Returns ``{"files": [path, ...], "processes": [[file with its id, program], ...]}``.
    """
    files, processes = list(_REGISTERS), []
    for thing in (thing for part in parts for thing in part.things):
        files += getattr(thing, "paths", ())
        for each in (thing, *getattr(thing, "files", ())):
            files += [each.path] if hasattr(each, "path") else []
        for daemon in (getattr(thing, "daemon", None), getattr(thing, "postfix", None)):
            if daemon is not None:
                files += daemon.boot_directories()
                processes.append([daemon.pid_file, daemon.program])
    unique = dict.fromkeys(map(tuple, processes))
    return {"files": list(dict.fromkeys(files)), "processes": [list(each) for each in unique]}


def fingerprint(watched):
    """Return something that is equal as long as the files and processes are the same."""
    return (
        [_status(path) for path in watched["files"]],
        [postfix_sasl_processes.process_of(*each) for each in watched["processes"]],
    )


def _status(path):
    try:
        status = os.stat(path)
    except OSError:
        return None
    # The time of its last change of any kind can't be set by anybody.
    return status.st_ino, status.st_ctime_ns, status.st_mode, status.st_uid, status.st_gid


class Watch:
    """What the beacon knows from one tick to the next."""

    def __init__(self):
        self.watched = self.seen = self.told = None
        self.not_before = 0.0

    def tick(self, salt):
        """Return the events that are due, as a list of dictionaries.

        salt
            Salt's execution functions, ``__salt__``.
        """
        now = fingerprint(self.watched) if self.watched else None
        if now is not None and now == self.seen:
            return []
        if time.monotonic() < self.not_before or salt["state.running"]():
            return []
        try:
            found = salt["postfix_sasl.drift"](watched=True)
        except Exception as error:  # what it raises depends on Salt; raised again, at every tick
            self.seen, self.not_before = None, time.monotonic() + _RETRY_SECONDS
            return self._tell("error", postfix_sasl_drift.bounded(str(error)))
        if salt["state.running"]():
            return []  # what was found may be half of what that does
        is_same_list = found["watched"] == self.watched
        # What was not watched may have changed while it was compared.
        self.seen = now if is_same_list else None
        self.watched = found["watched"]
        return self._tell("changes", postfix_sasl_drift.bounded(found["changes"]))

    def _tell(self, name, value):
        """Return the event for what was found, unless the last one said the same."""
        before, self.told = self.told, (name, value)
        if self.told == before or (before is None and not value):
            return []
        if not value:
            return [{"tag": "resolved", "drifted": False}]
        if name == "changes":
            return [{"tag": "drift", "drifted": True, "changes": value}]
        return [{"tag": "error", "error": value}]


# Salt loads the beacon's own file anew from time to time, but not this one.
WATCH = Watch()


def problem(config):
    """Return what is wrong with a beacon's configuration, as a line; None where nothing is."""
    if not isinstance(config, list) or not all(isinstance(one, dict) for one in config):
        return f"postfix_sasl: got {config!r}; it takes a list, such as [{_DEFAULT}]"
    given = {name: value for one in config for name, value in one.items()}
    known = ("interval", "disable_during_state_run", "enabled", "run_once", "beacon_module")
    for name, value in given.items():
        if name.startswith("_"):
            continue  # Salt's own
        if name not in known:
            return f"postfix_sasl: {name}: got an unknown key; it takes {', '.join(known)}"
        if name == "interval" and (isinstance(value, bool) or not isinstance(value, (int, float))):
            return f"postfix_sasl: interval: got {value!r}; it takes seconds, a number"
        if name == "interval" and not 0 < value <= 86400:
            return f"postfix_sasl: interval: got {value!r}; it takes 1 to 86400 seconds"
    return None
