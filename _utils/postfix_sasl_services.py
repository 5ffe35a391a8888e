"""The master.cf service entries that the settings ask for."""

import os
import socket

import postfix_sasl_limits
import postfix_sasl_mastercf
import postfix_sasl_protocol
import postfix_sasl_senders

SMTP_PORT = 25
SUBMISSION_PORT = 587
SMTPS_PORT = 465

# Names of these ports in /etc/services, the usual one of each port first.
_NAMES = {
    "smtp": SMTP_PORT,
    "submission": SUBMISSION_PORT,
    "submissions": SMTPS_PORT,
    "smtps": SMTPS_PORT,
    "ssmtp": SMTPS_PORT,
}

# A second SASL configuration, for smtpd processes on the other side of the chroot.
UNCHROOTED_SASL_PATH = "smtpd-unchrooted"

FETCHMAIL_SYSLOG_NAME = "postfix/fetchmail"
_AUTHENTICATED_ONLY = "permit_sasl_authenticated,reject"


def entries(settings, current, release=None):
    """Return the service entries that *settings* ask for, as changes to *current* ones.

    settings
        Checked settings, see ``postfix_sasl_settings``.
    current
        The entries master.cf has now, as ``{service/type: fields}``.
    release
        The Debian release; None for this host's.

    Returns ``{service/type: fields, or None to remove the entry}``. Fields that are not given
    stay as they are; so do ``-o`` options that are not named.
    """
    master = settings["master"]
    wanted = {}
    _smtp(wanted, settings, current)
    for name, port, options in (
        ("submission", SUBMISSION_PORT, _submission_options(settings, release)),
        ("smtps", SMTPS_PORT, _smtps_options(settings, release)),
    ):
        options.update(settings[f"services:{name}:options"])
        wanted.update(dict.fromkeys(on_port(port, current)))
        if settings[f"services:{name}:enabled"]:
            for key in _keys_for(port, current, master):
                wanted[key] = _instead(key, _listener(settings, options), current)
    _fetchmail(wanted, settings, current)
    for key, fields in master.items():
        wanted[key] = _overlay(wanted.get(key), fields)
    _one_name_each(wanted, current, master)
    _explicit_chroot(wanted, settings, current)
    _sasl_path_by_chroot(wanted, settings, current)
    return wanted


def endpoint(key):
    """Return (host, port) of the inet entry *key*, port as a number; None for other types.

    An unknown port name gives port None. Names are looked up as master(8) does, in
    /etc/services.
    """
    service, _, kind = key.rpartition("/")
    if kind != "inet":
        return None
    host, _, port = service.rpartition(":")
    is_number = port.isascii() and port.isdigit()
    return host.strip("[]"), int(port) if is_number else _port_of(port)


def _port_of(name):
    try:
        return socket.getservbyname(name, "tcp")
    except (OSError, UnicodeError):  # the file may hold bytes that are no UTF-8
        # Before the package netbase comes there is no name at all; a dry run looks ahead.
        return None if os.path.exists("/etc/services") else _NAMES.get(name)


def clash(key, other):
    """Return whether two entries want the same port, of the same address or one of them of all."""
    first, second = place(key), place(other)
    if first == second:
        return True
    if isinstance(first, str) or isinstance(second, str):
        return False
    return first[1] == second[1] and "" in (first[0], second[0])


def is_smtpd(fields):
    """Return whether the entry *fields* runs smtpd(8)."""
    return (fields.get("command") or "") == "smtpd"


def merged(current, wanted):
    """Return all entries as they are once *wanted* is applied to *current*.

    Raises ValueError for a new entry with no command.
    """
    result = dict(current)
    for key, fields in wanted.items():
        if fields is None:
            result.pop(key, None)
        else:
            result[key] = postfix_sasl_mastercf.merge(key, result.get(key), fields)
    return result


def _smtp(wanted, settings, current):
    existing = on_port(SMTP_PORT, current)
    wanted.update(dict.fromkeys(existing))
    for key in _keys_for(SMTP_PORT, current, settings["master"]):
        old = _predecessor(key, current)
        if old is None:
            wanted[key] = _listener(settings, {})
        else:
            # postscreen(8) may stand here; smtpd is then behind it, under another name.
            fields = {"chroot": _chroot(settings)} if is_smtpd(old) else {}
            wanted[key] = _instead(key, fields, current)


def _predecessor(key, current):
    """Return the entry that has *key*, or has its port under another name; None without one."""
    if key in current:
        return current[key]
    return next((fields for other, fields in current.items() if clash(key, other)), None)


def _instead(key, fields, current):
    """Return *fields* for *key*, on top of what its port has under another name."""
    old = _predecessor(key, current)
    if key in current or old is None:
        return fields
    kept = {
        name: value
        for name, value in old["options"].items()
        if (name, value) != ("smtpd_sasl_path", UNCHROOTED_SASL_PATH)
    }
    return {**old, **fields, "options": {**kept, **fields.get("options", {})}}


def _listener(settings, options):
    return {
        "private": "n",
        "unprivileged": "-",
        "chroot": _chroot(settings),
        "wakeup": "-",
        "process_limit": "-",
        "command": "smtpd",
        "options": options,
    }


def _chroot(settings):
    return "y" if settings["chroot"] else "n"


def _submission_options(settings, release):
    # RFC 6409 section 4.3 demands authentication here; RFC 8314 section 3.3 TLS before it. Both
    # restrictions lists are named so that permit_mynetworks in main.cf can't open the port.
    return {
        "syslog_name": "postfix/submission",
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_auth_only": "yes",
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_client_restrictions": _AUTHENTICATED_ONLY,
        "smtpd_relay_restrictions": postfix_sasl_senders.relay_restrictions(
            settings, _AUTHENTICATED_ONLY
        ),
        "smtpd_etrn_restrictions": "reject",
        "milter_macro_daemon_name": "ORIGINATING",
        **postfix_sasl_limits.submission_options(settings),
        **postfix_sasl_protocol.submission_options(release),
    }


def _smtps_options(settings, release):
    return {
        **_submission_options(settings, release),
        "syslog_name": "postfix/smtps",
        "smtpd_tls_wrappermode": "yes",
    }


def _keys_for(port, current, master):
    """Return under which names *port* should have entries.

    Two entries for one port kill master(8), whatever names they use; entries for different
    addresses may share a port. The pillar's names come first, then those that master.cf has. A
    null in the pillar is meant for the entry, whichever of the port's names it has.
    """
    declared = on_port(port, master)
    named = [key for key in declared if master[key] is not None]
    refused = {_address(key) for key in declared if key not in named}
    kept = list(named)
    for key in on_port(port, current):
        is_taken = any(clash(key, other) for other in named)
        if not is_taken and _address(key) not in refused | {_address(other) for other in kept}:
            kept.append(key)
    if not kept and "" not in refused:
        kept.append(_usual_name(port))
    return kept


def on_port(port, keys):
    """Return those of the *keys* that listen on *port*."""
    return [key for key in keys if endpoint(key) and endpoint(key)[1] == port]


def _address(key):
    return _number(endpoint(key)[0])


def _number(host):
    """Return the address *host*, "" for all; of localhost master(8) takes this one."""
    return "127.0.0.1" if host.lower() == "localhost" else host.lower()


def has_same_place(key, other):
    """Return whether two keys are names of one address and port, or one key."""
    return place(key) == place(other)


def place(key):
    """Return the address and port that *key* stands for, or the key itself where there is none."""
    host_and_port = endpoint(key)
    if host_and_port is None or host_and_port[1] is None:
        return key
    return _number(host_and_port[0]), host_and_port[1]


def _usual_name(port):
    """Return the first name for *port* that /etc/services knows, else the number."""
    for name, usual in _NAMES.items():
        if usual == port and _port_of(name) == port:
            return f"{name}/inet"
    return f"{port}/inet"


def fetchmail_key(settings):
    """Return the name of the listener for fetchmail."""
    return f"{settings['services:fetchmail:address']}:{settings['services:fetchmail:port']}/inet"


def _one_name_each(wanted, current, master):
    """Remove entries that hold the port of one that the pillar declares under another name."""
    declared = {place(key) for key, fields in master.items() if fields is not None}
    for key in current:
        if key not in master and place(key) in declared:
            wanted[key] = None


def _fetchmail(wanted, settings, current):
    key = fetchmail_key(settings)
    for other, fields in current.items():
        is_old = endpoint(other) and fields["options"].get("syslog_name") == FETCHMAIL_SYSLOG_NAME
        if is_old or has_same_place(key, other):
            wanted[other] = None
    if not settings["services:fetchmail:enabled"]:
        return
    address = settings["services:fetchmail:address"]
    options = {
        "syslog_name": FETCHMAIL_SYSLOG_NAME,
        "smtpd_tls_security_level": "none",
        "smtpd_sasl_auth_enable": "no",
        "mynetworks": f"127.0.0.0/8,{address}/32",
        "smtpd_client_restrictions": "permit_mynetworks,reject",
        "smtpd_helo_restrictions": "",
        "smtpd_sender_restrictions": "",
        "smtpd_relay_restrictions": "reject_unauth_destination",
        "smtpd_recipient_restrictions": "reject_unauth_destination",
        "relay_domains": "",
        "smtpd_etrn_restrictions": "reject",
    }
    options.update(settings["services:fetchmail:options"])
    wanted[key] = _listener(settings, options)


def _explicit_chroot(wanted, settings, current):
    """Write y or n for any smtpd the pillar has no word on: "-" depends on compatibility_level."""
    for key, fields in merged(current, wanted).items():
        declared = settings["master"].get(key) or {}
        if is_smtpd(fields) and fields["chroot"] == "-" and "chroot" not in declared:
            wanted[key] = {**(wanted.get(key) or {}), "chroot": _chroot(settings)}


def _overlay(derived, declared):
    if declared is None or derived is None:
        return declared
    options = {**derived.get("options", {}), **declared.get("options", {})}
    return {**derived, **declared, "options": options}


def _sasl_path_by_chroot(wanted, settings, current):
    """Give smtpd outside the chroot a SASL configuration of its own where some are inside."""
    final = {key: fields for key, fields in merged(current, wanted).items() if is_smtpd(fields)}
    is_needed = is_mixed(final) and not _has_own_sasl(settings)
    for key, fields in final.items():
        if "smtpd_sasl_path" in (wanted.get(key) or {}).get("options", {}):
            continue  # the pillar says it
        path = fields["options"].get("smtpd_sasl_path")
        if is_needed and fields["chroot"] != "y":
            if path is None:
                _set_option(wanted, key, UNCHROOTED_SASL_PATH)
        elif path == UNCHROOTED_SASL_PATH:
            _set_option(wanted, key, None)


def _has_own_sasl(settings):
    """Return whether all smtpd have one SASL configuration: Dovecot's, or the pillar's own."""
    main = settings["main"]
    if settings["sasl:backend"] == "dovecot":
        return True
    return bool(main.get("smtpd_sasl_path")) or main.get("smtpd_sasl_type") not in (None, "cyrus")


def is_mixed(final):
    """Return whether *final* entries hold smtpd both inside and outside the chroot."""
    return _sides(final) == {True, False}


def any_chrooted(final):
    """Return whether *final* entries hold smtpd inside the chroot."""
    return True in _sides(final)


def _sides(final):
    # "-" is n since Postfix 3.0.
    return {fields.get("chroot") == "y" for fields in final.values() if is_smtpd(fields)}


def _set_option(wanted, key, value):
    fields = dict(wanted.get(key) or {})
    fields["options"] = {**fields.get("options", {}), "smtpd_sasl_path": value}
    wanted[key] = fields
