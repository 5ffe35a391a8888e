"""``$name`` in a parameter's value: which names it uses, and what it comes to.

The grammar is in postconf(5): ``$name``, ``${name}``, ``$(name)``, ``$$``, ``${name?text}``,
``${name:text}``, ``${name?{text}:{text}}``, and ``${{text} operator {text} ? {text} : {text}}``.
"""

import re

import postfix_sasl_lines as lines

_USED = re.compile(r"\$(?:[{(]+\s*\$?[{(]?)?([A-Za-z0-9_]+)")
_PLAIN = re.compile(r"[A-Za-z0-9_]*")
_OPERATOR = re.compile(r"\s*(==|!=|<=|>=|<level|<=level|>level|>=level|==level|!=level|<|>)\s*")
_NUMBER = re.compile(r"[0-9]{1,18}")
_DEEPEST = 30


class _Unclear(Exception):
    """The text cannot be expanded by the rules known here."""


def names_in(text):
    """List the parameters that a value uses.

    text
        The value.

    Returns a list of names.
    """
    return _USED.findall(text) if "$" in text else []


def expand(text, lookup):
    """Replace each ``$name`` in a value.

    text
        The value.

    lookup
        A function from a name to its value (empty for a name that nobody has set, as Postfix has
        it), or None where that cannot be told.

    Returns the text, or None where it cannot be told: such a name, a loop, or more than the
    grammar above.
    """
    if "$" not in text:
        return text
    try:
        return _expand(text, lookup, 0)
    except _Unclear:
        return None


def _expand(text, lookup, depth):
    if depth > _DEEPEST:
        raise _Unclear
    pieces, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        pieces.append(text[at:dollar])
        opening = text[dollar + 1 : dollar + 2]
        if opening == "$":
            pieces.append("$")
            at = dollar + 2
        elif opening in ("{", "(") and opening:
            at = lines.closing(text, dollar + 1, "{}" if opening == "{" else "()")
            if at is None:
                raise _Unclear
            pieces.append(_braced(text[dollar + 2 : at - 1].strip(lines.SPACE), lookup, depth))
        else:
            at = dollar + 1 + len(_PLAIN.match(text, dollar + 1).group())
            pieces.append(_value(text[dollar + 1 : at], lookup, depth))
    return "".join([*pieces, text[at:]])


def _value(name, lookup, depth):
    value = lookup(name)
    if value is None:
        raise _Unclear
    return _expand(value, lookup, depth + 1)


def _braced(text, lookup, depth):
    """Give what ``${text}`` stands for."""
    if text.startswith("{"):
        holds, rest = _comparison(text, lookup, depth)
        if not rest.startswith("?"):
            raise _Unclear
    else:
        name = _PLAIN.match(text).group()
        rest = text[len(name) :].lstrip(lines.SPACE)
        if not rest:
            return _value(name, lookup, depth)
        holds = bool(_value(name, lookup, depth))
    yes, no = _branches(rest)
    return _expand(yes if holds else no, lookup, depth + 1)


def _branches(rest):
    """Take apart ``?{yes}:{no}``, ``?yes`` and ``:no``."""
    if rest.startswith(":"):
        return "", _unbraced(rest[1:])[0]
    if not rest.startswith("?"):
        raise _Unclear
    body = rest[1:].lstrip(lines.SPACE)
    if not body.startswith("{"):
        return body, ""
    yes, after = _unbraced(body)
    if not after:
        return yes, ""
    if not after.startswith(":"):
        raise _Unclear
    return yes, _unbraced(after[1:])[0]


def _unbraced(text):
    """Give the text of the first ``{text}``, or all of it where there is none, and the rest."""
    text = text.strip(lines.SPACE)
    if not text.startswith("{"):
        return text, ""
    end = lines.closing(text, 0)
    if end is None:
        raise _Unclear
    return text[1 : end - 1].strip(lines.SPACE), text[end:].lstrip(lines.SPACE)


def _comparison(text, lookup, depth):
    left, rest = _unbraced(text)
    operator = _OPERATOR.match(rest)
    if not operator:
        raise _Unclear
    right, rest = _unbraced(rest[operator.end() :])
    left, right = (_expand(side, lookup, depth + 1) for side in (left, right))
    kind = operator[1]
    if kind.endswith("level"):
        left, right, kind = _level(left), _level(right), kind.removesuffix("level")
    elif _NUMBER.fullmatch(left) and _NUMBER.fullmatch(right):
        left, right = int(left), int(right)
    holds = {
        "==": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[kind]
    return holds, rest


def _level(text):
    """Make a compatibility level comparable: 3.10 is above 3.9."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){0,2}", text):
        raise _Unclear
    numbers = [int(number) for number in text.split(".")]
    return (*numbers, 0, 0)[:3]
