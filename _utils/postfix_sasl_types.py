"""The types a setting can have: each checks a value and says in words what it takes.

A type has ``takes`` (words for a person) and ``check(value)``, which returns the value as the
formula uses it or raises ``Wrong``. The table in ``postfix_sasl_options`` names one for every key.
"""

import difflib
import re

import postfix_sasl_lines
import postfix_sasl_maincf
import postfix_sasl_mastercf

_PATH = re.compile(r"/[A-Za-z0-9._/+@:-]*")


class Wrong(ValueError):
    """A value that a key can't have.

    reason
        What the key takes, or why the value is refused (text).
    path
        Where inside the value it is: names and list positions, outermost first.
    got
        The offending value; ``unknown`` is set when a name is wrong, not a value.
    """

    def __init__(self, reason, got=None, path=(), unknown=False):
        super().__init__(reason)
        self.reason, self.got, self.path, self.unknown = reason, got, tuple(path), unknown

    def inside(self, name):
        """Return the same error, seen from the container that holds *name*."""
        return Wrong(self.reason, self.got, (str(name), *self.path), self.unknown)


def nearest(name, known):
    """Return the entry of *known* that looks most like *name*, or None."""
    matches = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None


def unknown_name(name, known):
    """Return the ``Wrong`` for a *name* that is not among *known* names."""
    close = nearest(name, known)
    reason = f"did you mean {close}?" if close else "it takes " + ", ".join(sorted(known))
    return Wrong(reason, path=(str(name),), unknown=True)


class Bool:
    """``true`` or ``false``."""

    takes = "true or false"

    def check(self, value):
        """Return *value*; raise Wrong unless it is a boolean."""
        if not isinstance(value, bool):
            raise Wrong(f"it takes {self.takes}", value)
        return value


class Int:
    """A whole number within bounds."""

    def __init__(self, low, high):
        self.low, self.high = low, high
        self.takes = f"a whole number from {low} to {high}"

    def check(self, value):
        """Return *value*; raise Wrong unless it is an int from ``low`` to ``high``."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong(f"it takes {self.takes}", value)
        if not self.low <= value <= self.high:
            raise Wrong(f"it takes {self.takes}", value)
        return value


class Choice:
    """One of a few words."""

    def __init__(self, *words):
        self.words = words
        self.takes = "one of " + ", ".join("null" if w is None else str(w) for w in words)

    def check(self, value):
        """Return *value*; raise Wrong unless it is one of the words."""
        if value not in self.words or isinstance(value, bool):
            raise Wrong(f"it takes {self.takes}", value)
        return value


class Text:
    """One line of text, with a pattern it has to match in full."""

    def __init__(self, takes="one line of text", pattern=r"[^\x00-\x1f\x7f]*", optional=False):
        self.pattern = re.compile(pattern)
        self.optional = optional
        self.takes = takes + (", or null" if optional else "")

    def check(self, value):
        """Return *value* as text; raise Wrong unless it is one line that matches."""
        if value is None and self.optional:
            return None
        if not isinstance(value, str):
            raise Wrong(f"it takes {self.takes}", value)
        if any(ord(char) < 32 or ord(char) == 127 for char in value):
            raise Wrong(f"it takes {self.takes}, with no newline or other control character", value)
        if not self.pattern.fullmatch(value):
            raise Wrong(f"it takes {self.takes}", value)
        return value


class Path(Text):
    """An absolute path of plain characters, without ``..``."""

    def __init__(self, optional=False):
        super().__init__("an absolute path", _PATH.pattern, optional)

    def check(self, value):
        """Return *value*; raise Wrong unless it is an absolute path."""
        value = super().check(value)
        if value is not None and ".." in value.split("/"):
            raise Wrong(f"it takes {self.takes}, without '..'")
        return value


class ListOf:
    """A list whose items all have one type; with ``least`` items."""

    def __init__(self, item, least=0):
        self.item, self.least = item, least
        self.takes = f"a list; each item: {item.takes}"
        if least:
            self.takes = f"a list of {least} or more; each item: {item.takes}"

    def check(self, value):
        """Return *value* with every item checked; raise Wrong otherwise."""
        if not isinstance(value, list) or len(value) < self.least:
            raise Wrong(f"it takes {self.takes}", value)
        checked = []
        for position, item in enumerate(value):
            try:
                checked.append(self.item.check(item))
            except Wrong as error:
                raise error.inside(position) from None
        return checked


class Record:
    """A dictionary with fixed names, some of them required, each with its own type.

    fields
        {name: type}
    required
        Names that must be there.
    defaults
        {name: value} for those that need not be.
    """

    def __init__(self, fields, required=(), defaults=None):
        self.fields, self.required, self.defaults = fields, required, defaults or {}
        self.takes = "a dictionary with " + ", ".join(fields)

    def check(self, value):
        """Return *value* checked and with defaults filled in; raise Wrong otherwise."""
        if not isinstance(value, dict):
            raise Wrong(f"it takes {self.takes}", value)
        checked = dict(self.defaults)
        for name, item in value.items():
            if name not in self.fields:
                raise unknown_name(name, self.fields)
            try:
                checked[name] = self.fields[name].check(item)
            except Wrong as error:
                raise error.inside(name) from None
        for name in self.required:
            if name not in checked:
                raise Wrong(f"{name} is missing; it takes {self.takes}", value)
        return checked


class MapOf:
    """A dictionary from names that match a pattern to values of one type."""

    def __init__(self, item, takes, key=r"[A-Za-z0-9_.:-]+"):
        self.item, self.key, self.takes = item, re.compile(key), takes

    def check(self, value):
        """Return *value* with names and values checked; raise Wrong otherwise."""
        if not isinstance(value, dict):
            raise Wrong(f"it takes {self.takes}", value)
        checked = {}
        for name, item in value.items():
            if not isinstance(name, str) or not self.key.fullmatch(name):
                raise Wrong(f"it takes {self.takes}", path=(str(name),), unknown=True)
            try:
                checked[name] = self.item.check(item)
            except Wrong as error:
                raise error.inside(name) from None
        return checked


def _each(value, takes, check):
    """Return {name: check(name, item)}; a ValueError of *check* becomes a Wrong at that name."""
    if not isinstance(value, dict):
        raise Wrong(f"it takes {takes}", value)
    checked = {}
    for name, item in value.items():
        try:
            checked[name] = check(name, item)
        except ValueError as error:
            raise Wrong(str(error), item, (str(name),)) from None
    return checked


class Parameters:
    """A dictionary of main.cf parameters, as ``postfix_sasl_maincf`` takes them."""

    takes = "a dictionary {parameter: value, or null to remove it}"

    def check(self, value):
        """Return {name: text or None}; raise Wrong for what main.cf can't hold."""
        return _each(value, self.takes, self._parameter)

    @staticmethod
    def _parameter(name, value):
        if value is None:
            postfix_sasl_lines.check_name(name)
            return None
        return postfix_sasl_maincf.to_value(name, value)


class Options:
    """The ``-o`` options of a service entry."""

    takes = "a dictionary {parameter: value, or null to drop it}"

    def check(self, value):
        """Return {name: text or None}; raise Wrong for what master.cf can't hold."""
        return _each(value, self.takes, self._option)

    @staticmethod
    def _option(name, value):
        if value is None:
            postfix_sasl_lines.check_name(name)
            return None
        return postfix_sasl_mastercf.to_option("service/inet", name, value)


class Entries:
    """A dictionary of master.cf service entries, as ``postfix_sasl_mastercf`` takes them."""

    takes = "a dictionary {service/type: {command, chroot, options, ...}, or null to remove it}"

    def check(self, value):
        """Return {service/type: fields or None}; raise Wrong for a bad name or field."""
        return _each(value, self.takes, self._entry)

    @staticmethod
    def _entry(key, fields):
        postfix_sasl_mastercf.check_key(key)
        if fields is None:
            return None
        if not isinstance(fields, dict):
            raise ValueError("it takes a dictionary of fields, or null to remove the entry")
        given = {name: value for name, value in fields.items() if value is not None}
        complete = postfix_sasl_mastercf.merge(key, None, {"command": "smtpd", **given})
        checked = {name: complete[name] for name in given}
        dropped = [name for name, value in given.get("options", {}).items() if value is None]
        if dropped:
            checked["options"].update(dict.fromkeys(dropped))
        return checked
