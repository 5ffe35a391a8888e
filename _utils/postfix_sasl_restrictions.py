"""smtpd(8)'s lists of restrictions: words it does not know, and a server that refuses nothing.

smtpd(8) ends at each connection with "specify at least one working instance of ..." where neither
smtpd_relay_restrictions nor smtpd_recipient_restrictions holds one of :data:`DECISIVE`. A word it
does not know is answered with "451 Server configuration error" to all mail that reaches it.
"""

import re

import postfix_sasl_lines as lines

RELAY = "smtpd_relay_restrictions"
RECIPIENT = "smtpd_recipient_restrictions"
LISTS = (
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    RELAY,
    RECIPIENT,
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
    "smtpd_etrn_restrictions",
)
CLASSES = "smtpd_restriction_classes"

# What keeps a server from being an open relay, by the fatal error's own list.
DECISIVE = (
    "reject_unauth_destination",
    "defer_unauth_destination",
    "reject",
    "defer",
    "defer_if_permit",
    "check_relay_domains",
)
# These are followed by a word of their own: a table, a domain, a server, a number.
_WITH_WORD = re.compile(
    r"check_.*_access|check_policy_service|check_address_map|sleep"
    r"|(?:permit_dnswl|permit_rhswl|reject_rbl|reject_rhsbl)_.*"
)
# postconf(5), from access control by client to the end of data; the old names too.
_KNOWN = frozenset(
    """
    check_address_map check_ccert_access check_client_a_access check_client_access
    check_client_mx_access check_client_ns_access check_etrn_access check_helo_a_access
    check_helo_access check_helo_mx_access check_helo_ns_access check_policy_service
    check_recipient_a_access check_recipient_access check_recipient_maps
    check_recipient_mx_access check_recipient_ns_access check_relay_domains
    check_reverse_client_hostname_a_access check_reverse_client_hostname_access
    check_reverse_client_hostname_mx_access check_reverse_client_hostname_ns_access
    check_sasl_access check_sender_a_access check_sender_access check_sender_mx_access
    check_sender_ns_access defer defer_if_permit defer_if_reject defer_unauth_destination
    permit permit_auth_destination permit_dnswl_client permit_inet_interfaces permit_mx_backup
    permit_mynetworks permit_naked_ip_address permit_rhswl_client permit_sasl_authenticated
    permit_tls_all_clientcerts permit_tls_clientcerts reject
    reject_authenticated_sender_login_mismatch reject_invalid_helo_hostname
    reject_invalid_hostname reject_known_sender_login_mismatch reject_maps_rbl
    reject_multi_recipient_bounce reject_non_fqdn_helo_hostname reject_non_fqdn_hostname
    reject_non_fqdn_recipient reject_non_fqdn_sender reject_plaintext_session reject_rbl_client
    reject_rhsbl_client reject_rhsbl_helo reject_rhsbl_recipient reject_rhsbl_reverse_client
    reject_rhsbl_sender reject_sender_login_mismatch reject_unauth_destination
    reject_unauth_pipelining reject_unauthenticated_sender_login_mismatch reject_unknown_address
    reject_unknown_client reject_unknown_client_hostname reject_unknown_helo_hostname
    reject_unknown_hostname reject_unknown_recipient_domain
    reject_unknown_reverse_client_hostname reject_unknown_sender_domain
    reject_unlisted_recipient reject_unlisted_sender reject_unverified_recipient
    reject_unverified_sender sleep warn_if_reject
    """.split()
)
_WORD = re.compile(r"[A-Za-z0-9_]+")


def words(text):
    """Split a list at commas and white space; what stands in braces is one word.

    text
        The value of a parameter.

    Returns a list of words.
    """
    if "{" not in text:
        return text.replace(",", " ").split()
    found, start, at = [], None, 0
    while at < len(text):
        if text[at] in lines.SPACE + ",":
            if start is not None:
                found.append(text[start:at])
            start = None
        else:
            start = at if start is None else start
            if text[at] == "{":
                at = (lines.closing(text, at) or len(text)) - 1
        at += 1
    return [*found, text[start:]] if start is not None else found


def unknown_word(text, classes):
    """Find the first restriction that smtpd(8) does not know.

    text
        The list of restrictions, expanded.

    classes
        The names in smtpd_restriction_classes.

    Returns ``(word, nearest)``; nearest is a text such as ``"; did you mean permit?"``. None where
    all are known.
    """
    has_own_word = False
    for word in words(text):
        name = word.lower()
        if has_own_word:
            has_own_word = False
        elif name in _KNOWN:
            has_own_word = bool(_WITH_WORD.fullmatch(name))
        elif _WORD.fullmatch(word) and word not in classes:
            return word, lines.nearest(name, _KNOWN)
    return None


def refuses(value, read, classes, depth=0):
    """Tell whether a list holds a restriction that keeps strangers from relaying.

    value
        The list, expanded.

    read
        A function from a parameter's name to its expanded value, or None: for the classes.

    classes
        The names in smtpd_restriction_classes.

    Returns True or False, or None where that cannot be told.
    """
    if value is None or depth > 20:
        return None
    skip = False
    answer = False
    for word in words(value):
        name = word.lower()
        if skip:
            skip = False
        elif name == "permit":  # what follows is never reached
            break
        elif name == "warn_if_reject":
            skip = True
        elif name in DECISIVE:
            return True
        elif word in classes:
            inner = refuses(read(word), read, classes, depth + 1)
            if inner:
                return True
            answer = inner if inner is None else answer
        else:
            skip = bool(_WITH_WORD.fullmatch(name))
    return answer
