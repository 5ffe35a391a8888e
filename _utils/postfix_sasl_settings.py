"""From the raw pillar to checked settings with every default filled in."""

import copy

from postfix_sasl_options import NULL_IS_A_VALUE, OPTIONS
from postfix_sasl_types import Wrong, unknown_name

ROOT = "postfix_sasl"


class BadPillar(ValueError):
    """The pillar can't be used; the message has one line for each problem."""


def check(pillar):
    """Return the settings that *pillar* asks for.

    pillar
        The value of the pillar key ``postfix_sasl``: a dictionary, or None for all defaults.

    Returns ``{"tls:mode": "may", ...}``: every key of the table with its checked value.
    Raises BadPillar that names each wrong key in full, what it got and what it takes.
    """
    problems = []
    given = _flatten({} if pillar is None else pillar, "", problems)
    settings = {key: copy.deepcopy(option.default) for key, option in OPTIONS.items()}
    for key, value in given.items():
        option = OPTIONS[key]
        if value is None and key not in NULL_IS_A_VALUE:
            continue
        try:
            settings[key] = option.type.check(value)
        except Wrong as wrong:
            problems.append(_problem((key, *wrong.path), wrong, option.secret))
    if given.get("services:fetchmail:enabled") is None:
        settings["services:fetchmail:enabled"] = settings["fetchmail:enabled"]
    if not problems:
        problems = list(_contradictions(settings))
    if problems:
        raise BadPillar("\n".join(problems))
    return settings


def _flatten(value, prefix, problems):
    """Return {full key: value} for nested *value*; note unknown keys in *problems*."""
    if not isinstance(value, dict):
        wrong = Wrong("it takes a dictionary", value)
        problems.append(_problem((prefix,) if prefix else (), wrong, False))
        return {}
    flat = {}
    for name, item in value.items():
        key = f"{prefix}:{name}" if prefix else str(name)
        if key in OPTIONS:
            flat[key] = item
        elif any(known.startswith(key + ":") for known in OPTIONS):
            if item is not None:
                flat.update(_flatten(item, key, problems))
        else:
            wrong = unknown_name(f"{ROOT}:{key}", {f"{ROOT}:{known}" for known in _names()})
            problems.append(_problem((key,), wrong, False))
    return flat


def _names():
    """Return every key of the table and every section that holds keys."""
    return {":".join(key.split(":")[: depth + 1]) for key in OPTIONS for depth in range(3)}


def _problem(path, wrong, secret):
    key = ":".join((ROOT, *path))
    if wrong.unknown:
        return f"{key}: unknown key; {wrong.reason}"
    got = f"a {type(wrong.got).__name__}" if secret else _short(wrong.got)
    return f"{key}: got {got}; {wrong.reason}"


def _short(value):
    text = "null" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _contradictions(settings):
    """Yield a line for each pair of settings that can't both hold."""
    listener = settings["services:fetchmail:enabled"]
    if settings["fetchmail:enabled"] and not settings["fetchmail:poll"]:
        yield f"{ROOT}:fetchmail:poll: got []; fetchmail:enabled needs at least one server to poll"
    if settings["fetchmail:enabled"] and not listener:
        yield (
            f"{ROOT}:services:fetchmail:enabled: got False; fetchmail:enabled needs this listener "
            "to hand its mail to"
        )
    octets = settings["services:fetchmail:address"].split(".")
    if any(int(octet) > 255 for octet in octets):
        yield (
            f"{ROOT}:services:fetchmail:address: got {settings['services:fetchmail:address']!r}; "
            "it takes an IPv4 address of this machine"
        )
    if listener and settings["services:fetchmail:port"] in (25, 465, 587):
        yield (
            f"{ROOT}:services:fetchmail:port: got {settings['services:fetchmail:port']}; "
            "it takes a port that no other listener has"
        )
