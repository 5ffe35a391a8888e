"""fail2ban watching logins: who fails too often is kept from the mail ports for a while.

How often and how long is fail2ban's own setting (``[DEFAULT]`` of jail.conf), so that what an
admin has in jail.local holds here, too. A login that failed because this server could not check
it, such as with saslauthd down, counts for nobody.

A jail that reads a log which nobody writes bans nobody, and says so nowhere: a host without a mail
log is refused.
"""

import errno
import os
import socket
import syslog

import postfix_sasl_absent
import postfix_sasl_daemons
import postfix_sasl_maillog
import postfix_sasl_sasl
import postfix_sasl_stock
import postfix_sasl_things

PACKAGES = ("fail2ban", "nftables", "python3-systemd")
PROGRAM = "/usr/bin/fail2ban-server"
_FILTER = "/etc/fail2ban/filter.d/postfix_sasl.conf"
_JAIL = "/etc/fail2ban/jail.d/postfix_sasl.conf"
_PID_FILE = "/run/fail2ban/fail2ban.pid"
_NAME = "postfix_sasl"
# Where Debian's syslog daemons write what is logged of mail, and of logins to the system.
_MAIL_LOG = "/var/log/mail.log"
_AUTH_LOG = "/var/log/auth.log"
_SYSLOG_SOCKET = "/dev/log"
_LOG_SECONDS = 10

_FILTER_TEXT = r"""[INCLUDES]
before = common.conf

[Definition]
_daemon = postfix(?:-[^/\s]+)?(?:/[^/\s]+)*/smtpd
prefregex = ^%(__prefix_line)swarning: <F-CONTENT>.+</F-CONTENT>$
failregex = ^[^\[\s]+\[<HOST>\]: SASL \S+ authentication failed: (?!{not_their_fault})
ignoreregex =
journalmatch = _SYSTEMD_UNIT=postfix.service + _SYSTEMD_UNIT=postfix@-.service
"""
# What smtpd(8) says when it is the server that failed: Cyrus SASL's SASL_FAIL and SASL_NOMECH,
# and Dovecot's answers.
_NOT_THEIR_FAULT = "generic failure|no mechanism|Connection lost|Invalid authentication mechanism"

_JAIL_TEXT = """\
[postfix_sasl]
enabled = true
filter = postfix_sasl
port = smtp,submission,submissions
banaction = nftables
"""
_FROM_JOURNAL = "backend = systemd\n"
_FROM_FILE = "backend = auto\nlogpath = {path}\n"
# Debian 12's own jail for ssh looks for a log file that a host without a syslog daemon lacks, and
# fail2ban does not start then.
_SSH_FROM_JOURNAL = "\n[sshd]\nbackend = systemd\n"


class NoMailLog(RuntimeError):
    """Nothing writes a mail log that fail2ban could read; the message says what to do."""


class Fail2ban(postfix_sasl_daemons.Daemon):
    """The daemon: a Python program, so its process is known by its arguments."""

    def __init__(self, salt):
        super().__init__(salt, "fail2ban", _PID_FILE, "fail2ban-server")

    def running(self):
        """Return whether the process runs."""
        try:
            with open(self.pid_file, encoding="ascii") as handle:
                pid = int(handle.read())
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as line:
                return PROGRAM in line.read().split("\0")
        except (OSError, ValueError):
            return False


def things(settings, salt, fresh):
    """Return what fail2ban needs, as things with changes and apply.

    settings
        Checked settings, see ``postfix_sasl_settings``.
    salt
        Salt's execution functions, ``__salt__``.
    fresh
        Whether the program was not there before this run.
    """
    if not settings["fail2ban"]:
        return removal(salt)
    log = mail_log(settings)
    files = [
        postfix_sasl_things.File(_FILTER, filter_text()),
        postfix_sasl_things.File(_JAIL, jail_text(log, _has_syslog())),
    ]
    return [_Watching(files, Fail2ban(salt), fresh, log)]


def packages(settings):
    """Return the Debian packages that it needs; raise NoMailLog where it could read nothing."""
    if not settings["fail2ban"]:
        return ()
    mail_log(settings)
    return PACKAGES


def mail_log(settings):
    """Return the file that Postfix's log is in, None for systemd's journal.

    settings
        Checked settings, see ``postfix_sasl_settings``.

    Raises NoMailLog where there is none that fail2ban can read. With ``maillog_file`` Postfix
    tells nobody else: postlogd(8).
    """
    own = _maillog_file(settings)
    if own and (own.startswith("/dev/") or "$" in own):
        raise NoMailLog(
            f"maillog_file: fail2ban can't read {own}; it takes a file's whole name, "
            f"such as {_MAIL_LOG}"
        )
    if own or postfix_sasl_daemons.has_systemd():
        return own or None
    if not _has_syslog():
        raise NoMailLog(
            "fail2ban: true needs a mail log, and nothing on this host writes one: there is no "
            # Debian's rsyslog has no init script any more.
            f"systemd, and no syslog daemon at {_SYSLOG_SOCKET}; install one (apt-get install "
            f"inetutils-syslogd), or have Postfix write it: main: {{maillog_file: {_MAIL_LOG}}}"
        )
    return _MAIL_LOG


def _maillog_file(settings):
    """Return the parameter maillog_file as it will be; an empty text for none."""
    declared = settings["main"]
    if "maillog_file" in declared or settings["purge"] == "remove":
        return declared.get("maillog_file") or ""
    return postfix_sasl_maillog.own_file()


def _has_syslog():
    """Return whether a syslog daemon listens: the socket of one that is gone stays."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        # EPROTOTYPE: it is there, and wants a stream.
        return client.connect_ex(_SYSLOG_SOCKET) in (0, errno.EPROTOTYPE)


def filter_text():
    """Return the filter: which lines of the log are a failed login; see jail.conf(5)."""
    text = _FILTER_TEXT.format(not_their_fault=_NOT_THEIR_FAULT)
    return postfix_sasl_sasl.MANAGED + text


def jail_text(log, has_syslog, release=None):
    """Return the jail: where it reads, and which ports it closes; see jail.conf(5).

    log
        The file of the mail log; None for systemd's journal.
    has_syslog
        Whether a syslog daemon writes what others log.
    release
        The Debian release; None for this host's.
    """
    source = _FROM_FILE.format(path=log) if log else _FROM_JOURNAL
    is_bookworm = (release or postfix_sasl_stock.release()) == "bookworm"
    has_auth_log = has_syslog and not postfix_sasl_daemons.has_systemd()
    ssh = _SSH_FROM_JOURNAL if is_bookworm and not has_auth_log else ""
    return postfix_sasl_sasl.MANAGED + _JAIL_TEXT + source + ssh


class _Watching(postfix_sasl_daemons.Service):
    """fail2ban with our jail; it does not start where a file is missing that a jail reads."""

    def __init__(self, files, daemon, fresh, log):
        super().__init__(files, daemon, fresh)
        self.log = log

    def apply(self):
        """See that the log is written, and start or restart fail2ban."""
        if self.log:
            _await_log(self.log)
        super().apply()


def _await_log(path):
    """Wait until *path* is there, and what other jails read; raise NoMailLog where it never is."""
    paths = [path]
    if path == _MAIL_LOG and not postfix_sasl_daemons.has_systemd() and _has_syslog():
        # rsyslog makes a file when there is something to write to it.
        for facility in (syslog.LOG_AUTHPRIV, syslog.LOG_MAIL):
            syslog.openlog("postfix_sasl", facility=facility)
            syslog.syslog(syslog.LOG_INFO, "fail2ban is about to read this log")
        syslog.closelog()
        if postfix_sasl_stock.release() == "bookworm":
            paths.append(_AUTH_LOG)
    if not postfix_sasl_daemons.wait_for(lambda: all(map(os.path.exists, paths)), _LOG_SECONDS):
        missing = ", ".join(each for each in paths if not os.path.exists(each))
        raise NoMailLog(
            f"nothing writes {missing}, without which fail2ban does not start; have the syslog "
            f"daemon write it, or Postfix its own log: main: {{maillog_file: {_MAIL_LOG}}}"
        )


def removal(salt):
    """Return what is left of our jail, as things; fail2ban goes on with its other jails."""
    paths = postfix_sasl_absent.ours(_JAIL, _FILTER)
    return [_Jail(paths, Fail2ban(salt))] if paths else []


class _Jail(postfix_sasl_absent.Files):
    """Our jail, to be taken off: not by a restart, which other jails might not survive."""

    def __init__(self, paths, daemon):
        super().__init__(daemon.name, paths)
        self.daemon = daemon

    def apply(self):
        """End the jail, which lets in again whom it kept out, and remove its files."""
        if self.daemon.running():
            command = ["/usr/bin/fail2ban-client", "stop", _NAME]
            # It fails where the daemon has not got the jail, which is as it should be.
            postfix_sasl_daemons.run(command, accepted=None)
        for file in self.files:
            file.apply()
