"""Other values a key of the pillar could have: where they change something, the key matters."""

from postfix_sasl_options import OPTIONS
from postfix_sasl_types import Bool, Choice, Entries, Int, MapOf, Options, Parameters

_PEM = "-----BEGIN X-----\nT1RIRVI=\n-----END X-----\n"
_POLL = [{"server": "other.example", "users": [{"remote": "o", "password": "o", "local": "other"}]}]
# What no type can tell: a value for the key, or for several keys that make sense only together.
_EXAMPLES = {
    "sasl:users": {"sasl:users": {"other": "other"}},
    "sasl:mechanisms": {"sasl:mechanisms": ["LOGIN"]},
    "sasl:local_domain": {"sasl:local_domain": "other.example"},
    "sasl:security_options": {"sasl:security_options": ["noactive"]},
    "sasl:recipient_restrictions": {"sasl:recipient_restrictions": ["permit_mynetworks", "reject"]},
    "sasl:sender_logins": {"sasl:sender_logins": {"@other.example": ["other"]}},
    "saslauthd:instance": {"saslauthd:instance": "other"},
    "saslauthd:mechanism_options": {"saslauthd:mechanism_options": "other"},
    "saslauthd:run_dir": {"saslauthd:run_dir": "/run/other"},
    "pam:service": {"pam:service": "another"},
    "pam:rules": {"pam:rules": ["auth required pam_deny.so"]},
    "pam:allow_groups": {"pam:allow_groups": ["other"]},
    "tls:certificate": {"tls:certificate": "/other.pem"},
    "tls:key": {"tls:key": "/other.key"},
    "tls:chain_files": {"tls:chain_files": ["/other.pem"]},
    "tls:acme": {"tls:acme": ["/other"]},
    "tls:certificate_text": {"tls:certificate_text": _PEM, "tls:key_text": _PEM},
    "tls:key_text": {"tls:key_text": _PEM, "tls:certificate_text": _PEM},
    "tls:ca_file": {"tls:ca_file": "/other.pem"},
    "services:fetchmail:address": {"services:fetchmail:address": "127.0.0.2"},
    "fetchmail:enabled": {"fetchmail:enabled": True, "fetchmail:poll": _POLL},
    "fetchmail:rcfile": {"fetchmail:rcfile": "/etc/other-fetchmailrc"},
    "fetchmail:poll": {"fetchmail:poll": _POLL},
    "relay:host": {"relay:host": "other.example"},
    "relay:port": {"relay:port": 465},
    "relay:username": {"relay:username": "other", "relay:password": "other"},
    "relay:password": {"relay:username": "other", "relay:password": "other"},
}
# What makes no sense without a key, and goes where the key goes.
_GO_WITH = {
    "tls:certificate_text": ("tls:key_text",),
    "tls:key_text": ("tls:certificate_text",),
    "fetchmail:poll": ("fetchmail:enabled",),
    "relay:host": ("relay:username", "relay:password"),
    "relay:username": ("relay:password",),
    "relay:password": ("relay:username",),
}


def of_key(key, value):
    """Return other values for *key*, each with what has to come with it: ``[{key: value}, ...]``.

    key
        A key of the table.
    value
        Its present value, checked.

    None of a key that takes any names, such as ``main``: what is not given there changes nothing.
    """
    kind = OPTIONS[key].type
    others = [_EXAMPLES[key]] if key in _EXAMPLES else []
    if isinstance(kind, Bool):
        others.append({key: not value})
    elif isinstance(kind, Choice):
        others += [{key: word} for word in kind.words]
    elif isinstance(kind, Int):
        others.append({key: value + 1 if value < kind.high else value - 1})
    elif not others and not isinstance(kind, (MapOf, Options, Parameters, Entries)):
        raise LookupError(f"{key}: no other value is known")
    return [other for other in others if other[key] != value]


def without(given):
    """Yield ``(path, pillars)`` for every key that a pillar gives, and every name inside it.

    given
        ``{key: value}`` as the pillar has it.

    A path is (key,), or (key, name, ...) for something inside of a dictionary. The pillars are
    ``given`` without it, or with another value, in the order to try them until one changes
    something: some things can't go alone, or not at all, and some go unnoticed.
    """
    for key, value in given.items():
        yield (key,), [_but(given, key), _but(given, key, *_GO_WITH.get(key, ()))]
        for path, others in _inside(value):
            yield (key, *path), [{**given, key: other} for other in others]


def _inside(value):
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        yield (name,), [_but(value, name), *({**value, name: other} for other in _others(item))]
        for path, others in _inside(item):
            yield (name, *path), [{**value, name: other} for other in others]


def _others(item):
    if isinstance(item, bool):
        return [not item]
    return [f"{item}x"] if isinstance(item, str) else []


def _but(dictionary, *names):
    return {name: kept for name, kept in dictionary.items() if name not in names}
