"""The grammar that main.cf and master.cf share: logical lines, and what may be written into one.

postconf(5) and master(5): a logical line starts with text in column 1, and a line that starts
with white space continues it. Empty lines, lines of white space and lines whose first text is a
``#`` are skipped, wherever they stand, also between a line and its continuation.

A document keeps every character it was given: ``str(Document.parse(text)) == text``.
"""

import difflib
import re

import postfix_sasl_text

# What C's isspace() calls white space. Python's own notion also takes in non-ASCII characters,
# which are plain text to Postfix.
SPACE = " \t\n\v\f\r"

_PHYSICAL = re.compile(r"[^\n]*\n|[^\n]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/+@-]*")
_BLANK = re.compile(f"[{SPACE}]")


def physical_lines(text):
    """Split text at newlines and nowhere else, each line with its newline.

    text
        Any string.

    Returns a list of strings that join to the same text.
    """
    return _PHYSICAL.findall(text)


def is_skipped(line):
    """Tell whether Postfix skips this physical line: empty, white space only, or a comment.

    line
        One physical line.

    Returns a bool.
    """
    return line.lstrip(SPACE)[:1] in ("", "#")


class LogicalLine:
    """One logical line: its raw characters, comment lines inside it included.

    raw
        The physical lines as they stand in the file, joined.
    """

    __slots__ = ("is_deleted", "raw")

    def __init__(self, raw):
        self.raw = raw
        self.is_deleted = False

    @property
    def mask(self):
        """The raw text with newlines and skipped lines turned into newlines.

        It is as long as ``raw``, so a position found in one is valid in the other. What is not
        a newline is the text Postfix sees.
        """
        if self.raw.find("\n", 0, -1) < 0 and not is_skipped(self.raw):
            return self.raw
        return "".join(
            "\n" * len(line) if is_skipped(line) else line for line in physical_lines(self.raw)
        )

    @property
    def text(self):
        """The text Postfix sees: joined, and cut at a NUL, as a C string is."""
        return self.mask.replace("\n", "").partition("\0")[0]

    @property
    def folded(self):
        """The text with each line break and the white space around it read as one blank."""
        lines = (line for line in physical_lines(self.raw) if not is_skipped(line))
        return " ".join(line.strip(SPACE) for line in lines)

    @property
    def skipped(self):
        """The comment and empty lines inside this logical line, joined."""
        return "".join(line for line in physical_lines(self.raw) if is_skipped(line))

    @property
    def is_stray(self):
        """Whether this is a continuation of nothing, which Postfix ignores with a warning."""
        return self.raw[0] in SPACE


class Document:
    """A file of logical lines that can be edited without touching the rest.

    items
        Logical lines, and strings for the comment and empty lines between them.
    """

    def __init__(self, items=()):
        self._items = list(items)
        # The line ending to write: the one the file's first line has.
        first = _raw(self._items[0]) if self._items else ""
        self.eol = "\r\n" if re.match(r"[^\n]*\r\n", first) else "\n"

    @classmethod
    def parse(cls, text):
        """Read a file's text.

        text
            The whole file, read with ``newline=""``.

        Returns a document for which ``str(document) == text``.
        """
        items, current, skipped = [], [], []
        for line in physical_lines(text):
            if is_skipped(line):
                skipped.append(line)
            elif current and line[0] in SPACE:
                current += [*skipped, line]
                skipped = []
            else:
                items += _finished(current, skipped)
                current, skipped = [line], []
        return cls(items + _finished(current, skipped))

    def __str__(self):
        return "".join(map(_raw, self._items))

    def logical_lines(self):
        """List the logical lines in the order of the file, strays included.

        Returns a list of :class:`LogicalLine`.
        """
        return [item for item in self._items if _is_line(item)]

    def numbered(self):
        """List the logical lines with the number of their first physical line, counted from 1.

        Returns a list of ``(number, LogicalLine)``.
        """
        found, number = [], 1
        for item in self._items:
            if _is_line(item):
                found.append((number, item))
            number += _raw(item).count("\n")
        return found

    def append(self, text):
        """Add a logical line at the end of the file.

        text
            The line, without its line ending.

        Returns the new :class:`LogicalLine`.
        """
        last = next((raw for raw in map(_raw, reversed(self._items)) if raw), "\n")
        if not last.endswith("\n"):
            self._items.append(self.eol)
        line = LogicalLine(text + self.eol)
        self._items.append(line)
        return line

    def delete(self, line):
        """Take out a logical line with its continuations; comment lines inside it stay.

        line
            One of this document's logical lines.
        """
        line.raw, line.is_deleted = line.skipped, True


def _raw(item):
    return item.raw if isinstance(item, LogicalLine) else item


def _is_line(item):
    return isinstance(item, LogicalLine) and not item.is_deleted


def _finished(current, skipped):
    items = [LogicalLine("".join(current))] if current else []
    return items + (["".join(skipped)] if skipped else [])


def split_name_value(text):
    """Split ``name = value`` as Postfix does.

    text
        The text of a logical line, or of a ``-o`` option.

    Returns ``(name, value)``, or None where Postfix finds no name or no ``=``.
    """
    name, equals, value = text.partition("=")
    name = name.strip(SPACE)
    if not equals or not name or _BLANK.search(name):
        return None
    return name, value.strip(SPACE)


def shown(value):
    """Write a value as an error message should quote it: on one line, and not too long.

    value
        Anything.

    Returns a string.
    """
    try:
        text = "null" if value is None else postfix_sasl_text.quoted(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, or lists in lists
        return f"a huge {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


def nearest(word, known):
    """Say which known word somebody may have meant.

    word
        What was written.

    known
        The words that exist.

    Returns ``"; did you mean X?"``, or an empty string where nothing is close.
    """
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def check_name(name):
    """Check a parameter's name.

    name
        The name, as somebody wrote it.

    Returns it unchanged. Raises ValueError for one that could not be a parameter: postconf(5)
    has letters, digits and underscores, and names made from a service's carry what that has.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f"parameter name: got {shown(name)}; "
            "takes letters, digits and _ (and . : / + @ - inside)"
        )
    return name


def to_text(label, value, separator):
    """Turn a value from an SLS, a pillar or a command line into the text Postfix reads.

    label
        What the value is for, as the error message should name it.

    value
        A string, a whole number, True or False (``yes``, ``no``), or a list of these.

    separator
        What joins the members of a list.

    Returns a string without white space around it. Raises ValueError for any other type, and for
    text that would not stay inside its line.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        if any(isinstance(member, (list, tuple)) for member in value):
            raise ValueError(f"{label}: got a list inside a list; takes a list of strings")
        return separator.join(to_text(label, member, separator) for member in value)
    if isinstance(value, float):
        raise ValueError(
            f"{label}: got the number {shown(value)}; put it in quotes, or YAML makes 3.1 of 3.10"
        )
    if not isinstance(value, str):
        raise ValueError(
            f"{label}: got {shown(value)}; takes a string, a whole number, true, false or a list"
        )
    if _CONTROL.search(value):
        raise ValueError(
            f"{label}: got {shown(value)}; takes one line without newlines or control characters"
        )
    value = value.strip(SPACE)
    if value.startswith("#"):
        raise ValueError(f"{label}: got {shown(value)}; takes no value that starts with #")
    return value


def check_macros(label, value):
    """Check that every ``$`` in a value can be expanded.

    One that cannot is fatal to each Postfix program that reads the parameter: ``${`` and ``$(``
    need their closing partner, and a ``$`` needs a name (postconf(5); ``$$`` is a plain ``$``).

    label
        What the value is for, as the error message should name it.

    value
        The value as text.

    Returns the value unchanged. Raises ValueError.
    """
    at = value.find("$")
    while at >= 0:
        opening = value[at + 1 : at + 2]
        if opening == "$":
            end = at + 2
        elif opening in ("{", "("):
            end = closing(value, at + 1, "{}" if opening == "{" else "()")
            if end is None:
                raise ValueError(f"{label}: got {shown(value)}; a ${opening} is never closed")
        else:
            end = at + 1 + len(re.match(r"[A-Za-z0-9_]*", value[at + 1 :]).group())
        if end == at + 1 or (opening in ("{", "(") and end == at + 3):
            raise ValueError(
                f"{label}: got {shown(value)}; a $ has no name after it ($$ is a plain $)"
            )
        at = value.find("$", end)
    return value


def check_braces(label, value):
    """Check that braces are balanced, since master.cf groups words with them (master(5)).

    label
        What the value is for, as the error message should name it.

    value
        The value as text.

    Returns the value unchanged. Raises ValueError.
    """
    level = 0
    for char in value:
        level += (char == "{") - (char == "}")
        if level < 0:
            break
    if level:
        raise ValueError(f"{label}: got {shown(value)}; takes only balanced braces {{ }}")
    return value


def closing(text, start, pair="{}"):
    """Find where an opened brace is closed.

    text
        The text.

    start
        The position of the opening brace.

    pair
        The opening and the closing character.

    Returns the position after the closing character, or None.
    """
    level = 0
    for index in range(start, len(text)):
        level += (text[index] == pair[0]) - (text[index] == pair[1])
        if level == 0:
            return index + 1
    return None


def plan(document, wanted, put, contents):
    """Work out what would change in a document if it held what is wanted.

    document
        A Document; it is changed.

    wanted
        Dictionary of name to what it should be.

    put
        A function that puts one of them, ``put(document, name, what)``.

    contents
        A function that returns all that the document holds, as a dictionary.

    Returns ``(changes, new text)``, see the ``plan`` of either file. Raises what *put* raises.
    """
    text, before = str(document), contents(document)
    for name, what in wanted.items():
        put(document, name, what)
    new = str(document)
    if new == text:
        return {}, text
    after = contents(document)
    changes = {
        name: {"old": before.get(name), "new": after.get(name)}
        for name in wanted
        if before.get(name) != after.get(name)
    }
    return changes, new
