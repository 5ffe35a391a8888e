"""Text that comes from elsewhere, made fit to be shown: one line, bounded, nothing hidden in it."""

import re
import unicodedata

# Controls, formats (such as those that turn the direction of writing), surrogates, private use,
# not assigned; line and paragraph separators.
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_MARKS = ("Mn", "Me")
_MARKS_IN_A_ROW = 2
# What a terminal obeys or does not show; private use and not assigned are somebody's letters.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
# A byte that is no UTF-8, as repr writes what such a byte is in a text (PEP 383).
_BYTE = re.compile(r"\\udc([89a-f][0-9a-f])")


def visible(data):
    r"""Return data for Salt to send and print, with what can't be seen in its texts written out.

    A byte that is no UTF-8, which no message of Salt's can carry, becomes ``\xfc``, a control
    character ``\x1b``; ends of lines and tabs stay.

    data
        A text, or dictionaries and lists of whatever depth with texts in them.
    """
    if isinstance(data, dict):
        return {visible(name): visible(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [visible(each) for each in data]
    if not isinstance(data, str) or data.isprintable():
        return data
    return "".join(
        quoted(char)[1:-1] if unicodedata.category(char) in _UNSEEN and char not in "\n\t" else char
        for char in data
    )


def quoted(value):
    r"""Return a value as Python writes it, but a byte that is no UTF-8 as such: ``'\xfc'``."""
    return _BYTE.sub(r"\\x\1", repr(value))


def clean(text, limit=200):
    """Return *text* in one line of at most *limit* characters, what can't be seen as ``?``.

    text
        Anything; what is no string is written as Python does.
    limit
        The number of characters to keep.
    """
    text = text if isinstance(text, str) else str(text)
    shown, marks = [], 0
    # Words may be broken over lines; more than will be kept need not be looked at.
    for character in " ".join(text[: 4 * limit].split()):
        category = unicodedata.category(character)
        # Any number of accents can be put on one letter, and cover the lines above.
        marks = marks + 1 if category in _MARKS else 0
        if marks <= _MARKS_IN_A_ROW:
            shown.append("?" if category in _HIDDEN else character)
    shown = "".join(shown)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def plain(text, most=200):
    """Return text or bytes of a peer fit for any terminal: printable ASCII, at most so many.

    Words keep the blanks between them, so that a command can be copied.
    """
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    shown = "".join(c if " " <= c <= "~" else "?" for c in text.strip())
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def width(text):
    """Return how many columns of a terminal *text* takes, which should be clean."""
    return sum(map(_columns, text))


def fitted(text, columns):
    """Return *text* cut, or filled with blanks, to exactly so many columns of a terminal."""
    if width(text) > columns:
        kept = ""
        for character in text:
            if width(kept) + _columns(character) > columns - 1:
                break
            kept += character
        text = kept + "…"
    return text + " " * (columns - width(text))


def _columns(character):
    if unicodedata.category(character) in _MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
