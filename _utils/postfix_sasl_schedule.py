"""The job in the minion's schedule that looks for drift.

A minion keeps its jobs in memory, and in a file that it reads when it starts. The file is what is
compared: a question to the minion takes longer than all the rest of a run that has nothing to do,
and half a minute where no minion is there to answer.
"""

import contextlib
import hashlib
import os
import socket

import postfix_sasl_daemons
import postfix_sasl_drift
import postfix_sasl_textfile
import postfix_sasl_things

JOB = "postfix_sasl-drift"
THING = f"schedule {JOB}"
_SAVED_SECONDS = 15


def job(settings, saltenv="base"):
    """Return the job that *settings* ask for, as Salt's schedule has it; None for no job.

    settings
        Checked settings, see ``postfix_sasl_settings``.
    saltenv
        The environment that the formula is applied from.
    """
    if settings["drift:mode"] == "off":
        return None
    kwargs = {"mode": settings["drift:mode"]}
    if saltenv not in (None, "base"):
        kwargs["saltenv"] = saltenv
    return {
        "function": "postfix_sasl.watch",
        "kwargs": kwargs,
        "seconds": settings["drift:interval"],
        "splay": settings["drift:splay"],
        "enabled": True,
        "maxrunning": 1,
        # Minions that are started together would all run it together, whatever the splay.
        "run_on_start": False,
        # What it has to say is the event; a return besides would fill the master's job cache.
        "return_job": False,
    }


def removal(host):
    """Return what is left of the job, as things; nothing where there is nothing of it.

    host
        The ``postfix_sasl_parts.Host``.
    """
    memory = postfix_sasl_things.File(postfix_sasl_drift.memory_path(host.opts), None)
    return [thing for thing in (Job(None, host), memory) if thing.changes()][:1]


class Job:
    """The job in the schedule, as *wanted*; None for no job. What it remembers goes with it."""

    def __init__(self, wanted, host):
        self.wanted, self.salt, self.opts = wanted, host.salt, host.opts
        self.path = saved_path(host.opts)
        self.notes = []

    def desired(self):
        """Return the job, None for no job."""
        return {THING: self.wanted}

    def changes(self):
        """Return the fields of the job that differ."""
        old = saved(self.path)
        if self.wanted is None:
            return {} if old is None else {THING: {"old": old, "new": None}}
        names = [name for name in self.wanted if old is None or old.get(name) != self.wanted[name]]
        if not names:
            return {}
        if not minion_runs(self.opts):
            self.notes = [
                "drift: no Salt minion runs on this host to keep the schedule, so nothing looks "
                "for drift; start the minion and apply this again, or set drift:mode to off"
            ]
            return {}
        return {
            THING: {
                "old": None if old is None else {name: old.get(name) for name in names},
                "new": {name: self.wanted[name] for name in names},
            }
        }

    def apply(self):
        """Tell the minion, and wait until it has saved the job; raise RuntimeError if it doesn't.

        Where no minion runs, a job that is not wanted goes out of the file.
        """
        if self.wanted is None and not minion_runs(self.opts):
            said = self.salt["schedule.delete"](JOB, offline=True)
        else:
            said = self._tell()
        if not postfix_sasl_daemons.wait_for(lambda: not self.changes(), _SAVED_SECONDS):
            raise RuntimeError(
                f"the Salt minion did not change its job {JOB}: "
                f"{postfix_sasl_drift.bounded(said.get('comment', said))}; look at: "
                f"salt-call schedule.list, {self.path}"
            )
        if self.wanted is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(postfix_sasl_drift.memory_path(self.opts))

    def _tell(self):
        """Have the minion change the job, from whatever it has in memory by that name."""
        known = JOB in self.salt["schedule.list"](show_all=True, return_yaml=False)
        if self.wanted is None:
            return self.salt["schedule.delete"](JOB) if known else self.salt["schedule.save"]()
        fields = {**self.wanted, "job_kwargs": self.wanted["kwargs"]}
        del fields["kwargs"]
        return self.salt["schedule.modify" if known else "schedule.add"](JOB, **fields)


def saved_path(opts):
    """Return the file in which the minion with the configuration *opts* keeps its schedule."""
    directory = opts.get("conf_dir") or os.path.dirname(opts.get("conf_file", "/etc/salt/minion"))
    included = os.path.dirname(opts.get("default_include", "minion.d/*.conf"))
    return os.path.join(directory, included, "_schedule.conf")


def saved(path):
    """Return the job that the file *path* has, as a dictionary; None where it has none."""
    try:
        text = postfix_sasl_textfile.read(path)
    except FileNotFoundError:
        return None
    if JOB not in text:
        return None
    import yaml  # only where it is needed: it takes its time

    try:
        found = yaml.safe_load(text)["schedule"][JOB]
    except (yaml.YAMLError, KeyError, TypeError):
        return None  # so does the minion when it starts
    return found if isinstance(found, dict) else None


def minion_runs(opts):
    """Return whether a minion with the configuration *opts* listens on this host."""
    if not opts.get("id"):
        return False
    # The minion's name in that of its socket is cut, since sockets have short names.
    digest = hashlib.new(opts.get("hash_type", "sha256"), opts["id"].encode()).hexdigest()[:10]
    path = os.path.join(opts.get("sock_dir", ""), f"minion_event_{digest}_pull.ipc")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
