"""The saslauthd instance that answers Postfix: its files, its directory, and it running."""

import contextlib
import os
import re

import postfix_sasl_absent
import postfix_sasl_daemons
import postfix_sasl_lines
import postfix_sasl_sasl
import postfix_sasl_services
import postfix_sasl_textfile
import postfix_sasl_things

GROUP = "sasl"
DIRECTORY_MODE = 0o710
_DEBIANS_OWN = "/run/saslauthd"

# Debian's init script asks start-stop-daemon for a process of this NAME before it starts another;
# any name but the program's own would never be found, and a second copy be started.
_DEFAULTS = """\
START={start}
DESC="SASL authentication daemon for Postfix"
NAME="saslauthd"
MECHANISMS="{mechanism}"
MECH_OPTIONS="{mechanism_options}"
THREADS={threads}
OPTIONS="{options}"
"""

# The shell reads the defaults file the way Debian's init script does. saslauthd goes into the
# background before its socket is there, hence the wait. It is restarted after a clean end, too:
# "systemctl stop saslauthd" on Debian 12 ends every instance.
_UNIT = """\
[Unit]
Description=SASL authentication daemon for Postfix
Documentation=man:saslauthd(8)
After=network.target nss-user-lookup.target
Before=postfix.service postfix@-.service
StartLimitIntervalSec=0

[Service]
Type=forking
PIDFile={directory}/saslauthd.pid
ExecStartPre=/usr/bin/install -d -o root -g {group} -m {mode:04o} {directory}
ExecStartPre=/bin/rm -f {directory}/mux
ExecStart=/bin/sh -c '. {defaults}; exec /usr/sbin/saslauthd -a "$$MECHANISMS" \
$${{MECH_OPTIONS:+-O "$$MECH_OPTIONS"}} $$OPTIONS -n "$${{THREADS:-5}}"'
ExecStartPost=/bin/sh -c 'n=0; until [ -S {directory}/mux ]; do \
n=$$((n+1)); [ $$n -lt 100 ] || exit 1; sleep 0.05; done'
Restart=always
RestartSec=1
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
ProtectSystem=full
ProtectControlGroups=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes

[Install]
WantedBy=multi-user.target
"""

_INIT_SCRIPT = """\
#! /bin/sh
{managed}### BEGIN INIT INFO
# Provides:          {name}
# Required-Start:    $local_fs $remote_fs
# Required-Stop:     $local_fs $remote_fs
# Should-Start:      $syslog $named
# X-Start-Before:    postfix mail-transport-agent
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: SASL authentication daemon for Postfix
### END INIT INFO

# Debian's own script starts every instance there is, or none; this one starts {name}.

directory={directory}

. /lib/lsb/init-functions

runs() {{
    pidofproc -p "$directory/saslauthd.pid" /usr/sbin/saslauthd > /dev/null
}}

case "$1" in
start)
    runs && exit 0
    /etc/init.d/saslauthd start-instance {name} > /dev/null
    tries=0
    until runs && [ -S "$directory/mux" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || exit 1
        sleep 0.1
    done
    ;;
stop)
    exec /etc/init.d/saslauthd stop-instance {name}
    ;;
restart | reload | force-reload)
    "$0" stop
    exec "$0" start
    ;;
status)
    status_of_proc -p "$directory/saslauthd.pid" /usr/sbin/saslauthd {name}
    ;;
*)
    echo "Usage: $0 {{start|stop|restart|force-reload|status}}" >&2
    exit 3
    ;;
esac
"""

_FILES = (
    "/etc/default/saslauthd-*",
    "/etc/systemd/system/saslauthd-*.service",
    "/etc/init.d/saslauthd-*",
    "/etc/saslauthd-*.conf",
)
# The socket's directory, as each of these files names it.
_DIRECTORY = re.compile(
    r'^(?:OPTIONS="(?:.* )?-m ([^" ]+)"|PIDFile=(\S+)/saslauthd\.pid|directory=(\S+))$',
    re.MULTILINE,
)


class Saslauthd(postfix_sasl_daemons.Daemon):
    """The instance: running means that it has its socket, too."""

    def __init__(self, salt, name, directory):
        super().__init__(salt, name, f"{directory}/saslauthd.pid", "saslauthd")
        self.socket = f"{directory}/mux"

    def running(self):
        """Return whether the process runs and has its socket."""
        return super().running() and os.path.exists(self.socket)


class SocketDirectory(postfix_sasl_things.Directory):
    """The socket's directory, closed to everybody but root and the group: its own, nobody else's.

    What else is in it, others may need.
    """

    def changes(self):
        """Return what differs; raise NotOurs where there are other people's files in it."""
        changes = super().changes()
        names = os.listdir(self.path) if os.path.isdir(self.path) else []
        others = sorted(
            name for name in names if not name.startswith(postfix_sasl_absent.OF_SASLAUTHD)
        )
        if others:
            raise postfix_sasl_things.NotOurs(
                f"saslauthd:run_dir: {self.path} holds {postfix_sasl_lines.shown(others[0])}, "
                "which is not saslauthd's; take a directory that is for nothing else"
            )
        return changes


class PostfixInGroup:
    """The user postfix is in the group sasl, and the Postfix that runs knows it.

    master(8) looks groups up for each process it starts; those it has keep the old ones.
    """

    def __init__(self, salt):
        self.membership = postfix_sasl_things.Membership("postfix", GROUP, salt)
        self.postfix = postfix_sasl_daemons.Postfix(salt)

    def desired(self):
        """Return the member the group should have."""
        return self.membership.desired()

    def changes(self):
        """Return the group's members before and after, or that Postfix has to look again."""
        changes = self.membership.changes()
        if self.postfix.pending and not changes:
            changes = {f"group {GROUP}": {"old": "unknown to Postfix", "new": "known to Postfix"}}
        return changes

    def apply(self):
        """Add the user to the group and have Postfix look, now or with its next configuration."""
        self.postfix.pending.note()
        if self.membership.changes():
            self.membership.apply()
        if not self.postfix.running():
            self.postfix.pending.done()
            return
        # A Postfix that can't be reloaded is mended or reported where its configuration is.
        with contextlib.suppress(postfix_sasl_daemons.NotTold):
            self.postfix.reload()


def things(settings, salt, entries):
    """Return what the instance needs, in order, for smtpd in the service *entries*."""
    chrooted = postfix_sasl_services.any_chrooted(entries)
    directory = postfix_sasl_sasl.run_directories(settings, chrooted)[1]
    name = postfix_sasl_sasl.unit_name(settings)
    return [
        SocketDirectory(directory, "root", GROUP, DIRECTORY_MODE),
        postfix_sasl_things.StatOverride(directory, "root", GROUP, DIRECTORY_MODE),
        PostfixInGroup(salt),
        postfix_sasl_daemons.Service(
            files(settings, directory, postfix_sasl_daemons.has_systemd()),
            Saslauthd(salt, name, directory),
        ),
    ]


def files(settings, directory, systemd):
    """Return the instance's defaults file, and its unit or init script, as things.

    settings
        Checked settings, see ``postfix_sasl_settings``.
    directory
        The socket's directory, as the host sees it.
    systemd
        Whether the host runs systemd.
    """
    name = postfix_sasl_sasl.unit_name(settings)
    defaults = f"/etc/default/{name}"
    if systemd:
        unit = postfix_sasl_sasl.MANAGED + _UNIT.format(
            directory=directory, defaults=defaults, group=GROUP, mode=DIRECTORY_MODE
        )
        starter = postfix_sasl_things.File(f"/etc/systemd/system/{name}.service", unit)
    else:
        script = _INIT_SCRIPT.format(
            managed=postfix_sasl_sasl.MANAGED, name=name, directory=directory
        )
        starter = postfix_sasl_things.File(f"/etc/init.d/{name}", script, mode=0o755)
    text = defaults_text(settings, directory, systemd)
    return [*_ldap_files(settings), postfix_sasl_things.File(defaults, text), starter]


def remarks(settings):
    """Return what an admin should know of the mechanism, as lines."""
    mechanism = settings["saslauthd:mechanism"]
    if mechanism not in ("shadow", "getpwent"):
        return []
    return [
        f"warning: saslauthd:mechanism {mechanism} looks at passwords only: root, and system "
        "accounts that have one, can log in; the rules in pam:rules are for the mechanism pam"
    ]


def _ldap_files(settings):
    """Return saslauthd's configuration for LDAP, which may hold a password, as things."""
    path = _ldap_path(settings)
    if _has_ldap(settings):
        options = settings["saslauthd:ldap"].items()
        lines = [f"{name}: {value}\n" for name, value in options if value is not None]
        text = postfix_sasl_sasl.MANAGED + "".join(lines)
        return [postfix_sasl_things.File(path, text, mode=0o600, secret=True)]
    return [postfix_sasl_things.File(each, None) for each in postfix_sasl_absent.ours(path)]


def _has_ldap(settings):
    return settings["saslauthd:mechanism"] == "ldap" and bool(settings["saslauthd:ldap"])


def _ldap_path(settings):
    return f"/etc/{postfix_sasl_sasl.unit_name(settings)}.conf"


def defaults_text(settings, directory, systemd):
    """Return /etc/default/saslauthd-<instance>.

    Every variable is set, since Debian's init script reads the files of all instances into one
    shell. Debian 12's starts an instance only with START=yes; under systemd that would be a
    second copy.
    """
    switches = {"-c": settings["saslauthd:cache"], "-r": settings["saslauthd:realm"]}
    options = [switch for switch, wanted in switches.items() if wanted]
    return postfix_sasl_sasl.MANAGED + _DEFAULTS.format(
        start="no" if systemd else "yes",
        mechanism=settings["saslauthd:mechanism"],
        mechanism_options=_ldap_path(settings)
        if _has_ldap(settings)
        else settings["saslauthd:mechanism_options"],
        threads=settings["saslauthd:threads"],
        options=" ".join([*options, "-m", directory]),
    )


def removal(salt, leave_group=False):
    """Return what is left of instances of ours, as things; nothing where there are none.

    The host tells what there is, since the pillar may have changed. The files go last: they say
    that the rest is ours. With *leave_group* the user postfix stays in the group.
    """
    stopping, files = [], []
    for name, paths in _instances().items():
        files.append(postfix_sasl_absent.Files(name, paths))
        for directory in dict.fromkeys(filter(None, map(_directory, paths))):
            daemon = postfix_sasl_daemons.Daemon(
                salt, name, f"{directory}/saslauthd.pid", "saslauthd"
            )
            stopping.append(postfix_sasl_absent.Daemon(daemon))
            if os.path.realpath(directory) != _DEBIANS_OWN:
                stopping.append(postfix_sasl_absent.StatOverride(directory))
                stopping.append(postfix_sasl_absent.SocketDirectory(directory))
    if files and not leave_group:
        stopping.append(postfix_sasl_absent.Membership("postfix", GROUP, salt))
    return stopping + files


def _instances():
    """Return ``{service name: [path, ...]}`` of the files that are ours."""
    found = {}
    for path in postfix_sasl_absent.ours(*_FILES):
        name = os.path.basename(path).removesuffix(".service").removesuffix(".conf")
        found.setdefault(name, []).append(path)
    return found


def _directory(path):
    match = _DIRECTORY.search(postfix_sasl_textfile.read(path))
    return next(filter(None, match.groups()), None) if match else None
