"""The desired configuration of a host and where it comes from, as data."""

import postfix_sasl_desired
import postfix_sasl_show_text
import postfix_sasl_stock
from postfix_sasl_desired import MASTER, OPTION
from postfix_sasl_options import OPTIONS
from postfix_sasl_origin import DEFAULT, HOST, PILLAR, RELEASE, Values
from postfix_sasl_settings import ROOT
from postfix_sasl_things import HIDDEN, Secret
from postfix_sasl_wrong import nearest

_MOST_KEYS = 2  # in one line


class NoSuchName(ValueError):
    """Nothing in the desired configuration has the name that was asked for."""


def show(pillar, host, name=None):
    """Return what the formula wants of *host*, each value with its origin.

    pillar
        The value of the pillar key ``postfix_sasl``, valid.
    host
        The ``postfix_sasl_parts.Host``.
    name
        A parameter, a service entry, a path, or another thing, to have that alone; or a key of
        the pillar, to have what depends on it.

    Returns ``{"release", "postfix", "main.cf", "master.cf", "files", ..., "report"}``, where each
    value is ``{"value", "origin", "keys", "why"}``. Raises NoSuchName.
    """
    values = Values(pillar, host)
    items = {path: _item(path, origin, values) for path, origin in values.origins().items()}
    about = {
        "release": postfix_sasl_stock.release(),
        "postfix": postfix_sasl_desired.has_postfix(),
    }
    if name is None:
        return {**about, **_nested(items), "report": postfix_sasl_show_text.all_of(about, items)}
    found = _found(str(name), items)
    if not found:
        raise NoSuchName(_no_such(name, items))
    return {**about, **_nested(found), "report": postfix_sasl_show_text.one_of(found)}


def _found(name, items):
    """Return those of the *items* that have the *name*, or depend on the key *name*."""
    key = f"{ROOT}:{name.removeprefix(f'{ROOT}:')}"
    return {
        path: item
        for path, item in items.items()
        if name in path[1:] or any(one["key"] == key for one in item["keys"])
    }


def _item(path, origin, values):
    """Return the ``{"value", "origin", "keys", "why"}`` of one value, secrets hidden."""
    value = values.asked[path] if path in values.asked else values.kept[path]
    keys = [
        {
            "key": ":".join((ROOT, *key)),
            "value": _shown_setting(key, values),
            "given": values.is_given(key),
        }
        for key in origin.keys
    ]
    return {
        "value": _shown(value),
        "origin": origin.kind,
        "keys": keys,
        "why": _why(path, origin, keys),
    }


def _shown(value):
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    return HIDDEN if isinstance(value, Secret) else value


def _shown_setting(key, values):
    """Return the value of a *key*, unless it is secret and set."""
    value, option = values.setting(key), OPTIONS[key[0]]
    return HIDDEN if option.secret and value != option.default else value


def _why(path, origin, keys):
    """Return one line that says where the value at *path* comes from."""
    names = [key["key"].removeprefix(f"{ROOT}:") for key in keys]
    if origin.kind == PILLAR:
        return f"pillar: {names[0]}"
    if origin.kind == DEFAULT:
        return f"default of {names[0]}" if names else "default: the formula's own"
    by_release = [f"release: {postfix_sasl_stock.release()}"]
    if origin.kind == RELEASE:
        return by_release[0]
    if origin.kind == HOST:
        return f"host: {path[0]} has it, and nothing asks for another"
    return f"derived from {', '.join(_sources(names, keys) + by_release * origin.by_release)}"


def _sources(names, keys):
    """Return the keys that matter most, each with its value and whose it is."""
    shown = [
        f"{name} ({'pillar' if key['given'] else 'default'}: "
        f"{postfix_sasl_show_text.short(key['value'])})"
        for name, key in zip(names, keys, strict=True)
    ]
    if len(shown) <= _MOST_KEYS:
        return shown
    given = sum(key["given"] for key in keys)
    few = min(max(given, 1), _MOST_KEYS)
    return [*shown[:few], f"{len(shown) - few} more"]


def _no_such(name, items):
    names = {each for path in items for each in (path[1], path[-1])}
    close = nearest(name, names)
    return "; ".join(
        [
            f"{name}: the formula wants nothing of that name, and this host's main.cf and "
            "master.cf have nothing of it",
            *([f"did you mean {close}?"] if close else []),
            f"what Postfix does by itself is shown by: postconf.get {name}",
        ]
    )


def _nested(items):
    """Return *items* by path as dictionaries in dictionaries."""
    data = {}
    for path, item in items.items():
        kind, name, *rest = path
        place = data.setdefault(kind, {})
        if kind != MASTER:
            place[name] = item
            continue
        entry = place.setdefault(name, {"entry": None, "fields": {}, "options": {}})
        if not rest:
            entry["entry"] = item
        elif rest[0] == OPTION:
            entry["options"][rest[1]] = item
        else:
            entry["fields"][rest[0]] = item
    return data
