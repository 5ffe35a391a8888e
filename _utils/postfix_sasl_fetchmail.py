"""fetchmail: its configuration and daemon.

It hands its mail to Postfix's own listener for it, or to a program, see ``postfix_sasl_msmtp``.
"""

import glob
import os
import re

import postfix_sasl_absent
import postfix_sasl_daemons
import postfix_sasl_msmtp
import postfix_sasl_sasl
import postfix_sasl_textfile
import postfix_sasl_things

PROGRAM = "/usr/bin/fetchmail"
USER, GROUP = "fetchmail", "nogroup"
# The one of Debian's init script, so that the daemon is there once whichever script starts it.
_PID_FILE = "/run/fetchmail/fetchmail.pid"
_UNIT_FILE = "/etc/systemd/system/fetchmail.service"
_INIT_FILE = "/etc/init.d/fetchmail-postfix"
_RCFILE = re.compile(r" --fetchmailrc (\S+)")

# It stands in for Debian's own service of that name, which is an init script that reports
# "active" without running anything, or a unit that starts even without fetchmailrc.
_UNIT = """\
[Unit]
Description=Fetch mail for local users
Documentation=man:fetchmail(1)
Wants=network-online.target
After=network-online.target nss-lookup.target postfix.service postfix@-.service

[Service]
User={user}
Group={group}
RuntimeDirectory=fetchmail
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
ExecStart={program} --nodetach --nosyslog --fetchmailrc {rcfile} --pidfile {pid_file}
ExecReload=/bin/kill -USR1 $MAINPID
Restart=always
RestartSec=5
NoNewPrivileges=yes
ProtectSystem=full
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"""

# Debian's own init script, where there is one, is a file of the package and stays as it is.
_INIT_SCRIPT = """\
#! /bin/sh
{managed}### BEGIN INIT INFO
# Provides:          {name}
# Required-Start:    $network $local_fs $remote_fs
# Required-Stop:     $remote_fs
# Should-Start:      postfix $named $syslog
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Fetch mail for local users
### END INIT INFO

. /lib/lsb/init-functions

runs() {{
    pidofproc -p {pid_file} {program} > /dev/null
}}

case "$1" in
start)
    runs && exit 0
    install -d -o {user} -g {group} -m 0700 {directory}
    exec start-stop-daemon --start --quiet --chuid {user}:{group} --pidfile {pid_file} \
--exec {program} -- --syslog --fetchmailrc {rcfile} --pidfile {pid_file}
    ;;
stop)
    start-stop-daemon --stop --quiet --oknodo --retry=TERM/20/KILL/5 --pidfile {pid_file} \
--exec {program}
    ;;
restart | reload | force-reload)
    "$0" stop
    exec "$0" start
    ;;
status)
    status_of_proc -p {pid_file} {program} {name}
    ;;
*)
    echo "Usage: $0 {{start|stop|restart|force-reload|status}}" >&2
    exit 3
    ;;
esac
"""


def things(settings, salt, fresh):
    """Return what fetchmail needs, as things with changes and apply.

    settings
        Checked settings, see ``postfix_sasl_settings``.
    salt
        Salt's execution functions, ``__salt__``.
    fresh
        Whether the program was not there before this run.
    """
    if not settings["fetchmail:enabled"]:
        return removal(settings, salt)
    rcfile = settings["fetchmail:rcfile"]
    rc = postfix_sasl_things.File(rcfile, rc_text(settings), USER, GROUP, 0o600, secret=True)
    systemd = postfix_sasl_daemons.has_systemd()
    starter_path = _UNIT_FILE if systemd else _INIT_FILE
    name = _service_name(starter_path)
    fields = {
        "name": name,
        "program": PROGRAM,
        "managed": postfix_sasl_sasl.MANAGED,
        "user": USER,
        "group": GROUP,
        "rcfile": rcfile,
        "pid_file": _PID_FILE,
        "directory": _PID_FILE.rpartition("/")[0],
    }
    if systemd:
        text = postfix_sasl_sasl.MANAGED + _UNIT.format(**fields)
        starter = postfix_sasl_things.File(starter_path, text)
    else:
        text = _INIT_SCRIPT.format(**fields)
        starter = postfix_sasl_things.File(starter_path, text, mode=0o755)
    # fetchmail notices a new fetchmailrc by itself: what that names is there before it is.
    before = postfix_sasl_msmtp.files(settings, USER, GROUP)
    after = [] if before else postfix_sasl_msmtp.removal()
    daemon = postfix_sasl_daemons.Daemon(salt, name, _PID_FILE, "fetchmail")
    return [postfix_sasl_daemons.Service([*before, rc, starter, *after], daemon, fresh)]


def removal(settings, salt):
    """Return what is left of our daemon, as things; nothing where there is nothing of ours."""
    starters = postfix_sasl_absent.ours(_UNIT_FILE, _INIT_FILE)
    rcfiles = [settings["fetchmail:rcfile"]]
    for starter in starters:
        rcfiles += _RCFILE.findall(postfix_sasl_textfile.read(starter))
    rcfiles = postfix_sasl_absent.ours(*map(glob.escape, dict.fromkeys(rcfiles)))
    things = []
    for starter in starters:
        name = _service_name(starter)
        daemon = postfix_sasl_daemons.Daemon(salt, name, _PID_FILE, "fetchmail")
        things.append(postfix_sasl_absent.Daemon(daemon))
        things.append(postfix_sasl_absent.Files(name, [starter]))
    files = [postfix_sasl_things.File(path, None) for path in rcfiles]
    return [*things, *files, *postfix_sasl_msmtp.removal()]


def _service_name(starter):
    return os.path.basename(starter).removesuffix(".service")


def rc_text(settings):
    """Return the text of fetchmailrc for checked *settings*; the syntax is in fetchmail(1)."""
    lines = [
        f"set daemon {settings['fetchmail:interval']}",
        # What can't be delivered stays on the server or goes to the postmaster; a bounce would
        # go to whoever the sender claims to be.
        "set no bouncemail",
        'set postmaster "postmaster"',
    ]
    for poll in settings["fetchmail:poll"]:
        port = f" port {poll['port']}" if poll["port"] else ""
        lines.append(f"poll {_quoted(poll['server'])} protocol {poll['protocol']}{port}")
        for user in poll["users"]:
            lines.append(_user_section(user, poll["ssl"], _delivery(settings, user["local"])))
    return postfix_sasl_sasl.MANAGED + "\n".join(lines) + "\n"


def _delivery(settings, local):
    """Return the words that say who takes the mail for *local*."""
    if postfix_sasl_msmtp.is_wanted(settings):
        return f"mda {_quoted(postfix_sasl_msmtp.command(local))}"
    address, port = settings["services:fetchmail:address"], settings["services:fetchmail:port"]
    # By itself fetchmail would make smtphost the domain of recipients: no local one.
    return f'smtphost "{address}/{port}" smtpaddress "localhost"'


def _user_section(user, ssl, delivery):
    lines = [
        f"  user {_quoted(user['remote'])} there with password {_quoted(user['password'])}",
        f"    is {_quoted(user['local'])} here",
        f"    {delivery}",
        # Without ssl fetchmail still tries STARTTLS unless the empty sslproto forbids it.
        "    ssl" if ssl else "    sslproto ''",
    ]
    lines += [f"    {option}" for option in user["options"]]
    return "\n".join(lines)


def _quoted(word):
    # Not \", which fetchmail takes for the end of the string and then sends both quotes.
    escaped = word.replace("\\", "\\\\").replace('"', "\\042")
    return f'"{escaped}"'
