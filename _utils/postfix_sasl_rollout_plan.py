"""How a rollout is asked for, and what follows: who goes when, and who is reached where."""

import ipaddress
import math

import postfix_sasl_probe
from postfix_sasl_wrong import nearest

_TARGET_TYPES = (
    *("glob", "pcre", "list", "grain", "grain_pcre", "pillar", "pillar_pcre", "pillar_exact"),
    *("nodegroup", "range", "compound", "ipcidr"),
)
# Networks inside a host, whose addresses others can't reach.
_INNER = ("lo", "docker", "br-", "veth", "virbr", "cni", "podman")


class BadRollout(ValueError):
    """The rollout was asked for in a way that can't be; the message has a line for each mistake."""


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_text(value):
    return isinstance(value, str) and bool(value.strip())


def _is_names(value):
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _is_percentage(value):
    digits = value[:-1] if isinstance(value, str) and value.endswith("%") else ""
    return digits.isascii() and digits.isdigit() and 0 < int(digits) <= 100


# name: (default, whether a value is valid, what it takes)
OPTIONS = {
    "target": ("*", lambda v: _is_text(v) or _is_names(v), "which minions, as `salt` takes it"),
    "tgt_type": ("glob", lambda v: v in _TARGET_TYPES, f"one of {', '.join(_TARGET_TYPES)}"),
    "canary": (
        1,
        lambda v: _is_count(v) or _is_text(v) or _is_names(v),
        "how many hosts go first, from 1, or the name of one, or a list of names",
    ),
    "batch": (
        "25%",
        lambda v: _is_count(v) or _is_percentage(v),
        "how many hosts at once, from 1, or as a share of all of them such as 25%",
    ),
    "verify": (True, lambda v: isinstance(v, bool), "true or false"),
    "port": (587, lambda v: _is_count(v) and v < 65536, "a port, from 1 to 65535"),
    "tls": (
        None,
        lambda v: v is None or v in postfix_sasl_probe.MODES,
        f"one of {', '.join(postfix_sasl_probe.MODES)}, or null for what is usual on the port",
    ),
    "verifier": (None, lambda v: v is None or _is_text(v), "the name of the minion that logs in"),
    "address": (None, lambda v: v is None or _is_text(v), "the name of a grain with an address"),
    "timeout": (900, lambda v: _is_count(v) and v <= 86400, "seconds, from 1 to 86400"),
    "skip_silent": (False, lambda v: isinstance(v, bool), "true or false"),
}


def check(given):
    """Return every option with its value, defaults filled in; raise BadRollout.

    given
        What the pillar has under ``rollout``, a dictionary or None.
    """
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise BadRollout(f"rollout: got {given!r:.60}; it takes a dictionary")
    wrong, options = [], {name: default for name, (default, _, _) in OPTIONS.items()}
    for name, value in given.items():
        if name not in OPTIONS:
            near = nearest(name, OPTIONS)
            hint = f"; did you mean {near}?" if near else ""
            wrong.append(f"rollout:{name}: there is no such key{hint} ({', '.join(OPTIONS)})")
        elif not OPTIONS[name][1](value):
            wrong.append(f"rollout:{name}: got {value!r:.60}; it takes {OPTIONS[name][2]}")
        else:
            options[name] = value
    if wrong:
        raise BadRollout("\n".join(wrong))
    return options


def plan(hosts, canary=1, batch="25%"):
    """Return who is changed with whom, in this order: a list of lists, the canaries first.

    hosts
        Names.
    canary, batch
        See OPTIONS.

    Raises BadRollout for a canary that is not among the hosts.
    """
    hosts = sorted(hosts)
    first = hosts[:canary] if isinstance(canary, int) else canary
    first = [first] if isinstance(first, str) else list(dict.fromkeys(first))
    for name in first:
        if name not in hosts:
            near = nearest(name, hosts)
            hint = f"; did you mean {near}?" if near else ""
            raise BadRollout(f"rollout:canary: {name} is none of the {len(hosts)} hosts{hint}")
    rest = [host for host in hosts if host not in first]
    size = batch
    if isinstance(batch, str):
        size = max(1, math.floor(len(hosts) * int(batch[:-1]) / 100))
    return [first, *(rest[at : at + size] for at in range(0, len(rest), size))]


def address(grains, name=None):
    """Return where other hosts reach a host, from its grains; None where they do not say.

    grains
        ``ip_interfaces``, and the grain *name* if there is a name.
    """
    if name:
        value = grains.get(name)
        found = value if isinstance(value, list) else [value]
    else:
        interfaces = grains.get("ip_interfaces")
        found = [
            each
            for interface, addresses in sorted((interfaces or {}).items())
            if not interface.startswith(_INNER)
            for each in addresses
        ]
        # most networks that have both reach more by the older one
        found.sort(key=lambda each: ":" in each)
    return next((each for each in found if _is_reachable(each)), None)


def _is_reachable(text):
    """Return whether that can be an address or a name of a host for others."""
    if not isinstance(text, str) or not text or not text.isprintable() or " " in text:
        return False
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return True
    return not (found.is_loopback or found.is_link_local or found.is_unspecified)
