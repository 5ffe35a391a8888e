"""fetchmail, handing its mail to Postfix's own listener for it: its configuration and daemon."""

import os

import postfix_sasl_daemons
import postfix_sasl_sasl
import postfix_sasl_things

USER, GROUP = "fetchmail", "nogroup"
_DEFAULTS = "/etc/default/fetchmail"
_INIT_SCRIPT = "/etc/init.d/fetchmail"
_UNIT_PATH = "/etc/systemd/system/fetchmail.service"

# Debian's own unit, where there is one, neither makes its run directory nor stays in the
# foreground.
_UNIT = """\
[Unit]
Description=Fetch mail for local users
Documentation=man:fetchmail(1)
After=network-online.target postfix.service
Wants=network-online.target

[Service]
User={user}
RuntimeDirectory=fetchmail
ExecStart=/usr/bin/fetchmail --nodetach --nosyslog \
--pidfile /run/fetchmail/fetchmail.pid --fetchmailrc {rcfile}
# 1: no mail was waiting when it was told to stop
SuccessExitStatus=1
Restart=on-failure
RestartSec=30

[Install]
WantedBy=multi-user.target
"""


def rc_text(settings):
    """Return the text of fetchmailrc for checked *settings*; the syntax is in fetchmail(1)."""
    address = settings["services:fetchmail:address"]
    smtphost = f"{address}/{settings['services:fetchmail:port']}"
    lines = [f"set daemon {settings['fetchmail:interval']}"]
    for poll in settings["fetchmail:poll"]:
        port = f" port {poll['port']}" if poll["port"] else ""
        lines.append(f"poll {_quoted(poll['server'])} protocol {poll['protocol']}{port}")
        lines += [_user_section(user, poll["ssl"], smtphost) for user in poll["users"]]
    return postfix_sasl_sasl.MANAGED + "\n".join(lines) + "\n"


def _user_section(user, ssl, smtphost):
    words = [
        f"  user {_quoted(user['remote'])} there with password {_quoted(user['password'])}",
        f"    is {_quoted(user['local'])} here",
        # The address literal that would be fetchmail's own choice is no local domain to Postfix.
        f"    smtphost {_quoted(smtphost)} smtpaddress localhost",
        "    ssl" if ssl else "    sslproto ''",
    ]
    words += [f"    {option}" for option in user["options"]]
    return "\n".join(words)


def _quoted(word):
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Fetchmail:
    """The fetchmail daemon, by its unit or by Debian's init script.

    salt
        Salt's execution functions, ``__salt__``.
    """

    name = "fetchmail"

    def __init__(self, salt):
        self.salt = salt

    def running(self):
        """Return whether the daemon runs."""
        pid_file = "/run/fetchmail/fetchmail.pid"
        return postfix_sasl_daemons.process_of(pid_file, "fetchmail") is not None

    def enabled(self):
        """Return whether it starts at boot."""
        return bool(self.salt["service.enabled"](self.name))

    def enable(self):
        """Have it start at boot."""
        self.salt["service.enable"](self.name)

    def start(self):
        """Start it; raise DaemonError where it does not come up."""
        self._do("start")

    def restart(self):
        """Start it afresh; raise DaemonError where it does not come up."""
        self._do("restart")

    def _do(self, action):
        if not postfix_sasl_daemons.has_systemd() and not os.path.exists(_INIT_SCRIPT):
            raise postfix_sasl_daemons.DaemonError(
                f"fetchmail can't be started: there is neither systemd nor {_INIT_SCRIPT}"
            )
        self.salt[f"service.{action}"](self.name)
        postfix_sasl_daemons.wait_until_running(self)


def things(settings, salt):
    """Return what fetchmail needs, as things with changes and apply."""
    if not settings["fetchmail:enabled"]:
        return []
    rcfile = settings["fetchmail:rcfile"]
    rc = postfix_sasl_things.File(rcfile, rc_text(settings), USER, GROUP, 0o600, secret=True)
    if postfix_sasl_daemons.has_systemd():
        text = postfix_sasl_sasl.MANAGED + _UNIT.format(user=USER, rcfile=rcfile)
        starter = postfix_sasl_things.File(_UNIT_PATH, text)
    else:
        text = f"{postfix_sasl_sasl.MANAGED}START_DAEMON=yes\nCONFFILE={rcfile}\n"
        starter = postfix_sasl_things.File(_DEFAULTS, text)
    return [postfix_sasl_daemons.Service([rc, starter], Fetchmail(salt), salt)]
