"""main.cf: read and edit parameters, keeping everything else as its author wrote it.

The format is in postconf(5). Nothing here runs a program or needs Salt.
"""

import functools
import os
import re

import postfix_sasl_lines as lines

# Postfix uses these as lists of characters and does not expand a $ in them (postconf(5)).
_NOT_EXPANDED = "_expansion_filter"

_HEAD = re.compile(r"(?P<name>[^\s=]+)(?P<before>[ \t]*)=(?P<after>[ \t]*)(?P<rest>.*)", re.ASCII)


def path(config_dir):
    """Name the file.

    config_dir
        Postfix's configuration directory.

    Returns the path of main.cf.
    """
    return os.path.join(config_dir, "main.cf")


def to_value(name, value):
    """Turn a value into the text that goes into main.cf.

    name
        The parameter's name.

    value
        A string, a whole number, True or False (``yes``, ``no``), or a list (joined by ``, ``).

    Returns a string. Raises ValueError for a name or value that main.cf cannot hold, or that
    would stop Postfix programs from reading it.
    """
    lines.check_name(name)
    text = lines.to_text(name, value, ", ")
    return text if name.endswith(_NOT_EXPANDED) else lines.check_macros(name, text)


class MainCf(lines.Document):
    """A main.cf. ``str()`` of it gives the file back, byte for byte where nothing was edited."""

    def get(self, name):
        """Give a parameter's value as Postfix reads it.

        name
            The parameter's name.

        Returns a string, or None where the file does not set it. The last duplicate wins.
        """
        return self.as_dict().get(name)

    def as_dict(self):
        """Give all parameters the file sets, also those Postfix does not know.

        Returns a dictionary of name to value.
        """
        return {name: value for name, value, _ in self._assignments()}

    def folded(self):
        """Give all parameters the file sets as people would write them on one line.

        Returns a dictionary of name to value, in which each line break and the white space around
        it is one blank. Setting a parameter to that leaves the file as it is; see :meth:`set`.
        """
        found = {}
        for name, value, line in self._assignments():
            on_one_line = _value(line.folded)
            found[name] = value if on_one_line is None else on_one_line
        return found

    def malformed(self):
        """List the logical lines Postfix stops at (no name, no ``=``) or ignores (a continuation
        of nothing).

        Returns a list of ``(line number, text)``.
        """
        return [
            (number, line.text.strip(lines.SPACE))
            for number, line in self.numbered()
            if line.is_stray or not lines.split_name_value(line.text)
        ]

    def set(self, name, value):
        """Set a parameter where it stands, or at the end of the file.

        Earlier duplicates, which Postfix ignores, are taken out along with a change. Where the
        value is the same but for the way it is folded over several lines, nothing is written.

        name
            The parameter's name.

        value
            The value, as for :func:`to_value`; None removes the parameter.

        Raises ValueError.
        """
        if value is None:
            self.remove(name)
            return
        value = to_value(name, value)
        same_name = self._lines.get(name)
        if not same_name:
            self._lines[name] = [self.append(f"{name} = {value}".rstrip(lines.SPACE))]
            return
        *dead, line = same_name
        if value in (_value(line.text), _value(line.folded)):
            return
        self._rewrite(line, name, value)
        for duplicate in dead:
            self.delete(duplicate)
        self._lines[name] = [line]

    def remove(self, name):
        """Take out a parameter, so that Postfix's default holds. Comment lines stay.

        name
            The parameter's name.

        Raises ValueError for an impossible name, unless the file has it all the same.
        """
        if name not in self._lines:
            lines.check_name(name)
        for line in self._lines.pop(name, ()):
            self.delete(line)

    @functools.cached_property
    def _lines(self):
        """The lines that set each parameter, by its name; edits keep it up to date."""
        found = {}
        for name, _, line in self._assignments():
            found.setdefault(name, []).append(line)
        return found

    def _assignments(self):
        found = []
        for line in self.logical_lines():
            pair = None if line.is_stray else lines.split_name_value(line.text)
            if pair:
                found.append((*pair, line))
        return found

    def _rewrite(self, line, name, value):
        first = lines.physical_lines(line.raw)[0]
        head = _HEAD.match(first)
        before, after = (head["before"], head["after"]) if head else (" ", " ")
        if head and not head["rest"].strip(lines.SPACE):
            after = " " if before else ""
        skipped = line.skipped
        eol = self.eol if line.raw.endswith("\n") or skipped else ""
        line.raw = f"{name}{before}={after}{value}".rstrip(lines.SPACE) + eol + skipped


def plan(text, wanted):
    """Work out what would change in a main.cf, for dry runs and for real ones alike.

    text
        The file's text.

    wanted
        Dictionary of parameter name to value; None takes the parameter out.

    Returns ``(changes, new text)``; changes is ``{name: {"old": ..., "new": ...}}`` with only
    real changes, and None for what is not in the file. Raises ValueError.
    """
    return lines.plan(MainCf.parse(text), wanted, MainCf.set, MainCf.as_dict)


def _value(text):
    pair = lines.split_name_value(text)
    return pair[1] if pair else None
