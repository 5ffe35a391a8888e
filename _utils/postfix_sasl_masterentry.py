"""One service entry of master.cf: take it apart, and put right what should differ.

master(5): eight columns, then ``-o name=value`` options and further words. A word that starts with
``{`` runs to the matching ``}``; there is no other quoting. Options end at the first word that
does not start with ``-``, and at ``--``; a ``-o`` after that is a plain word.
"""

import dataclasses
import re

import postfix_sasl_lines as lines

TYPES = ("inet", "unix", "unix-dgram", "fifo", "pass")

# The columns after service and type, in the order of the file: what each takes, in words.
COLUMNS = {
    "private": (re.compile(r"[yn-]"), "y, n or -"),
    "unprivileged": (re.compile(r"[yn-]"), "y, n or -"),
    "chroot": (re.compile(r"[yn-]"), "y, n or -"),
    "wakeup": (re.compile(r"[0-9]+\??|-"), "a number of seconds, perhaps with a ? after it, or -"),
    "process_limit": (re.compile(r"[0-9]+|-"), "a number or -"),
}
BLANKS = " \t\r\n"
_UNBRACED = re.compile(f"[^{BLANKS}]+")

# Marks deleted text until the line it stood on is tidied up. An entry that holds one of its own is
# not edited.
_GONE = "\0"


@dataclasses.dataclass(frozen=True)
class _Token:
    """A piece of an entry: where it stands in the raw text, and what it says."""

    start: int
    end: int
    text: str


@dataclasses.dataclass(frozen=True)
class _Option:
    """A ``-o name=value``: where it stands in the raw text, and what it sets."""

    start: int
    end: int
    name: str
    value: str


class Entry:
    """One service entry, with the position of each of its pieces.

    line
        A logical line. Raises ValueError where it has fewer than eight columns.
    """

    def __init__(self, line):
        self.raw = line.raw
        self._is_clean = True
        tokens = _tokens(line.mask)
        if line.is_stray or len(tokens) < 8:
            raise ValueError("takes eight columns: service, type, five more, and a command")
        self.type = tokens[1].text
        self.key = f"{tokens[0].text}/{self.type}"
        self.columns = dict(zip(COLUMNS, tokens[2:7], strict=True))
        self.command = tokens[7]
        self.options, self.flags = [], []
        self.words = self._read_flags(tokens[8:])

    def _read_flags(self, tokens):
        """Sort options from other flags; return the words that follow them."""
        rest = list(tokens)
        while rest and is_flag(rest[0].text):
            token = rest.pop(0)
            # A flag may be glued to others and to its value: -vo name=value, -oname=value.
            before, has_o, glued = token.text[1:].partition("o")
            at = token.start + 1 + len(before)
            value = rest.pop(0) if has_o and not glued and rest else None
            pair = self._pair(glued, value) if has_o else None
            if pair:
                end = (value or token).end
                self.options.append(_Option(at if before else token.start, end, *pair))
                if before:
                    self.flags.append(_Token(token.start, at, "-" + before))
            else:
                self.flags += [token, value] if value else [token]
                self._is_clean = self._is_clean and not has_o
        return [_Token(token.start, token.end, self._unbraced(token.text)) for token in rest]

    def _pair(self, glued, value):
        # postconf reads "-o{ name = value }", the daemons do not: they see the braces.
        if glued.startswith("{"):
            return None
        return lines.split_name_value(glued if value is None else self._unbraced(value.text))

    def _unbraced(self, text):
        if not text.startswith("{"):
            return text
        end = lines.closing(text, 0)
        if end != len(text):
            self._is_clean = False
        return text[1 : end - 1 if end else None].strip(lines.SPACE)

    def as_dict(self):
        """Give the entry as users see it.

        Returns a dictionary of the columns, ``command``, ``options`` and ``args``.
        """
        return {
            "command": self.command.text,
            **{name: token.text for name, token in self.columns.items()},
            "options": {option.name: option.value for option in self.options},
            "args": [token.text for token in (*self.flags, *self.words)],
        }

    def is_malformed(self):
        """Tell whether the master daemon stops at this entry, or the service at its options.

        Returns a bool.
        """
        columns_fit = all(
            takes.fullmatch(self.columns[name].text) for name, (takes, _) in COLUMNS.items()
        )
        return not (
            self._is_clean
            and columns_fit
            and self.type in TYPES
            and self.command.text != "-"
            and (self.type != "inet" or self.columns["private"].text == "n")
        )


def is_flag(word):
    """Tell whether a word after the command can be an option, and not yet an argument.

    word
        The word.

    Returns a bool.
    """
    return word.startswith("-") and word != "--"


def split_words(words):
    """Part the leading flags, which must precede all other words, from the rest.

    words
        A list of words.

    Returns ``(flags, rest)``.
    """
    count = next((at for at, word in enumerate(words) if not is_flag(word)), len(words))
    return words[:count], words[count:]


def _tokens(mask):
    """Split an entry's mask into words; only blanks outside braces part them."""
    found, start, level = [], None, 0
    mask = mask.partition("\0")[0].rstrip(BLANKS)
    if "{" not in mask:
        return [_Token(*word.span(), word.group()) for word in _UNBRACED.finditer(mask)]
    for index, char in enumerate(mask + " "):
        if char in BLANKS and (level == 0 or index == len(mask)):
            if start is not None:
                # The newlines are those of the mask: Postfix does not see them.
                found.append(_Token(start, index, mask[start:index].replace("\n", "")))
            start = None
        else:
            start = index if start is None else start
            level += (char == "{") - (char == "}" and level > 0)
    return found


def edited(entry, new, eol):
    """Work out an entry's raw text with what differs from ``new`` put right, and only that.

    entry
        The :class:`Entry` as it stands.

    new
        The entry as a dictionary.

    eol
        The line ending for new lines.

    Returns the raw text. The caller has to check that it reads as ``new``: some oddities, such as
    ``-vo name=value``, cannot be edited in every way.
    """
    if _GONE in entry.raw:
        return entry.raw
    old = entry.as_dict()
    flags, words = split_words(new["args"])
    options_end = max(piece.end for piece in (entry.command, *entry.flags, *entry.options))
    # Edits are (start, end, text). Those at one place are applied in the order of this list.
    edits = [
        _column_edit(entry.raw, token, new[name])
        for name, token in entry.columns.items()
        if old[name] != new[name]
    ]
    if old["command"] != new["command"]:
        edits.append((entry.command.start, entry.command.end, new["command"]))
    edits += _word_edits(entry.flags, flags, entry.command.end, " ")
    edits += _option_edits(entry, old["options"], new["options"], options_end, eol)
    edits += _word_edits(entry.words, words, options_end, f"{eol}  ")
    return _apply(entry.raw, edits)


def _written(word):
    needs_braces = not word or word[0] == "{" or any(char in word for char in BLANKS)
    return f"{{ {word} }}" if needs_braces and word else word or "{}"


def _written_option(name, value):
    if any(char in value for char in BLANKS):
        return f"-o {{ {name} = {value} }}"
    return f"-o {name}={value}"


def _column_edit(raw, token, text):
    """Replace a column so that those after it stay where they are, if they can."""
    width = token.end - token.start
    end = token.end
    if raw[end : end + 1] == " ":
        text = text.ljust(width)
        while len(text) > end - token.start and raw[end : end + 2] == "  ":
            end += 1
    return token.start, end, text


def _option_edits(entry, old, new, anchor, eol):
    edits = []
    for name in old:
        same_name = [option for option in entry.options if option.name == name]
        if new.get(name) == old[name]:
            continue
        *dead, last = same_name
        edits += [(option.start, option.end, _GONE) for option in dead]
        text = _written_option(name, new[name]) if name in new else _GONE
        is_glued = text != _GONE and entry.raw[last.start] == "o"
        edits.append((last.start, last.end, " " + text if is_glued else text))
    added = [name for name in new if name not in old]
    if added:
        indent = _option_indent(entry)
        text = "".join(f"{eol}{indent}{_written_option(name, new[name])}" for name in added)
        edits.append((anchor, anchor, text))
    return edits


def _option_indent(entry):
    """Give the white space before the last option that starts a line of its own."""
    for option in reversed(entry.options):
        before = entry.raw[: option.start].rpartition("\n")[2]
        if before and not before.strip(lines.SPACE):
            return before
    return "  "


def _word_edits(old, new, anchor, joiner):
    edits = [
        (token.start, token.end, _written(word))
        for token, word in zip(old, new, strict=False)
        if token.text != word
    ]
    edits += [(token.start, token.end, _GONE) for token in old[len(new) :]]
    extra = " ".join(_written(word) for word in new[len(old) :])
    if extra:
        at = old[-1].end if old else anchor
        edits.append((at, at, (" " if old else joiner) + extra))
    return edits


def _apply(raw, edits):
    pieces, at = [], 0
    for start, end, text in sorted(edits, key=lambda edit: edit[0]):
        pieces += [raw[at:start], text]
        at = end
    changed = "".join(pieces) + raw[at:]
    kept = []
    for line in lines.physical_lines(changed):
        if _GONE in line:
            line = re.sub(f"^([ \t]+)(?:{_GONE}[ \t]*)+", r"\1", line)
            line = re.sub(f"[ \t]*{_GONE}", "", line)
            if not line.strip(lines.SPACE):
                continue
        kept.append(line)
    return "".join(kept)
