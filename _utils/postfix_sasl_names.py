"""Parameters that Postfix does not know, and those it will not know for long.

Postfix ignores an unknown parameter; only postconf(1) says a word, on standard error. What counts
as known is what postconf(1) goes by: its own list; names that another value uses through ``$``;
the parameters that a service in master.cf brings along (``NAME_destination_rate_delay``); names
in smtpd_restriction_classes; and those of a lookup table that is defined in main.cf
(``ldap:NAME`` reads ``NAME_server_host``).
"""

import difflib
import re

import postfix_sasl_macros as macros

# qmgr(8), pipe(8) and spawn(8) read these for each service, with the service's name before them.
_OF_A_SERVICE = (
    "delivery_slot_cost",
    "delivery_slot_discount",
    "delivery_slot_loan",
    "destination_concurrency_failed_cohort_limit",
    "destination_concurrency_limit",
    "destination_concurrency_negative_feedback",
    "destination_concurrency_positive_feedback",
    "destination_rate_delay",
    "destination_recipient_limit",
    "extra_recipient_limit",
    "initial_destination_concurrency",
    "minimum_delivery_slots",
    "recipient_limit",
    "recipient_refill_delay",
    "recipient_refill_limit",
    "time_limit",
    "transport_rate_delay",
)
_TABLE = re.compile(
    r"\b(?:ldap|memcache|mongodb|mysql|pgsql|sqlite):([A-Za-z0-9_]+)(?![/A-Za-z0-9_])"
)
# postconf(1) lists it among its own, but no default: master(8) sets it under load.
_ALWAYS = {"stress"}

_LEAVE_OUT = "leave it out"
# What postconf(1) of 3.9 and 3.11 warns of: since when, and what to use.
DEPRECATED = {
    "disable_dns_lookups": ((3, 9), "smtp_dns_support_level"),
    "smtpd_use_tls": ((3, 9), "smtpd_tls_security_level"),
    "smtpd_enforce_tls": ((3, 9), "smtpd_tls_security_level"),
    "smtpd_tls_dh1024_param_file": ((3, 9), _LEAVE_OUT),
    "smtpd_tls_eecdh_grade": ((3, 9), _LEAVE_OUT),
    "smtp_use_tls": ((3, 9), "smtp_tls_security_level"),
    "smtp_enforce_tls": ((3, 9), "smtp_tls_security_level"),
    "smtp_tls_per_site": ((3, 9), "smtp_tls_policy_maps"),
    "smtp_tls_enforce_peername": ((3, 11), "smtp_tls_security_level"),
    "smtp_cname_overrides_servername": ((3, 11), _LEAVE_OUT),
    "lmtp_use_tls": ((3, 9), "lmtp_tls_security_level"),
    "lmtp_enforce_tls": ((3, 9), "lmtp_tls_security_level"),
    "lmtp_tls_per_site": ((3, 9), "lmtp_tls_policy_maps"),
    "lmtp_tls_enforce_peername": ((3, 11), "lmtp_tls_security_level"),
    "lmtp_cname_overrides_servername": ((3, 11), _LEAVE_OUT),
    "postscreen_use_tls": ((3, 9), "postscreen_tls_security_level"),
    "postscreen_enforce_tls": ((3, 9), "postscreen_tls_security_level"),
    "tlsproxy_use_tls": ((3, 9), "tlsproxy_tls_security_level"),
    "tlsproxy_enforce_tls": ((3, 9), "tlsproxy_tls_security_level"),
    "tlsproxy_client_use_tls": ((3, 9), "tlsproxy_client_security_level"),
    "tlsproxy_client_enforce_tls": ((3, 9), "tlsproxy_client_security_level"),
    "tlsproxy_client_per_site": ((3, 9), "tlsproxy_client_policy_maps"),
    # Of no effect since, by postconf(5).
    "smtpd_tls_dh512_param_file": ((3, 6), _LEAVE_OUT),
    "tlsproxy_tls_dh512_param_file": ((3, 6), _LEAVE_OUT),
}
# Gone for good: since when.
_REMOVED = {
    "tls_low_cipherlist": "3.8",
    "tls_export_cipherlist": "3.8",
    "tls_legacy_public_key_fingerprints": "3.11",
    "smtp_tls_cipherlist": "2.3",
    "smtpd_tls_cipherlist": "2.3",
}


def unknown(candidate, known):
    """List the parameters, in main.cf and in ``-o`` options, that nothing reads.

    candidate
        The configuration: ``main`` and ``entries``.

    known
        What Postfix knows.

    Returns a list of ``(where, name)``; where is a service, or None for main.cf.
    """
    used = _names_used(candidate)
    services = {key.rpartition("/")[0] for key in candidate.entries}
    tables = _tables(candidate)

    def is_known(name):
        if name in known.defaults or name in used:
            return True
        for suffix in _OF_A_SERVICE:
            if name.endswith(suffix) and name[: -len(suffix) - 1] in services:
                return True
        return any(name.startswith(f"{table}_") for table in tables)

    found = [(None, name) for name in candidate.main if not is_known(name)]
    for key, fields in candidate.entries.items():
        found += [(key, name) for name in fields["options"] if not is_known(name)]
    return found


def complaint(name, known, with_nearest=True):
    """Say what to do about an unknown parameter.

    name
        The parameter.

    known
        What Postfix knows.

    with_nearest
        Whether to look for a name that may have been meant; that takes some milliseconds.

    Returns a text.
    """
    if name in _REMOVED:
        return f"Postfix {_REMOVED[name]} and later have no such parameter; leave it out"
    text = "Postfix has no such parameter and ignores it"
    close = difflib.get_close_matches(name, known.defaults, n=1) if with_nearest else ()
    return f"{text}; did you mean {close[0]}?" if close else f"{text}; correct it, or leave it out"


def deprecated(name, known):
    """Say what to use in place of a parameter that will go.

    name
        The parameter.

    known
        What Postfix knows.

    Returns a text, or None where this Postfix does not deprecate it.
    """
    since, instead = DEPRECATED.get(name, (None, None))
    if since is None or known.version < since:
        return None
    use = instead if instead == _LEAVE_OUT else f"use {instead}"
    return f"deprecated since Postfix {'.'.join(map(str, since))}; {use}"


def _values(candidate):
    yield from candidate.main.values()
    for fields in candidate.entries.values():
        yield from fields["options"].values()
        yield from fields["args"]


def _names_used(candidate):
    used = set(_ALWAYS)
    for value in _values(candidate):
        used.update(macros.names_in(value))
    # Each class is a parameter of its own.
    used.update(re.split(r"[,\s]+", candidate.main.get("smtpd_restriction_classes", "")))
    return used


def _tables(candidate):
    found = set()
    for value in _values(candidate):
        if ":" in value:
            found.update(_TABLE.findall(value))
    return found
