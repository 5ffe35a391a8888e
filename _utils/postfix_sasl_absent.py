"""Things a host should not have any more; like ``postfix_sasl_things``, the other way round.

Each has ``changes()``, which reads the host and touches nothing, and ``apply()``.
"""

import contextlib
import glob
import os

import postfix_sasl_daemons
import postfix_sasl_owner
import postfix_sasl_sasl
import postfix_sasl_statoverride
import postfix_sasl_textfile
import postfix_sasl_things

_INIT_SCRIPTS = "/etc/init.d/"
# What saslauthd keeps beside its socket, and leaves there when it is killed.
OF_SASLAUTHD = ("mux", "saslauthd.pid", "cache.")


def ours(*patterns):
    """Return the paths that match one of the *patterns* and hold the mark of the formula.

    The mark is one of the first lines; a file without it is somebody else's.
    """
    return [
        path
        for pattern in patterns
        for path in sorted(glob.glob(pattern))
        if os.path.isfile(path) and postfix_sasl_sasl.MANAGED in _beginning(path)
    ]


def _beginning(path):
    lines = postfix_sasl_textfile.read(path).splitlines(keepends=True)
    return "".join(lines[:3])


class Daemon:
    """A daemon that should neither run nor start at boot.

    daemon
        See ``postfix_sasl_daemons.Daemon``.
    """

    def __init__(self, daemon):
        self.daemon = daemon

    def changes(self):
        """Return whether it runs and is enabled, where one of them is so."""
        now = {"running": self.daemon.running(), "enabled": self.daemon.enabled()}
        found = [name for name, value in now.items() if value]
        if not found:
            return {}
        return {
            f"service {self.daemon.name}": {
                "old": dict.fromkeys(found, True),
                "new": dict.fromkeys(found, False),
            }
        }

    def apply(self):
        """Stop it and wait until it is gone, and take it out of the boot."""
        self.daemon.end()
        if self.daemon.enabled():
            self.daemon.disable()


class Files:
    """The files of a daemon that is stopped: its configuration, its unit or init script.

    name
        The name of its service.
    paths
        The files.
    """

    def __init__(self, name, paths):
        self.name = name
        self.files = [postfix_sasl_things.File(path, None) for path in paths]

    def changes(self):
        """Return the files that are there."""
        return {path: change for file in self.files for path, change in file.changes().items()}

    def apply(self):
        """Remove them, and have init forget the unit or the script."""
        for file in self.files:
            if file.changes():
                file.apply()
        if any(file.path.startswith(_INIT_SCRIPTS) for file in self.files):
            postfix_sasl_daemons.run(["/usr/sbin/update-rc.d", "-f", self.name, "remove"])
        if postfix_sasl_daemons.has_systemd():
            postfix_sasl_daemons.run(["systemctl", "daemon-reload"])
            # One that had failed would stay in the list of failed units.
            with contextlib.suppress(postfix_sasl_daemons.DaemonError):
                postfix_sasl_daemons.run(["systemctl", "reset-failed", f"{self.name}.service"])


class StatOverride:
    """A dpkg-statoverride that should not be registered."""

    def __init__(self, path):
        self.path = path

    def changes(self):
        """Return what is registered."""
        old = postfix_sasl_statoverride.registered(self.path)
        return {f"dpkg-statoverride {self.path}": {"old": old, "new": None}} if old else {}

    def apply(self):
        """Take it out of the register."""
        postfix_sasl_statoverride.remove(self.path)


class SocketDirectory:
    """The directory of a saslauthd that is stopped.

    It stays where it holds what is not saslauthd's. Parents inside Postfix's spool that are empty
    then go with it.
    """

    def __init__(self, path):
        self.path = path

    def changes(self):
        """Return the directory's owner and mode if it is there and can be removed."""
        if os.path.islink(self.path) or not os.path.isdir(self.path):
            return {}
        if not all(name.startswith(OF_SASLAUTHD) for name in os.listdir(self.path)):
            return {}
        return {self.path: {"old": postfix_sasl_owner.attributes(self.path), "new": None}}

    def apply(self):
        """Remove it."""
        for name in os.listdir(self.path):
            os.unlink(os.path.join(self.path, name))
        os.rmdir(self.path)
        remove_empty_parents(self.path)


def remove_empty_parents(path):
    """Remove the directories above *path* inside Postfix's spool, up to one that is not empty."""
    parent = os.path.dirname(path)
    with contextlib.suppress(OSError):  # not empty
        while parent.startswith(f"{postfix_sasl_sasl.SPOOL}/"):
            os.rmdir(parent)
            parent = os.path.dirname(parent)


class Membership:
    """A user who should not be in a group."""

    def __init__(self, user, group, salt):
        self.user, self.group, self.salt = user, group, salt

    def changes(self):
        """Return the group's members before and after."""
        members = postfix_sasl_owner.members(self.group)
        if self.user not in members:
            return {}
        left = [member for member in members if member != self.user]
        return {f"group {self.group}": {"old": members, "new": left}}

    def apply(self):
        """Take the user out of the group, unless that has happened meanwhile."""
        if self.changes() and not self.salt["group.deluser"](self.group, self.user):
            raise RuntimeError(
                f"user {self.user} could not be taken out of group {self.group}; "
                f"try: gpasswd -d {self.user} {self.group}"
            )
