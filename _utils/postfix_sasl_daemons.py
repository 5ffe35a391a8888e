"""Daemons on a host: are they up, do they start at boot, and bring them up.

What a unit or an init script says is not trusted: Debian 12's ``postfix.service`` runs /bin/true
and stays active whatever becomes of Postfix, and Debian's saslauthd script answers 0 to nearly
everything. The process itself is looked at instead.
"""

import contextlib
import glob
import os
import signal
import subprocess
import time

from postfix_sasl_processes import process_of, program_of, start_of

_START_SECONDS = 15
_COMMAND_SECONDS = 30
_AT_ONCE_SECONDS = 3
_STOP_SECONDS = 30
_UNIT_DIRECTORIES = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


class DaemonError(RuntimeError):
    """A daemon did not do what it was told; the message says what to look at."""


class NotTold(DaemonError):
    """The command that tells Postfix something failed: what runs goes on as before."""


class Pending:
    """A note that a daemon has yet to be told of a change, which outlives a run that is killed.

    It is in /run: a reboot, which tells every daemon everything, takes it away.
    """

    def __init__(self, name):
        self.path = f"/run/postfix_sasl-{name}"

    def __bool__(self):
        return os.path.exists(self.path)

    def note(self):
        """Note it, before the change."""
        with open(self.path, "w", encoding="ascii"):
            pass

    def done(self):
        """Forget it, after the daemon was told."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def has_systemd():
    """Return whether systemd is PID 1, as sd_booted(3) tells it."""
    return os.path.isdir("/run/systemd/system")


class Daemon:
    """A daemon with its unit or its init script.

    salt
        Salt's execution functions, ``__salt__``.
    name
        The name of the service.
    pid_file
        Where it notes its process id.
    program
        The base name of its program.
    """

    def __init__(self, salt, name, pid_file, program):
        self.salt, self.name, self.pid_file, self.program = salt, name, pid_file, program

    def pid(self):
        """Return the id of the process; None if it does not run."""
        return process_of(self.pid_file, self.program)

    def running(self):
        """Return whether the process runs."""
        return self.pid() is not None

    def enabled(self):
        """Return whether it starts at boot."""
        return bool(self._links())

    def boot_directories(self):
        """Return the directories in which there is a link for what starts at boot."""
        if has_systemd():
            return glob.glob("/etc/systemd/system/*.wants")
        return ["/etc/rc2.d"]

    def _links(self):
        if has_systemd():
            return glob.glob(f"/etc/systemd/system/*.wants/{glob.escape(self.name)}.service")
        return glob.glob(f"/etc/rc2.d/S[0-9][0-9]{glob.escape(self.name)}")

    def enable(self):
        """Have it start at boot; raise DaemonError where that fails."""
        if has_systemd():
            self.salt["service.enable"](self.name)
        else:
            # Salt's own way needs insserv or runlevel, which a Debian without systemd may lack.
            run(["/usr/sbin/update-rc.d", self.name, "defaults"])
            run(["/usr/sbin/update-rc.d", self.name, "enable"])
        if not self.enabled():
            raise DaemonError(f"{self.name} could not be enabled; {self.where_to_look()}")

    def disable(self):
        """Have it not start at boot, also where its unit or init script is gone already."""
        if has_systemd():
            self.salt["service.disable"](self.name)
        else:
            run(["/usr/sbin/update-rc.d", "-f", self.name, "remove"])
        for link in self._links():
            os.unlink(link)

    def start(self):
        """Start it and wait until it runs; raise DaemonError where it does not."""
        self.control("start")
        self.wait()

    def end(self):
        """Stop it, also where something else has started it; raise DaemonError if it stays."""
        self.control("stop")
        pid = self.pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        if not wait_for(lambda: self.pid() is None, _STOP_SECONDS):
            raise DaemonError(f"{self.name} does not stop; {self.where_to_look()}")

    def control(self, action, unit=None):
        """Tell the unit, or the init script, to *action*; what comes of it is seen by running()."""
        if has_systemd():
            self._control_unit(action, unit or self.name)
        elif os.access(script := f"/etc/init.d/{self.name}", os.X_OK):
            subprocess.run(
                [script, action],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=60,
                check=False,
            )

    def _control_unit(self, action, unit, again=False):
        began = time.monotonic()
        try:
            self.salt[f"service.{action}"](unit)
        except Exception as error:  # what it raises depends on Salt
            if again or time.monotonic() - began > _AT_ONCE_SECONDS:
                message = f"{unit}: {_first_line(error)}; {self.where_to_look()}"
                raise DaemonError(message) from None
            # systemd does not start what was started five times in ten seconds, until it is told
            # to forget that: applies that take a change back, or are repeated, come to that.
            run(["systemctl", "reset-failed", unit], accepted=None)
            self._control_unit(action, unit, again=True)

    def wait(self):
        """Wait until it runs; raise DaemonError where it does not."""
        if not wait_for(self.running, _START_SECONDS):
            raise DaemonError(f"{self.name} does not start; {self.where_to_look()}")

    def where_to_look(self):
        """Return what to type to see why it does not run."""
        if has_systemd():
            return f"look at: systemctl status {self.name}; journalctl -u {self.name}"
        return f"look at: /etc/init.d/{self.name} status; /var/log/syslog, /var/log/mail.log"


class Postfix(Daemon):
    """The Postfix of this host: running means that master(8) runs."""

    def __init__(self, salt):
        super().__init__(salt, "postfix", "/var/spool/postfix/pid/master.pid", "master")
        self.pending = Pending("postfix")

    def start(self):
        """Start Postfix and wait until master(8) runs; raise DaemonError where it does not."""
        self.control("start")
        if not wait_for(self.running, 2) and self.unit() != self.name:
            self.control("start", self.unit())
        self.wait()
        self.pending.done()

    def restart(self):
        """Stop Postfix, start it and wait until it runs; raise DaemonError where it does not.

        A Postfix that runs but could not be started again is not stopped: where its command
        hangs, is not there, or can't read what is in place, NotTold is raised.
        """
        if self.running():
            run(["/usr/sbin/postfix", "status"])
        self.control("restart", self.unit())
        self.wait()
        self.pending.done()

    def reload(self):
        """Have Postfix read its configuration again; raise NotTold where it refuses."""
        run(["/usr/sbin/postfix", "reload"])
        self.pending.done()

    def has_child_since(self, moment):
        """Return whether master(8) has started a process since *moment*, in seconds of uptime.

        A master that could not read its configuration starts none, though processes it started
        before go on answering for a while.
        """
        return any(start_of(child) >= moment - 0.02 for child in self._children())

    def has_child_before(self, moment, programs):
        """Return whether master(8) has a process of *programs* that it started before *moment*.

        moment
            Seconds since 1970. One to come, which a clock that was set back makes, is no moment.
        programs
            Names such as smtpd.
        """
        now = time.time()
        if moment > now:
            return False
        since_boot = moment - now + time.clock_gettime(time.CLOCK_BOOTTIME)
        return any(
            program_of(child) in programs and 0 <= start_of(child) < since_boot
            for child in self._children()
        )

    def _children(self):
        pid = self.pid()
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                return children.read().split()
        except FileNotFoundError:
            return []

    def where_to_look(self):
        """Return what to type to see why it does not run."""
        if has_systemd():
            return f"look at: systemctl status {self.unit()}; journalctl -t postfix/master"
        return super().where_to_look()

    def unit(self):
        """Return the unit that holds master(8): Debian 12's postfix.service does not."""
        for directory in _UNIT_DIRECTORIES:
            try:
                with open(f"{directory}/postfix.service", encoding="utf-8") as unit:
                    return "postfix@-" if "ExecStart=/bin/true" in unit.read() else "postfix"
            except FileNotFoundError:
                continue
        return "postfix"


class Running:
    """A daemon that should run, now and after a reboot: a thing with changes and apply.

    daemon
        A Daemon.
    fresh
        Whether its package came in this run: what that started or enabled is then part of this
        run, not something that was there.
    """

    def __init__(self, daemon, fresh=False):
        self.daemon, self.fresh = daemon, fresh
        self.name = f"service {daemon.name}"

    def desired(self):
        """Return that it runs, now and after a reboot."""
        return {self.name: {"running": True, "enabled": True}}

    def changes(self):
        """Return whether it runs and is enabled, where one of them is not so."""
        old = {"running": self.daemon.running(), "enabled": self.daemon.enabled()}
        missing = [name for name, value in old.items() if self.fresh or not value]
        if not missing:
            return {}
        return {
            self.name: {
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
        Things: its configuration, its unit or init script.
    daemon, fresh
        See Running.
    """

    def __init__(self, files, daemon, fresh=False):
        self.files, self.daemon = files, daemon
        self.running = Running(daemon, fresh)
        self.pending = Pending(daemon.name)

    def desired(self):
        """Return what its files should be, and that it runs."""
        return {
            name: wanted
            for thing in (*self.files, self.running)
            for name, wanted in thing.desired().items()
        }

    def changes(self):
        """Return the changes of its files and of it running."""
        changes = {}
        for thing in (*self.files, self.running):
            changes.update(thing.changes())
        if self.pending and not changes:
            changes[self.running.name] = {
                "old": {"uses its files": False},
                "new": {"uses its files": True},
            }
        return changes

    def apply(self):
        """Write the files that differ; start the daemon, or restart it to use them."""
        due = [file for file in self.files if file.changes()]
        stale = bool(due or self.pending)
        if stale:
            self.pending.note()
        if stale and not has_systemd():
            # An init script finds the process by what the files say now.
            self.daemon.end()
        for file in due:
            file.apply()
        if stale and has_systemd():
            self.daemon.salt["service.systemctl_reload"]()
            # Even if it seems not to run: it may, with other paths than the new files have.
            self.daemon.end()
        self.running.apply()
        self.pending.done()


def run(command, accepted=(0,), seconds=_COMMAND_SECONDS):
    """Run *command*, a list of words; return its output.

    Raises NotTold with what it said where it fails.

    accepted
        The exit statuses that are no failure; None for all of them.
    seconds
        How long it may take.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotTold(f"{' '.join(command)}: not done after {seconds} seconds") from None
    except OSError as error:
        raise NotTold(f"{' '.join(command)}: {error.strerror}") from None
    if accepted is not None and done.returncode not in accepted:
        said = (done.stderr or done.stdout).strip()
        raise NotTold(f"{' '.join(command)}: {said or f'exit status {done.returncode}'}")
    return done.stdout


def _first_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def wait_for(condition, seconds):
    """Return whether *condition()* becomes true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
