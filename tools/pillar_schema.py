"""The JSON Schema of the pillar, made from the table that checks it, for editors.

Draft 7, which language servers for YAML know best. Each type of ``postfix_sasl_types`` has its
function here, found by its class: minions check the pillar themselves and have no use for this.

What a schema can't say, and only the formula's own check refuses: keys that contradict each other,
Postfix's grammar inside a value (braces, ``$name``), a number written 5.0 for 5, a name that YAML
reads as a number, and text that UTF-8 can't hold.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / "docs/pillar.schema.json"
sys.path.insert(0, str(ROOT / "_utils"))

import postfix_sasl_lines as lines  # noqa: E402
import postfix_sasl_mastercf as mastercf  # noqa: E402
import postfix_sasl_masterentry as masterentry  # noqa: E402
import postfix_sasl_types as types  # noqa: E402
from pillar_sections import SECTIONS  # noqa: E402
from postfix_sasl_fetchmail_types import RcFile, UserOption  # noqa: E402
from postfix_sasl_options import OPTIONS  # noqa: E402
from postfix_sasl_pam_types import PamRule  # noqa: E402
from postfix_sasl_senders import SenderLogins  # noqa: E402
from postfix_sasl_settings import ROOT as PILLAR  # noqa: E402

# Text that main.cf and master.cf can hold: one line, no # in front; blanks around it go.
_VALUE = r"[ \t]*([^\x00-\x20\x7f#]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?)?[ \t]*"
_SCALAR = {"type": ["string", "integer", "boolean"], "pattern": f"^{_VALUE}$"}
_NULL = {"type": "null"}


def text():
    """Return the schema as the file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema():
    """Return the schema of a file with the pillar, a dictionary."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"The pillar {PILLAR}",
        "type": "object",
        "properties": {PILLAR: _section("", "Everything in it is optional.")},
    }


def schema_of(setting):
    """Return the schema of a type of the pillar's table, without null as "the default"."""
    return _BY_TYPE[type(setting)](setting)


def _section(start, meaning):
    """Return the schema of all keys that begin with *start*."""
    inside = {key[len(start) :]: key for key in OPTIONS if key.startswith(start)}
    properties, with_colons = {}, {}
    for rest, key in inside.items():
        name, *more = rest.split(":")
        if not more:
            properties[name] = _key(OPTIONS[key])
            continue
        section = f"{start}{name}"
        if name not in properties:
            properties[name] = _section(f"{section}:", SECTIONS[section])
        for end in range(2, len(more) + 2):
            written = ":".join(rest.split(":")[:end])
            with_colons[f"^{written}$"] = {"$ref": _pointer(start, written)}
    found = {
        "description": meaning,
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
    }
    # The formula takes sasl:backend for backend in sasl; editors should not offer that.
    return {**found, "patternProperties": with_colons} if with_colons else found


def _pointer(start, rest):
    names = [PILLAR, *start.split(":")[:-1], *rest.split(":")]
    return "#" + "".join(f"/properties/{name}" for name in names)


def _key(option):
    return {
        "description": f"{option.meaning}\n\nIt takes {option.type.takes}.",
        **_default(option.default),
        **_or_null(schema_of(option.type)),
    }


def _default(value):
    """Return the keyword for a default; none where there is none, which editors would write."""
    return {} if value is None else {"default": value}


def _or_null(given):
    """Return a schema that takes null, too."""
    if "enum" in given:
        return given if None in given["enum"] else {**given, "enum": [*given["enum"], None]}
    if "type" not in given:
        return {"anyOf": [*given["anyOf"], _NULL]}
    kinds = given["type"] if isinstance(given["type"], list) else [given["type"]]
    return given if "null" in kinds else {**given, "type": [*kinds, "null"]}


def _bool(_type):
    return {"type": "boolean"}


def _int(given):
    return {"type": "integer", "minimum": given.low, "maximum": given.high}


def _choice(given):
    return {"enum": list(given.words)}


def _mode(given):
    return {"enum": [*given.words, False]}


def _text(given):
    found = {"type": "string", **_pattern(given.pattern.pattern, given.takes)}
    return _or_null(found) if given.optional else found


def _pattern(pattern, takes):
    """Return what demands that all of a text matches; the complaint is for VS Code and others."""
    return {"pattern": f"^({pattern})$", "patternErrorMessage": f"It takes {takes}."}


def _main_text(given):
    return {**_text(given), "not": {"type": "string", "pattern": "^ *#"}}


def _option_text(given):
    return {**_text(given), "type": ["string", "integer", "boolean", "null"]}


def _path(given, least=1):
    name = r"/+(?!\.{1,2}(/|$))[A-Za-z0-9._+@:-]+"
    found = {"type": "string", **_pattern(f"({name}){{{least},}}/*", given.takes)}
    return _or_null(found) if given.optional else found


def _own_directory(given):
    shared = "|".join(path.strip("/").replace("/", "/+") for path in sorted(given.SHARED))
    return {**_path(given, least=2), "not": {"type": "string", "pattern": f"^/+({shared})/*$"}}


def _rc_file(given):
    name = r"/+(?!\.{1,2}(/|$))[A-Za-z0-9._+@:-]+"
    return {
        "type": "string",
        **_pattern(f"({name})*/+[A-Za-z0-9._+@:-]*fetchmailrc/*", given.takes),
    }


def _ipv4(given):
    number = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    return {"type": "string", **_pattern(rf"{number}(\.{number}){{3}}", given.takes)}


def _list_of(given):
    return {"type": "array", "minItems": given.least, "items": schema_of(given.item)}


def _one_or_more(given):
    return {"anyOf": [schema_of(given.item), _list_of(given)]}


def _record(given):
    fields = {}
    for name, field in given.fields.items():
        found = {"description": f"It takes {field.takes}.", **schema_of(field)}
        if name not in given.required:
            found = {**_default(given.defaults[name]), **_or_null(found)}
        fields[name] = found
    return {
        "type": "object",
        "properties": fields,
        "required": list(given.required),
        "additionalProperties": False,
    }


def _map_of(given):
    return _named({given.key.pattern: schema_of(given.item)})


def _named(by_pattern):
    """Return the schema of a dictionary: for names that match a pattern, the schema of values."""
    return {
        "type": "object",
        "patternProperties": {f"^({pattern})$": item for pattern, item in by_pattern.items()},
        "additionalProperties": False,
    }


def _sender_logins(given):
    senders = _map_of(given.map)
    # One with null is left out before anything is checked.
    senders["additionalProperties"] = _NULL
    by_name = senders["patternProperties"]
    senders["patternProperties"] = {name: _or_null(item) for name, item in by_name.items()}
    return {"anyOf": [_main_text(given.table), senders]}


def _parameters(_type=None):
    values = {**_SCALAR, "type": [*_SCALAR["type"], "array", "null"], "items": _SCALAR}
    return _named({lines.NAME.pattern: values})


def _entries(_type):
    fields = {
        name: _column(pattern, takes) for name, (pattern, takes) in masterentry.COLUMNS.items()
    }
    fields["command"] = {
        "description": "the program, such as smtpd",
        "type": ["string", "null"],
        "pattern": "^(?![-#])[!-z|~]+$",
    }
    fields["options"] = {
        "description": f"-o options: {types.Options.takes}",
        **_or_null(_parameters()),
    }
    fields["args"] = {
        "description": "further words of the command",
        "type": ["array", "null"],
        "items": {**_SCALAR, "type": ["string", "integer"]},
    }
    entry = {"type": ["object", "null"], "properties": fields, "additionalProperties": False}
    private = {
        "description": "only n, since the port is open to others",
        "enum": ["n", False, None],
    }
    inet = {**entry, "properties": {**fields, "private": private}}
    others = "|".join(kind for kind in masterentry.TYPES if kind != "inet")
    return _named(
        {
            f"({mastercf.HOST_PORT.pattern})/inet": inet,
            f"({mastercf.PATHNAME.pattern})/({others})": entry,
        }
    )


def _column(pattern, takes):
    if pattern.fullmatch("y"):
        return {"description": takes, "enum": ["y", "n", "-", True, False, None]}
    return {
        "description": takes,
        "type": ["string", "integer", "null"],
        "minimum": 0,
        "pattern": f"^({pattern.pattern})$",
    }


_BY_TYPE = {
    types.Bool: _bool,
    types.Choice: _choice,
    types.Entries: _entries,
    types.IPv4: _ipv4,
    types.Int: _int,
    types.ListOf: _list_of,
    types.MainText: _main_text,
    types.MapOf: _map_of,
    types.Mode: _mode,
    types.OneOrMore: _one_or_more,
    types.OptionText: _option_text,
    types.Options: _parameters,
    types.OwnDirectory: _own_directory,
    types.Parameters: _parameters,
    types.Path: _path,
    types.Pem: _text,
    types.Record: _record,
    types.Text: _text,
    PamRule: _text,
    RcFile: _rc_file,
    SenderLogins: _sender_logins,
    UserOption: _text,
}
