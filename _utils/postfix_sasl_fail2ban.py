"""fail2ban watching logins: who fails too often is kept from the mail ports for a while.

How often and how long is fail2ban's own setting (``[DEFAULT]`` of jail.conf), so that what an
admin has in jail.local holds here, too. A login that failed because this server could not check
it, such as with saslauthd down, counts for nobody.
"""

import postfix_sasl_absent
import postfix_sasl_daemons
import postfix_sasl_sasl
import postfix_sasl_stock
import postfix_sasl_things

PACKAGES = ("fail2ban", "nftables", "python3-systemd")
PROGRAM = "/usr/bin/fail2ban-server"
_FILTER = "/etc/fail2ban/filter.d/postfix_sasl.conf"
_JAIL = "/etc/fail2ban/jail.d/postfix_sasl.conf"
_PID_FILE = "/run/fail2ban/fail2ban.pid"
_NAME = "postfix_sasl"

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
_FROM_FILE = "backend = auto\nlogpath = /var/log/mail.log\nskip_if_nologs = true\n"
# Debian 12's own jail for ssh looks for a log file that a host with only a journal lacks, and
# fail2ban does not start then.
_SSH_FROM_JOURNAL = "\n[sshd]\nbackend = systemd\n"


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
    files = [
        postfix_sasl_things.File(_FILTER, filter_text()),
        postfix_sasl_things.File(_JAIL, jail_text(postfix_sasl_daemons.has_systemd())),
    ]
    return [postfix_sasl_daemons.Service(files, Fail2ban(salt), fresh)]


def filter_text():
    """Return the filter: which lines of the log are a failed login; see jail.conf(5)."""
    text = _FILTER_TEXT.format(not_their_fault=_NOT_THEIR_FAULT)
    return postfix_sasl_sasl.MANAGED + text


def jail_text(systemd):
    """Return the jail: where it reads, and which ports it closes; see jail.conf(5).

    systemd
        Whether the host runs systemd, and its journal holds the mail log.
    """
    source = _FROM_JOURNAL if systemd else _FROM_FILE
    is_bookworm = postfix_sasl_stock.release() == "bookworm"
    ssh = _SSH_FROM_JOURNAL if systemd and is_bookworm else ""
    return postfix_sasl_sasl.MANAGED + _JAIL_TEXT + source + ssh


def removal(salt):
    """Return what is left of our jail, as things; fail2ban goes on with its other jails."""
    paths = postfix_sasl_absent.ours(_JAIL, _FILTER)
    return [_Jail(paths, Fail2ban(salt))] if paths else []


class _Jail:
    """Our jail, to be taken off: not by a restart, which other jails might not survive."""

    def __init__(self, paths, daemon):
        self.files = [postfix_sasl_things.File(path, None) for path in paths]
        self.daemon = daemon

    def changes(self):
        """Return the files that are there."""
        return {path: change for file in self.files for path, change in file.changes().items()}

    def apply(self):
        """End the jail, which lets in again whom it kept out, and remove its files."""
        if self.daemon.running():
            command = ["/usr/bin/fail2ban-client", "stop", _NAME]
            # It fails where the daemon has not got the jail, which is as it should be.
            postfix_sasl_daemons.run(command, accepted=None)
        for file in self.files:
            file.apply()
