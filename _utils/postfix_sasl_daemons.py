"""Postfix and saslauthd as running daemons: are they up, and bring them up.

What a unit says is not trusted: Debian 12's ``postfix.service`` runs /bin/true and stays active
whatever becomes of Postfix. The process itself is looked at instead.
"""

import os
import subprocess
import time

import postfix_sasl_sasl

_MASTER_PID = f"{postfix_sasl_sasl.SPOOL}/pid/master.pid"
_UNIT_DIRECTORIES = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_START_SECONDS = 15


class DaemonError(RuntimeError):
    """A daemon did not do what it was told; the message says what to look at."""


def has_systemd():
    """Return whether systemd is PID 1, as sd_booted(3) tells it."""
    return os.path.isdir("/run/systemd/system")


def process_of(pid_file, program):
    """Return the process id in *pid_file* if that process runs *program*, else None."""
    try:
        with open(pid_file, encoding="ascii") as handle:
            pid = int(handle.read())
        target = os.readlink(f"/proc/{pid}/exe")
    except (OSError, ValueError):
        return None
    # The name of a program that was upgraded under a running process ends in " (deleted)".
    return pid if os.path.basename(target.removesuffix(" (deleted)")) == program else None


class Postfix:
    """The Postfix master of this host.

    salt
        Salt's execution functions, ``__salt__``.
    """

    name = "postfix"

    def __init__(self, salt):
        self.salt = salt

    def running(self):
        """Return whether master(8) runs."""
        return process_of(_MASTER_PID, "master") is not None

    def enabled(self):
        """Return whether Postfix starts at boot."""
        return bool(self.salt["service.enabled"]("postfix"))

    def enable(self):
        """Have Postfix start at boot."""
        _or_raise(self.salt["service.enable"]("postfix"), "postfix", "enabled")

    def start(self):
        """Start Postfix and wait until master(8) runs; raise DaemonError otherwise."""
        self.salt["service.start"]("postfix")
        if not _wait_for(self.running) and has_systemd():
            self.salt["service.start"](self._unit())
        if not _wait_for(self.running, _START_SECONDS):
            raise DaemonError(f"Postfix does not start; {_where_to_look(self._unit())}")

    def restart(self):
        """Stop Postfix, start it again and wait until it runs; raise DaemonError otherwise."""
        self.salt["service.restart"](self._unit())
        if not _wait_for(self.running, _START_SECONDS):
            raise DaemonError(f"Postfix does not start; {_where_to_look(self._unit())}")

    def reload(self):
        """Have Postfix read its configuration again; raise DaemonError if it refuses."""
        done = subprocess.run(
            ["/usr/sbin/postfix", "reload"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise DaemonError(f"postfix reload: {done.stderr.strip()}")

    def _unit(self):
        """Return the unit that holds master(8): Debian 12's postfix.service does not."""
        if not has_systemd():
            return "postfix"
        for directory in _UNIT_DIRECTORIES:
            try:
                with open(f"{directory}/postfix.service", encoding="utf-8") as unit:
                    return "postfix@-" if "ExecStart=/bin/true" in unit.read() else "postfix"
            except FileNotFoundError:
                continue
        return "postfix"


class Saslauthd:
    """An instance of saslauthd, by its own unit or by Debian's init script.

    salt
        Salt's execution functions, ``__salt__``.
    name
        The instance's service name, such as ``saslauthd-postfix``.
    run_directory
        Where its socket and process id are, as the host sees it.
    """

    def __init__(self, salt, name, run_directory):
        self.salt, self.name, self.run_directory = salt, name, run_directory

    def running(self):
        """Return whether the instance runs and has its socket."""
        pid = process_of(f"{self.run_directory}/saslauthd.pid", "saslauthd")
        return pid is not None and os.path.exists(f"{self.run_directory}/mux")

    def enabled(self):
        """Return whether the instance starts at boot."""
        if not has_systemd() and not os.path.exists(f"/etc/default/{self.name}"):
            return False
        return bool(self.salt["service.enabled"](self._boot_name()))

    def enable(self):
        """Have the instance start at boot."""
        _or_raise(self.salt["service.enable"](self._boot_name()), self.name, "enabled")

    def start(self):
        """Start the instance and wait for its socket; raise DaemonError otherwise."""
        self._do("start")

    def restart(self):
        """Start the instance afresh and wait for its socket; raise DaemonError otherwise."""
        self._do("restart")

    def _do(self, action):
        if has_systemd():
            self.salt[f"service.{action}"](self.name)
        else:
            command = ["/etc/init.d/saslauthd", f"{action}-instance", self.name]
            subprocess.run(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False
            )
        wait_until_running(self)

    def _boot_name(self):
        return self.name if has_systemd() else "saslauthd"


class Running:
    """A daemon that should run, now and after a reboot: a thing with changes and apply."""

    def __init__(self, daemon):
        self.daemon = daemon

    def changes(self):
        """Return whether it runs and is enabled, where one of them is not so."""
        old = {"running": self.daemon.running(), "enabled": self.daemon.enabled()}
        missing = [name for name, value in old.items() if not value]
        if not missing:
            return {}
        return {
            f"service {self.daemon.name}": {
                "old": dict.fromkeys(missing, False),
                "new": dict.fromkeys(missing, True),
            }
        }

    def apply(self):
        """Enable it and start it, whichever is missing."""
        if not self.daemon.enabled():
            self.daemon.enable()
        if not self.daemon.running():
            self.daemon.start()


class Service:
    """A daemon with the files it reads when it starts: one thing with changes and apply.

    files
        Things, its configuration and its unit.
    daemon
        What ``Running`` takes.
    salt
        Salt's execution functions, ``__salt__``.
    """

    def __init__(self, files, daemon, salt):
        self.files, self.daemon, self.salt = files, daemon, salt
        self.running = Running(daemon)

    def changes(self):
        """Return the changes of its files and of it running."""
        changes = {}
        for thing in (*self.files, self.running):
            changes.update(thing.changes())
        return changes

    def apply(self):
        """Write the files that differ; start the daemon, or restart it to use them."""
        due = [file for file in self.files if file.changes()]
        was_running = self.daemon.running()
        for file in due:
            file.apply()
        if due and has_systemd():
            self.salt["service.systemctl_reload"]()
        self.running.apply()
        if due and was_running:
            self.daemon.restart()


def wait_until_running(daemon):
    """Wait until *daemon* runs; raise DaemonError with where to look if it does not."""
    if not _wait_for(daemon.running, _START_SECONDS):
        raise DaemonError(f"{daemon.name} does not start; {_where_to_look(daemon.name)}")


def _or_raise(success, name, what):
    if not success:
        raise DaemonError(f"{name} could not be {what}; {_where_to_look(name)}")


def _where_to_look(name):
    if has_systemd():
        return f"look at: systemctl status {name}; journalctl -u {name}"
    return "look at /var/log/syslog or /var/log/mail.log"


def _wait_for(condition, seconds=2.0):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
