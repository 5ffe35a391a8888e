"""Which values a parameter takes, where postconf(5) gives a set of them.

What Postfix does with any other: a daemon that reads a yes/no parameter, a number or a time it
cannot make sense of ends with "fatal: bad boolean configuration", "bad numerical configuration"
or "bad time value or unit", and so does smtpd(8) with a TLS level it does not know; a protocol
list with an unknown name is answered with "disabling TLS support". master(8) goes on in each
case: the port is open, and nobody answers.
"""

import ipaddress
import re

import postfix_sasl_lines as lines
import postfix_sasl_text

SEPARATORS = re.compile(r"[,\s]+")

_SERVER_LEVELS = ("none", "may", "encrypt")
_CLIENT_LEVELS = (*_SERVER_LEVELS, "dane", "dane-only", "fingerprint", "verify", "secure")
_GRADES = ("null", "export", "low", "medium", "high")
_SASL_OPTIONS = (
    "noplaintext",
    "noactive",
    "nodictionary",
    "noanonymous",
    "forward_secrecy",
    "mutual_auth",
)
_CLIENTS = ("smtp", "lmtp")

# One word of these, in any case of letters, or nothing.
_WORDS = {
    "smtpd_tls_security_level": _SERVER_LEVELS,
    "postscreen_tls_security_level": _SERVER_LEVELS,
    "tlsproxy_tls_security_level": _SERVER_LEVELS,
    "tlsproxy_client_security_level": _CLIENT_LEVELS,
    "smtpd_tls_eecdh_grade": ("auto", "none", "strong", "ultra"),
    "tlsproxy_tls_eecdh_grade": ("auto", "none", "strong", "ultra"),
    "tlsproxy_tls_ciphers": _GRADES,
    "tlsproxy_tls_mandatory_ciphers": _GRADES,
    "mynetworks_style": ("class", "host", "subnet"),
    "header_from_format": ("standard", "obsolete"),
    "postscreen_greet_action": ("ignore", "enforce", "drop"),
    "postscreen_dnsbl_action": ("ignore", "enforce", "drop"),
    "postscreen_bare_newline_action": ("ignore", "enforce", "drop"),
    "postscreen_non_smtp_command_action": ("ignore", "enforce", "drop"),
    "postscreen_pipelining_action": ("ignore", "enforce", "drop"),
    "postscreen_denylist_action": ("ignore", "enforce", "drop"),
    "postscreen_blacklist_action": ("ignore", "enforce", "drop"),
    **{f"{name}_tls_ciphers": _GRADES for name in ("smtpd", *_CLIENTS)},
    **{f"{name}_tls_mandatory_ciphers": _GRADES for name in ("smtpd", *_CLIENTS)},
    **{f"{name}_tls_security_level": _CLIENT_LEVELS for name in _CLIENTS},
    **{f"{name}_address_preference": ("any", "ipv4", "ipv6") for name in _CLIENTS},
    **{f"{name}_dns_support_level": ("disabled", "enabled", "dnssec") for name in _CLIENTS},
}

# Any number of these words.
_LISTS = {
    "smtpd_sasl_security_options": _SASL_OPTIONS,
    "smtpd_sasl_tls_security_options": _SASL_OPTIONS,
    "smtp_host_lookup": ("dns", "native"),
    "lmtp_host_lookup": ("dns", "native"),
    "notify_classes": (
        "2bounce",
        "bounce",
        "data",
        "delay",
        "policy",
        "protocol",
        "resource",
        "software",
    ),
    **{f"{name}_sasl_security_options": _SASL_OPTIONS for name in _CLIENTS},
    **{f"{name}_sasl_tls_security_options": _SASL_OPTIONS for name in _CLIENTS},
}

# smtpd(8) takes these for "encrypt", with a warning.
_TAKEN_FOR_ENCRYPT = ("fingerprint", "verify", "secure")

# A parameter that is yes or no by default and takes other words, too.
_BARE_NEWLINE = {(3, 9): ("no", "yes", "normalize", "reject", "note")}
_BARE_NEWLINE_BEFORE = ("no", "yes", "normalize", "reject")

# yes or no, though the default is worked out from other parameters.
_YES_NO = {
    "append_dot_mydomain",
    "postscreen_disable_vrfy_command",
    "postscreen_helo_required",
    "respectful_logging",
    "smtp_per_request_deadline",
    "lmtp_per_request_deadline",
    "smtpd_per_request_deadline",
    "smtpd_relay_before_recipient_restrictions",
    "smtputf8_enable",
}

# The default looks like a number, but that is not what it takes.
_NOT_A_NUMBER = re.compile(
    r".*(_feedback|_loglevel)|compatibility_level|lmtp_tcp_port|mail_release_date|milter_protocol"
    r"|maillog_file_permissions|process_id"
)
# These are long, all others int: postconf(5) leaves that to the source.
_LONG = {"lmdb_map_size", "mailbox_size_limit", "message_size_limit", "queue_minfree"}
_LONG.add("virtual_mailbox_limit")
_INT_MAX, _LONG_MAX = 2**31 - 1, 2**63 - 1
_WIDTH = 80
_MOST_DIGITS = 100  # Python refuses to read a number of some thousands

_TIME_DEFAULT = re.compile(r"\d+[smhdw]|\$\{.*\}[smhdw]")
_TIME = re.compile(r"\d+([smhdw].*)?", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d+")
_PROTOCOL = re.compile(r"SSLv[23]|TLSv1(\.[123])?|(0x)?[0-9A-F]{4}", re.IGNORECASE)
_PROTOCOLS = re.compile(r"(smtpd?|lmtp|tlsproxy_tls)(_tls)?(_mandatory)?_protocols")
_PROTOCOL_NAMES = "TLSv1.2 and TLSv1.3"
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_NETWORKS = {
    "mynetworks",
    "smtpd_authorized_verp_clients",
    "smtpd_authorized_xclient_hosts",
    "smtpd_authorized_xforward_hosts",
}


def complaint(name, value, known=None):
    """Say what is wrong with a parameter's value.

    name
        The parameter.

    value
        Its value. One with a ``$`` in it is not judged.

    known
        What Postfix knows, or None: a parameter's default tells its type.

    Returns a text such as ``got 'maybe'; takes yes or no``, or None where nothing is wrong or
    nothing is known.
    """
    if "$" in value:
        return None
    takes = _special(name, value, known) or _by_default(name, value, known)
    return takes and f"got {shown(value)}; takes {takes}"


def shown(text):
    """Return a text in quotes, cut to what fits a line."""
    text = postfix_sasl_text.quoted(text)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def is_taken_for_encrypt(name, value):
    """Tell whether smtpd(8) does not support a TLS level and uses ``encrypt`` in its place."""
    return name == "smtpd_tls_security_level" and value.lower() in _TAKEN_FOR_ENCRYPT


def _special(name, value, known):
    """Return what it takes where it has a set of its own and *value* is not in it."""
    if name in _WORDS:
        words = _WORDS[name]
        if not value or value.lower() in words or is_taken_for_encrypt(name, value):
            return None
        return _one_of(words) + lines.nearest(value.lower(), words)
    if name in _LISTS:
        return _wrong_word(value, _LISTS[name])
    if name == "inet_protocols":  # these in small letters only
        return _wrong_word(value, ("all", "ipv4", "ipv6"), str)
    if name == "smtpd_forbid_bare_newline":
        newer = known is None or known.version >= (3, 9)
        words = _BARE_NEWLINE[3, 9] if newer else _BARE_NEWLINE_BEFORE
        return None if value.lower() in words else _one_of(words)
    if name in ("smtpd_sasl_type", "smtp_sasl_type", "lmtp_sasl_type"):
        return _sasl_type(name, value, known)
    if name in ("myhostname", "mydomain"):
        fits = len(value) < 256 and all(map(_LABEL.fullmatch, value.split(".")))
        return None if fits else "a host name: letters, digits, - and . (all of Postfix stops)"
    if name == "compatibility_level":
        fits = re.fullmatch(r"\d+(\.\d+){0,2}", value)
        return None if fits else "a version of Postfix such as 3.6 (all of Postfix stops)"
    if _PROTOCOLS.fullmatch(name):
        return _protocols(value, known)
    if name in _NETWORKS:
        return _networks(value)
    return None


def _by_default(name, value, known):
    """Return what it takes where the type of its default says so."""
    default = known.defaults.get(name) if known else None
    if name == "smtpd_forbid_bare_newline":
        return None
    if name in _YES_NO or (default in ("yes", "no") and not name.endswith("_directory")):
        return None if value.lower() in ("yes", "no") else "yes or no"
    if default is None:
        return None
    if _TIME_DEFAULT.fullmatch(default):
        fits = _TIME.fullmatch(value)
        return None if fits else "a time: digits and one of s, m, h, d or w, such as 30s"
    if _NUMBER.fullmatch(default) and not _NOT_A_NUMBER.fullmatch(name):
        if not _NUMBER.fullmatch(value):
            return "a number, digits only"
        limit = _LONG_MAX if name in _LONG else _INT_MAX
        if len(value) > _MOST_DIGITS or abs(int(value)) > limit:
            return f"a number up to {limit}"
    return None


def _one_of(words):
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _wrong_word(value, words, fold=str.lower):
    for word in filter(None, SEPARATORS.split(value)):
        if fold(word) not in words:
            return f"any of {', '.join(words)}{lines.nearest(word.lower(), words)}"
    return None


def _sasl_type(name, value, known):
    if known is None:
        return None
    words = known.server_sasl_types if name.startswith("smtpd") else known.client_sasl_types
    return None if value in words else f"what this Postfix has: {', '.join(sorted(words))}"


def _protocols(value, known):
    """Check a list of TLS protocols, with ``!`` before one that is not to be used.

    Since Postfix 3.6 also ``>=NAME`` and ``<=NAME``, and numbers in hexadecimal.
    """
    for word in filter(None, re.split(r"[,\s:]+", re.sub(r"([<>]=|!)\s+", r"\1", value))):
        bound, protocol = re.fullmatch(r"([<>]=|!)?(.*)", word).groups()
        if not _PROTOCOL.fullmatch(protocol):
            near = lines.nearest(protocol, ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"))
            return f"names such as {_PROTOCOL_NAMES}, with >= or ! before them{near}"
        if bound in (">=", "<=") and known and known.version < (3, 6):
            return f"names such as !TLSv1; {bound} only since Postfix 3.6"
    return None


def _networks(value):
    """Check the addresses and networks of a list that may also hold names and tables.

    A mask that is too long, or address bits beyond it, make the list unusable: smtpd(8) answers
    all mail with "451 Temporary lookup failure".
    """
    for word in filter(None, SEPARATORS.split(value)):
        text, slash, bits = word.lstrip("!").partition("/")
        if not slash or not bits or not re.fullmatch(r"\[?[0-9A-Fa-f:.]+\]?", text):
            continue
        plain = f"{text.strip('[]')}/{bits}"
        try:
            ipaddress.ip_network(plain)
        except ValueError:
            return f"networks such as 192.0.2.0/24; {word} is none{_meant(plain)}"
    return None


def _meant(network):
    try:
        return f", perhaps {ipaddress.ip_network(network, strict=False)} is meant"
    except ValueError:
        return ""
