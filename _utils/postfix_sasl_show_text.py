"""What ``postfix_sasl.show`` says, as people read it."""

import textwrap

import postfix_sasl_text
from postfix_sasl_desired import FILES, MAIN, MASTER, OPTION
from postfix_sasl_options import OPTIONS
from postfix_sasl_origin import DERIVED, HOST, PILLAR, RELEASE
from postfix_sasl_settings import ROOT

_COLUMN = 60  # where the origins begin
_WIDTH = 110
_MOST_VALUE = 24
_MOST_LINE = 4000
# What is asked about most often comes first.
_ORDER = (MAIN, MASTER, FILES, "services", "packages")
_UNREMARKABLE = ("-", "n", [])


def all_of(about, items):
    """Return the text for all values: a line for each.

    about
        ``{"release": name, "postfix": whether it is installed}``.
    items
        ``{path: {"value", "origin", "keys", "why"}}``.
    """
    lines = [f"What the formula wants of this host, Debian {about['release']}; nothing is changed."]
    if not about["postfix"]:
        lines.append("Postfix is not installed; what its package brings is taken into account.")
    lines.append("One value, and the keys it depends on, in full: postfix_sasl.show NAME")
    kinds = sorted(
        dict.fromkeys(path[0] for path in items),
        key=lambda kind: _ORDER.index(kind) if kind in _ORDER else len(_ORDER),
    )
    for kind in kinds:
        inside = {path: item for path, item in items.items() if path[0] == kind}
        found = list(_master(inside) if kind == MASTER else _plain(inside))
        lines += ["", kind, *found] if found else []
    return "\n".join(lines)


def one_of(items):
    """Return the text for the values of one name, in full."""
    return "\n".join(line for path, item in items.items() for line in _in_full(path, item))


def short(value, most=_MOST_VALUE):
    """Return a *value* of the pillar or of a file in one line of at most so many characters."""
    text = _word(value)
    # Not the sign for an omission: an outputter may know no other characters than those of ASCII.
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _word(value):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(_word, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_word(each)}' for name, each in value.items())}}}"
    return postfix_sasl_text.clean(value, _MOST_LINE)


def _plain(items):
    """Yield the lines for what is no service entry."""
    unset, kept = [], []
    for path, item in items.items():
        if item["value"] is None:
            unset.append(path[-1])
        elif item["origin"] == HOST:
            kept.append(path[-1])
        else:
            yield _line(2, _named(path, item["value"]), item)
    yield from _listed("not set or not there, on purpose", unset)
    yield from _listed("left as they are", kept)


def _master(items):
    """Yield the lines for service entries."""
    kept, gone = [], []
    for path, item in items.items():
        if len(path) > 2:
            continue
        if item["value"] is None:
            gone.append(path[1])
        elif item["origin"] == HOST or (item["origin"] == RELEASE and not item["keys"]):
            kept.append(path[1])
        else:
            yield _line(2, path[1], item)
            for inside, each in items.items():
                if inside[:2] == path and len(inside) > 2 and _is_worth_a_line(each):
                    yield _line(4, _named(inside, each["value"]), each)
    yield from _listed("not there, on purpose", gone)
    yield from _listed("left as they are", kept)


def _is_worth_a_line(item):
    if item["value"] is None:
        return item["origin"] == PILLAR
    return bool(item["keys"]) or (item["origin"] != HOST and item["value"] not in _UNREMARKABLE)


def _named(path, value):
    """Return a value with its name, the way its file has it."""
    if path[0] == MAIN:
        return f"{path[-1]} = {_word(value)}"
    if OPTION in path[2:3]:
        return f"-o {path[-1]}={'(dropped)' if value is None else _word(value)}"
    if path[0] == MASTER:
        return f"{path[-1]}: {_word(value)}" if len(path) > 2 else path[-1]
    if not isinstance(value, dict):
        return path[-1]
    if {"user", "group", "mode"} <= set(value):
        return f"{path[-1]}  {value['user']}:{value['group']} {value['mode']}"
    return f"{path[-1]}  {', '.join(f'{name} {_word(each)}' for name, each in value.items())}"


def _line(indent, text, item):
    """Return one line: *text*, cut where it is long, and where it comes from."""
    room = _COLUMN - indent - 2
    return f"{'':{indent}}{short(text, room):<{room}}  {item['why']}"


def _listed(title, names):
    if names:
        text = f"{title}: {', '.join(names)}"
        yield from textwrap.wrap(
            text,
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _in_full(path, item):
    """Yield the lines for one value: itself, why, and each key with what it means."""
    where = f"{path[0]}, {path[1]}" if len(path) > 2 else path[0]
    value = item["value"]
    if value is None:
        yield f"{where}: no {path[-1]}"
    else:
        yield f"{where}: {_named(path, value)}"
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        for line in value["text"].splitlines():
            yield f"  | {_printable(line)}".rstrip()
    yield "  derived from" if item["origin"] == DERIVED else f"  {item['why']}"
    for key in item["keys"]:
        whose = "the pillar's" if key["given"] else "the default"
        yield f"    {key['key']}: {short(key['value'], _WIDTH)} ({whose})"
        meaning = _meaning(key["key"])
        if meaning:
            yield f"      {meaning}"


def _printable(line):
    return "".join(char if char.isprintable() else "?" for char in line.expandtabs())


def _meaning(key):
    name = key.removeprefix(f"{ROOT}:")
    return OPTIONS[name].meaning if name in OPTIONS else None
