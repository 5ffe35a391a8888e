"""What the doctor sees of saslauthd: its processes, and the instances it is configured to have."""

import functools
import os
import re
import shlex

import postfix_sasl_daemons
import postfix_sasl_processes
import postfix_sasl_sasl
import postfix_sasl_textfile

PROGRAM = "saslauthd"
_UNITS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_DEFAULTS = re.compile(r"saslauthd(?:-[A-Za-z0-9_.-]+)?")
_NOT_BACKUPS = re.compile(r"\.(?:dpkg-\w+|bak|old|orig|save|ucf-\w+)$|~$")


class Saslauthd:
    """The saslauthd processes of this host, and the instances it is configured to have."""

    def __init__(self, host):
        self.host = host
        wanted = [login.socket for login in host.saslauthd_logins]
        # Where smtpd looks; the first listener's word counts where they differ.
        self.wanted = list(dict.fromkeys(wanted))

    @functools.cached_property
    def processes(self):
        """Every running one, as ``{pid: socket}``."""
        found = {}
        for pid in postfix_sasl_processes.processes(PROGRAM):
            words = postfix_sasl_processes.command_of(pid)
            found[pid] = f"{_directory(words)}/mux"
        return found

    @functools.cached_property
    def instances(self):
        """Every configured one, as ``{service: variables}``."""
        found = {}
        names = sorted(os.listdir("/etc/default")) if os.path.isdir("/etc/default") else []
        for name in names:
            if _DEFAULTS.fullmatch(name) and not _NOT_BACKUPS.search(name):
                found[name] = _variables(f"/etc/default/{name}")
        return found

    def socket_of(self, service):
        """Return where a configured instance makes its socket."""
        try:
            words = shlex.split(self.instances[service].get("OPTIONS", ""))
        except ValueError:
            words = []
        return f"{_directory(words)}/mux"

    def service(self):
        """Return the service that should make the socket smtpd looks for, or None."""
        for name in self.instances:
            if any(same(self.socket_of(name), socket) for socket in self.wanted):
                return name
        return None

    def unit(self):
        """Return the service to start: that one, or else the only or the formula's one."""
        name = self.service()
        if name is None:
            own = [one for one in self.instances if one != PROGRAM]
            name = own[0] if own and self.host.is_ours else PROGRAM
        return name if _has_unit(name) else PROGRAM

    def mechanism(self):
        """Return where the one in use looks passwords up."""
        for pid, socket in self.processes.items():
            words = postfix_sasl_processes.command_of(pid)
            if any(same(socket, wanted) for wanted in self.wanted) and "-a" in words[:-1]:
                return words[words.index("-a") + 1]
        variables = self.instances.get(self.service() or self.unit(), {})
        return (variables.get("MECHANISMS", "").split() or ["pam"])[0]


def same(path, other):
    """Return whether two paths lead to the same file, there or not."""
    return os.path.realpath(path) == os.path.realpath(other)


def _directory(words):
    """Return the socket's directory that saslauthd's options name."""
    for at, word in enumerate(words):
        if word == "-m" and words[at + 1 : at + 2]:
            return words[at + 1].rstrip("/")
        if word.startswith("-m") and len(word) > 2:
            return word[2:].rstrip("/")
    return postfix_sasl_sasl.DEBIAN_RUN_DIRECTORY


def _variables(path):
    try:
        text = postfix_sasl_textfile.read(path)[:100_000]
    except OSError:
        return {}
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def has_native_unit(name):
    """Return whether systemd runs here and has a unit of its own for the service *name*."""
    if not postfix_sasl_daemons.has_systemd():
        return False
    return any(os.path.exists(f"{place}/{name}.service") for place in _UNITS)


def _has_unit(name):
    return has_native_unit(name) or os.path.exists(f"/etc/init.d/{name}")


def reads_start():
    """Return whether Debian's init script starts only instances that say START=yes."""
    try:
        return "START" in postfix_sasl_textfile.read("/etc/init.d/saslauthd")
    except OSError:
        return False
