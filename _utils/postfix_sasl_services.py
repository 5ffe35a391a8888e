"""The master.cf service entries that the settings ask for."""

import socket

import postfix_sasl_mastercf

SUBMISSION_PORT = 587
SMTPS_PORT = 465

# A second SASL configuration, for smtpd processes on the other side of the chroot.
UNCHROOTED_SASL_PATH = "smtpd-unchrooted"

_AUTHENTICATED_ONLY = "permit_sasl_authenticated,reject"


def entries(settings, current):
    """Return the service entries that *settings* ask for, as changes to *current* ones.

    settings
        Checked settings, see ``postfix_sasl_settings``.
    current
        The entries master.cf has now, as ``{service/type: fields}``.

    Returns ``{service/type: fields, or None to remove the entry}``. Fields that are not given
    stay as they are; so do ``-o`` options that are not named.
    """
    master = settings["master"]
    wanted = {}
    _port_25(wanted, settings, current)
    for name, port, options in (
        ("submission", SUBMISSION_PORT, _submission_options()),
        ("smtps", SMTPS_PORT, _smtps_options()),
    ):
        options.update(settings[f"services:{name}:options"])
        fields = _listener(settings, options) if settings[f"services:{name}:enabled"] else None
        wanted.update(_one_entry_for(port, fields, current, master))
    _fetchmail(wanted, settings, current)
    _explicit_chroot(wanted, settings, current)
    for key, fields in master.items():
        wanted[key] = _overlay(wanted.get(key), fields)
    _sasl_path_by_chroot(wanted, current)
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
    if port.isdigit():
        return host.strip("[]"), int(port)
    try:
        return host.strip("[]"), socket.getservbyname(port, "tcp")
    except OSError:
        return host.strip("[]"), None


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


def _port_25(wanted, settings, current):
    on_25 = [key for key in current if endpoint(key) and endpoint(key)[1] == 25]
    if not on_25:
        wanted["smtp/inet"] = _listener(settings, {})
    for key in on_25:
        # postscreen(8) may stand here; smtpd is then behind it, under another name.
        if is_smtpd(current[key]):
            wanted[key] = {"chroot": _chroot(settings)}


def _listener(settings, options):
    fields = {
        "private": "n",
        "unprivileged": "-",
        "chroot": _chroot(settings),
        "wakeup": "-",
        "process_limit": "-",
        "command": "smtpd",
        "options": options,
    }
    return fields


def _chroot(settings):
    return "y" if settings["chroot"] else "n"


def _submission_options():
    # RFC 6409 section 4.3 demands authentication here; RFC 8314 section 3.3 TLS before it. Both
    # restrictions lists are named so that permit_mynetworks in main.cf can't open the port.
    return {
        "syslog_name": "postfix/submission",
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_auth_only": "yes",
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_client_restrictions": _AUTHENTICATED_ONLY,
        "smtpd_relay_restrictions": _AUTHENTICATED_ONLY,
        "smtpd_etrn_restrictions": "reject",
        "milter_macro_daemon_name": "ORIGINATING",
    }


def _smtps_options():
    return {
        **_submission_options(),
        "syslog_name": "postfix/smtps",
        "smtpd_tls_wrappermode": "yes",
    }


def _one_entry_for(port, fields, current, master):
    """Return changes after which *port* has one entry, under the name it has already, if any.

    Two entries for one port kill master(8), whatever names they use; entries for different
    addresses may share a port.
    """
    declared = [key for key in master if _has_port(key, port)]
    existing = [key for key in current if _has_port(key, port)]
    changes = dict.fromkeys(existing)
    if fields is None:
        return changes
    seen = set()
    for key in [*declared, *existing] or [_usual_name(port)]:
        host = endpoint(key)[0]
        if host not in seen:
            seen.add(host)
            changes[key] = fields
    return changes


def _has_port(key, port):
    place = endpoint(key)
    return place is not None and place[1] == port


def _usual_name(port):
    """Return the first name for *port* that /etc/services knows, else the number."""
    for name in {SUBMISSION_PORT: ("submission",), SMTPS_PORT: ("submissions", "smtps")}[port]:
        if endpoint(f"{name}/inet")[1] == port:
            return f"{name}/inet"
    return f"{port}/inet"


def _fetchmail(wanted, settings, current):
    address, port = settings["services:fetchmail:address"], settings["services:fetchmail:port"]
    key = f"{address}:{port}/inet"
    if not settings["services:fetchmail:enabled"]:
        if key in current:
            wanted[key] = None
        return
    options = {
        "syslog_name": "postfix/fetchmail",
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
    """Write y or n for any other smtpd: what '-' means depends on compatibility_level."""
    for key, fields in current.items():
        if key not in wanted and is_smtpd(fields) and fields.get("chroot", "-") == "-":
            wanted[key] = {"chroot": _chroot(settings)}


def _overlay(derived, declared):
    if declared is None or derived is None:
        return declared
    options = {**derived.get("options", {}), **declared.get("options", {})}
    return {**derived, **declared, "options": options}


def _sasl_path_by_chroot(wanted, current):
    """Give smtpd outside the chroot a SASL configuration of its own where some are inside."""
    final = {key: fields for key, fields in merged(current, wanted).items() if is_smtpd(fields)}
    mixed = is_mixed(final)
    for key, fields in final.items():
        path = fields["options"].get("smtpd_sasl_path")
        if mixed and fields.get("chroot") == "n":
            if path is None:
                _set_option(wanted, key, UNCHROOTED_SASL_PATH)
        elif path == UNCHROOTED_SASL_PATH:
            _set_option(wanted, key, None)


def is_mixed(final):
    """Return whether *final* entries hold smtpd both inside and outside the chroot."""
    sides = {fields.get("chroot") == "y" for fields in final.values() if is_smtpd(fields)}
    return len(sides) == 2


def _set_option(wanted, key, value):
    fields = dict(wanted.get(key) or {})
    fields["options"] = {**fields.get("options", {}), "smtpd_sasl_path": value}
    wanted[key] = fields
