"""What main.cf and master.cf hold that neither Debian's stock files nor the pillar declare."""

import re

import postfix_sasl_stock

_NAMED = re.compile(r"\$[{(]?([A-Za-z0-9_]+)")


def undeclared(main, entries, wanted_main, wanted_entries):
    """Return (parameters, service entries) that nobody declares.

    main, entries
        main.cf and master.cf as they are, ``{parameter: value}`` and ``{service/type: fields}``.
    wanted_main, wanted_entries
        What the formula and the pillar declare, of the same form.

    A parameter that another value names, as in ``$name``, belongs to that value.
    """
    release = postfix_sasl_stock.release()
    declared = {*postfix_sasl_stock.MAIN[release], *wanted_main}
    named = set(_NAMED.findall(" ".join(_values(main, entries, wanted_main))))
    parameters = [name for name in main if name not in declared and name not in named]
    declared = {*postfix_sasl_stock.MASTER[release], *wanted_entries}
    return parameters, [key for key in entries if key not in declared]


def sentence(parameters, keys):
    """Return one line that names them, or the empty string where there are none."""
    parts = []
    if parameters:
        parts.append(f"main.cf: {', '.join(parameters)}")
    if keys:
        parts.append(f"master.cf: {', '.join(keys)}")
    return f"declared by neither Debian nor the pillar: {'; '.join(parts)}" if parts else ""


def _values(main, entries, wanted_main):
    yield from main.values()
    yield from (value for value in wanted_main.values() if value)
    for fields in entries.values():
        yield from fields["options"].values()
        yield from fields["args"]
