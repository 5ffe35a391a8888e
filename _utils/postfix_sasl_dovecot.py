"""Dovecot as the one who checks passwords: a socket of its for smtpd, and Dovecot using it.

Dovecot may have run here before, for IMAP: the formula adds one file to its configuration, has it
read that, and leaves everything else alone.
"""

import contextlib
import os
import re
import socket
import stat

import postfix_sasl_absent
import postfix_sasl_daemons
import postfix_sasl_sasl
import postfix_sasl_stock
import postfix_sasl_textfile
import postfix_sasl_things

PROGRAM = "/usr/sbin/dovecot"
SNIPPET = "/etc/dovecot/conf.d/99-postfix_sasl.conf"
SOCKET = f"{postfix_sasl_sasl.SPOOL}/{postfix_sasl_sasl.DOVECOT_PATH}"
_MAIN = "/etc/dovecot/dovecot.conf"
# Beside the live one, so that what it includes by relative paths is the same.
_CANDIDATE = "/etc/dovecot/.postfix_sasl-candidate.conf"
_PID_FILE = "/run/dovecot/master.pid"
_SECONDS = 15
_ANSWER_SECONDS = 2
# These work with every password database; any other could keep Dovecot from starting.
_ADDED = ("PLAIN", "LOGIN")

_SERVICE = f"""\
service auth {{
  unix_listener {SOCKET} {{
    mode = 0600
    user = postfix
    group = postfix
  }}
}}
"""
_ADDING = re.compile(r"^auth_mechanisms = \$auth_mechanisms (.+)$", re.MULTILINE)


def things(settings, salt, fresh):
    """Return what Dovecot needs to answer smtpd, as things with changes and apply.

    settings
        Checked settings, see ``postfix_sasl_settings``.
    salt
        Salt's execution functions, ``__salt__``.
    fresh
        Whether Dovecot was not there before this run.
    """
    wanted = settings["sasl:mechanisms"]
    return [Dovecot(salt, _snippet(wanted), wanted, fresh)]


def removal(salt):
    """Return what takes Dovecot's socket for smtpd off, as things; nothing where it is not ours."""
    is_ours = bool(postfix_sasl_absent.ours(SNIPPET))
    return [WithoutSocket(salt)] if is_ours or _pending() else []


def offered(path=SOCKET):
    """Return the mechanisms that Dovecot offers at the socket *path*, as a set; raise OSError."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(_ANSWER_SECONDS)
        connection.connect(path)
        connection.sendall(f"VERSION\t1\t0\nCPID\t{os.getpid()}\n".encode("ascii"))
        answer = b""
        while not answer.endswith(b"DONE\n"):
            part = connection.recv(4096)
            if not part or len(answer) > 65536:
                raise OSError("no list of mechanisms came")
            answer += part
    lines = answer.decode("ascii", "replace").splitlines()
    return {line.split("\t")[1] for line in lines if line.startswith("MECH\t")}


class Dovecot:
    """Dovecot running with a socket for smtpd: a thing with changes and apply.

    salt
        Salt's execution functions, ``__salt__``.
    text
        What SNIPPET should be.
    mechanisms
        The SASL mechanisms it should offer.
    fresh
        Whether Dovecot's package came in this run.
    """

    def __init__(self, salt, text, mechanisms, fresh):
        self.mechanisms = mechanisms
        self.snippet = postfix_sasl_things.File(SNIPPET, text)
        self.daemon = _daemon(salt)
        self.running = postfix_sasl_daemons.Running(self.daemon, fresh)
        self.pending = _pending()

    def desired(self):
        """Return what the file should be, and that Dovecot runs."""
        return {**self.snippet.desired(), **self.running.desired()}

    def changes(self):
        """Return the changes of the file and of Dovecot running with it."""
        changes = {**self.snippet.changes(), **self.running.changes()}
        if not changes and (self.pending or not _is_socket()):
            changes = _uses_its_files()
        return changes

    def apply(self):
        """Put the file in place and have Dovecot use it; take it back where that does not work."""
        old = self._old_text()
        is_new = bool(self.snippet.changes())
        if is_new:
            _check(self.snippet.text)
            self.pending.note()
            self.snippet.apply()
        try:
            self._bring_into_force()
        except postfix_sasl_daemons.DaemonError as error:
            if is_new:
                self._take_back(old)
                error = f"{error}; {SNIPPET} was taken back"
            raise RuntimeError(str(error)) from None
        self.pending.done()

    def _old_text(self):
        return postfix_sasl_textfile.read(SNIPPET) if os.path.exists(SNIPPET) else None

    def _bring_into_force(self):
        if not self.daemon.enabled():
            self.daemon.enable()
        if self.daemon.running():
            _reload()
        else:
            self.daemon.start()
        if not postfix_sasl_daemons.wait_for(lambda: not self._missing(), _SECONDS):
            raise postfix_sasl_daemons.DaemonError(self._explanation())

    def _missing(self):
        """Return the mechanisms that should be offered and are not."""
        try:
            found = offered()
        except OSError:
            return list(self.mechanisms)
        return [name for name in self.mechanisms if name not in found]

    def _explanation(self):
        where = self.daemon.where_to_look()
        try:
            found = ", ".join(sorted(offered()))
        except OSError:
            return f"Dovecot does not answer at {SOCKET}; does {_MAIN} include conf.d? {where}"
        return (
            f"Dovecot does not offer {', '.join(self._missing())}, only {found}; "
            f"add it to auth_mechanisms in Dovecot's configuration, or take it out of the "
            f"pillar's sasl:mechanisms"
        )

    def _take_back(self, old):
        before = postfix_sasl_things.File(SNIPPET, old)
        if before.changes():
            before.apply()
        if self.daemon.running():
            _reload()
        self.pending.done()


class WithoutSocket:
    """Dovecot without our file in its configuration: a thing with changes and apply."""

    def __init__(self, salt):
        self.snippet = postfix_sasl_things.File(SNIPPET, None)
        self.daemon, self.pending = _daemon(salt), _pending()

    def changes(self):
        """Return that the file goes, or that Dovecot has yet to be told."""
        return self.snippet.changes() or _uses_its_files()

    def apply(self):
        """Remove the file and have Dovecot, if it runs, read its configuration again."""
        self.pending.note()
        if self.snippet.changes():
            self.snippet.apply()
        if self.daemon.running():
            _reload()
        self.pending.done()


def _daemon(salt):
    return postfix_sasl_daemons.Daemon(salt, "dovecot", _PID_FILE, "dovecot")


def _pending():
    return postfix_sasl_daemons.Pending("dovecot")


def _uses_its_files():
    return {"service dovecot": {"old": {"uses its files": False}, "new": {"uses its files": True}}}


def _reload():
    postfix_sasl_daemons.run(["/usr/bin/doveadm", "reload"])


def _is_socket():
    try:
        return stat.S_ISSOCK(os.stat(SOCKET).st_mode)
    except OSError:
        return False


def _snippet(mechanisms):
    """Return the text of SNIPPET for the Dovecot at hand, or the one that will be installed."""
    added = [name.lower() for name in mechanisms if name in _ADDED]
    if _is_before_2_4():
        # A mechanism that is there twice would be offered twice.
        own = _own_mechanisms()
        added = [name for name in added if name not in own]
        lines = f"auth_mechanisms = $auth_mechanisms {' '.join(added)}\n" if added else ""
    else:
        inside = "".join(f"  {name} = yes\n" for name in added)
        lines = f"auth_mechanisms {{\n{inside}}}\n" if added else ""
    return postfix_sasl_sasl.MANAGED + lines + _SERVICE


def _is_before_2_4():
    # Dovecot 2.4 does not start without this setting, and 2.3 not with it.
    if os.path.exists(_MAIN):
        text = postfix_sasl_textfile.read(_MAIN)
        return not re.search(r"^\s*dovecot_config_version\b", text, re.MULTILINE)
    return postfix_sasl_stock.release() == "bookworm"


def _own_mechanisms():
    """Return Dovecot's mechanisms without those that our file adds."""
    if not os.path.exists(PROGRAM):
        return ["plain"]
    names = _doveconf("-h", "auth_mechanisms").lower().split()
    text = postfix_sasl_textfile.read(SNIPPET) if os.path.exists(SNIPPET) else ""
    ours = [word for words in _ADDING.findall(text) for word in words.split()]
    return names[: len(names) - len(ours)] if ours else names


def _check(text):
    """Raise RuntimeError unless Dovecot's configuration is valid, and would be with *text*."""
    status = os.stat(_MAIN)
    candidate = f"{postfix_sasl_textfile.read(_MAIN)}\n{text}"
    try:
        postfix_sasl_textfile.write(_CANDIDATE, candidate, status.st_mode & 0o7777)
        _doveconf("-n", "-c", _CANDIDATE)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_CANDIDATE)


def _doveconf(*options):
    try:
        return postfix_sasl_daemons.run(["/usr/bin/doveconf", *options])
    except postfix_sasl_daemons.DaemonError as error:
        said = str(error).replace(_CANDIDATE, _MAIN)
        raise RuntimeError(f"Dovecot's configuration is not valid: {said}") from None
