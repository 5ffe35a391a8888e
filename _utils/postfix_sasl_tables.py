"""Whether Postfix has the type of each lookup table, and the table its file.

A table that can't be opened is answered with "451 ... Server configuration error" or "Temporary
lookup failure" to all mail that comes by it; main.cf itself is accepted.
"""

import os
import re

import postfix_sasl_lines as lines
import postfix_sasl_restrictions as restrictions

# Types that name a file, with what its name has at the end; the source of the table, which the
# administrator writes, has nothing there.
_FILES = {
    "btree": (".db",),
    "cdb": (".cdb",),
    "cidr": ("",),
    "dbm": (".pag",),
    "hash": (".db",),
    "ldap": ("",),
    "lmdb": (".lmdb",),
    "mongodb": ("",),
    "mysql": ("",),
    "pcre": ("",),
    "pgsql": ("",),
    "regexp": ("",),
    "sdbm": (".pag",),
    "sqlite": ("",),
    "texthash": ("",),
}
_PACKAGED = ("cdb", "ldap", "lmdb", "mongodb", "mysql", "pcre", "pgsql", "sqlite")
_NESTING = ("pipemap", "unionmap")
# ldap://host is a server's address, as a table's own definition has it.
_TABLE = re.compile(r"([a-z][a-z0-9_-]*):(?!//)(.+)", re.DOTALL)
# Postfix makes these itself, or newaliases(1) does; or what looks like a table is something else.
_OTHERS = re.compile(
    r"alias_database|address_verify_map|postscreen_cache_map|.*_cache_(database|name)|proxy_.*"
    r"|.*_command|.*_banner|.*_footer|syslog_name"
)


def problems(name, value, known, to_come=()):
    """Check the tables that a parameter names.

    name
        The parameter.

    value
        Its value, expanded.

    known
        What Postfix knows: its map types.

    to_come
        Paths of files that need not be there yet.

    Returns a list of texts.
    """
    if ":" not in value or _OTHERS.fullmatch(name):
        return []
    only_tables = name.endswith("_maps")
    found = []
    for word in restrictions.words(value):
        found += _word_problems(word, known.map_types, only_tables, to_come)
    return found


def deprecated(value, known):
    """Say which type that will go a parameter's value uses; None where it uses none.

    From 3.11 on, Debian's Postfix warns of Berkeley DB each time it opens such a table.
    """
    if ":" not in value or known.version < (3, 11):
        return None
    if known.defaults.get("default_database_type") in ("hash", "btree"):
        return None
    for kind in ("hash", "btree"):
        if re.search(rf"\b{kind}:", value):
            instead = "lmdb" if kind == "btree" else known.defaults["default_database_type"]
            return f"the table type {kind} will go from this Postfix; use {instead}, and postmap it"
    return None


def _word_problems(word, types, only_tables, to_come):
    table = _TABLE.fullmatch(word)
    if not table:
        return []
    kind, rest = table.groups()
    if kind == "proxy":
        return _word_problems(rest, types, only_tables, to_come)
    if kind in _NESTING and rest.startswith("{"):
        inside = restrictions.words(rest.strip("{}"))
        return [text for part in inside for text in _word_problems(part, types, True, to_come)]
    if kind not in types:
        # Elsewhere a word with a colon may be a host and a port, or a transport.
        return [_no_type(kind, types)] if only_tables or kind in _FILES else []
    if kind not in _FILES or not rest.startswith("/") or rest in to_come:
        return []
    return _file_problems(kind, rest)


def _no_type(kind, types):
    text = f"this Postfix has no table type {kind!r}"
    if kind in _PACKAGED:
        return f"{text}; install postfix-{kind}, or use another type"
    return f"{text}{lines.nearest(kind, types)}; postconf -m lists those it has"


def _file_problems(kind, path):
    for ending in _FILES[kind]:
        if os.path.exists(path + ending):
            continue
        if not ending or not os.path.exists(path):
            return [f"{kind}:{path}: there is no {path + ending}; make the table first"]
        make = "newaliases" if path == "/etc/aliases" else f"postmap {kind}:{path}"
        return [f"{kind}:{path}: there is no {path + ending}; run: {make}"]
    return []
