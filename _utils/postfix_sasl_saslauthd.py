"""The saslauthd instance that answers Postfix: its files, its directory, and it running."""

import postfix_sasl_daemons
import postfix_sasl_sasl
import postfix_sasl_services
import postfix_sasl_things

GROUP = "sasl"
DIRECTORY_MODE = 0o710
# start-stop-daemon --name compares with the process name, which the kernel cuts to 15
# characters; the instance's process is called like every saslauthd.
_NAME = "saslauthd"

_DEFAULTS = """\
START={start}
DESC="SASL Authentication Daemon for Postfix"
NAME="{name}"
MECHANISMS="{mechanism}"
MECH_OPTIONS="{mechanism_options}"
THREADS={threads}
OPTIONS="{options}"
"""

_UNIT = """\
[Unit]
Description=SASL Authentication Daemon for Postfix
Documentation=man:saslauthd(8)
Before=postfix.service postfix@-.service
After=nss-user-lookup.target
RequiresMountsFor={directory}

[Service]
Type=forking
PIDFile={directory}/saslauthd.pid
EnvironmentFile={defaults}
ExecStartPre=/usr/bin/install -d -o root -g {group} -m {mode:04o} {directory}
ExecStart=/usr/sbin/saslauthd -a $MECHANISMS $MECH_OPTIONS $OPTIONS -n $THREADS
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


def things(settings, salt, entries):
    """Return what the instance needs, in order, for smtpd in the service *entries*."""
    chrooted = any(
        fields.get("chroot") == "y"
        for fields in entries.values()
        if postfix_sasl_services.is_smtpd(fields)
    )
    directory = postfix_sasl_sasl.run_directories(settings, chrooted)[1]
    return [
        postfix_sasl_things.Directory(directory, "root", GROUP, DIRECTORY_MODE),
        postfix_sasl_things.StatOverride(directory, "root", GROUP, DIRECTORY_MODE),
        postfix_sasl_things.Membership("postfix", GROUP, salt),
        _instance(settings, salt, directory),
    ]


def _instance(settings, salt, directory):
    """Return the instance's files and it running with them, as one thing."""
    name = postfix_sasl_sasl.unit_name(settings)
    systemd = postfix_sasl_daemons.has_systemd()
    defaults = f"/etc/default/{name}"
    files = [postfix_sasl_things.File(defaults, defaults_text(settings, directory, systemd))]
    if systemd:
        unit = f"/etc/systemd/system/{name}.service"
        files.append(postfix_sasl_things.File(unit, unit_text(defaults, directory)))
    daemon = postfix_sasl_daemons.Saslauthd(salt, name, directory)
    return postfix_sasl_daemons.Service(files, daemon, salt)


def defaults_text(settings, directory, systemd):
    """Return /etc/default/saslauthd-<instance>, for systemd or for the init script.

    Debian 12's init script starts an instance only with START=yes, which under systemd would be
    a second copy. It adds -O to MECH_OPTIONS itself; a unit can't.
    """
    mechanism_options = settings["saslauthd:mechanism_options"]
    if mechanism_options and systemd:
        mechanism_options = f"-O {mechanism_options}"
    cache = "-c " if settings["saslauthd:cache"] else ""
    return postfix_sasl_sasl.MANAGED + _DEFAULTS.format(
        start="no" if systemd else "yes",
        name=_NAME,
        mechanism=settings["saslauthd:mechanism"],
        mechanism_options=mechanism_options,
        threads=settings["saslauthd:threads"],
        options=f"{cache}-m {directory}",
    )


def unit_text(defaults, directory):
    """Return the systemd unit of the instance with the *defaults* file and its *directory*."""
    return postfix_sasl_sasl.MANAGED + _UNIT.format(
        directory=directory, defaults=defaults, group=GROUP, mode=DIRECTORY_MODE
    )
