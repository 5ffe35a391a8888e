"""The types a setting can have: each checks a value and says in words what it takes.

A type has ``takes`` (words for a person) and ``check(value)``, which returns the value as the
formula uses it or raises ``Wrong``. The table in ``postfix_sasl_options`` names one for every key.
"""

import copy
import ipaddress
import re

import postfix_sasl_lines
import postfix_sasl_maincf
import postfix_sasl_mastercf
from postfix_sasl_wrong import Refused, Several, UnknownName, Wrong, nearest

_PATH = re.compile(r"/[A-Za-z0-9._/+@:-]*")


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
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not is_number or not self.low <= value <= self.high:
            raise Wrong(f"it takes {self.takes}", value)
        return value


class Choice:
    """One of a few words."""

    def __init__(self, *words):
        self.words = words
        self.takes = "one of " + ", ".join("null" if w is None else w for w in words)

    def check(self, value):
        """Return *value*; raise Wrong unless it is one of the words."""
        if value is None and None in self.words:
            return None
        if not isinstance(value, str) or value not in self.words:
            words = [word for word in self.words if word]
            close = nearest(value, words, cutoff=0.75) if isinstance(value, str) else None
            hint = f"; did you mean {close}?" if close else ""
            raise Wrong(f"it takes {self.takes}{hint}", value)
        return value


class Mode(Choice):
    """One of a few words, among them ``off``, which YAML 1.1 takes for false."""

    def check(self, value):
        """Return *value*, ``off`` for false; raise Wrong unless it is one of the words."""
        return super().check("off" if value is False else value)


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
        if not self.pattern.fullmatch(value):
            control = re.search(r"[\x00-\x1f\x7f]", value)
            without = ", with no newline or other control character" if control else ""
            raise Wrong(f"it takes {self.takes}{without}", value)
        if not _is_unicode(value):
            raise Wrong("it takes text that UTF-8 can hold", value)
        return value


def _is_unicode(text):
    """Return whether *text* can be written to a file: JSON may hold half a character."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class MainText(Text):
    """Text for a main.cf parameter, which expands ``$name``."""

    def check(self, value):
        """Return *value*; raise Wrong for what Postfix programs would stop at."""
        try:
            text = postfix_sasl_maincf.to_value("value", super().check(value))
            return postfix_sasl_lines.check_braces("value", text)
        except Wrong:
            raise
        except ValueError as error:
            raise Refused(error) from None


class OptionText(Text):
    """Text for an option of smtpd.conf; a number or a boolean in YAML will do, null drops it."""

    def check(self, value):
        """Return *value* as text or None; raise Wrong unless it is one line."""
        if value is None:
            return None
        if isinstance(value, int):
            value = postfix_sasl_lines.to_text("value", value, "")
        return super().check(value)


class Path(Text):
    """An absolute path of plain characters, without ``..``."""

    def __init__(self, optional=False):
        super().__init__("an absolute path", _PATH.pattern, optional)

    def check(self, value):
        """Return *value* without doubled or trailing slashes; raise Wrong unless it is a path."""
        value = super().check(value)
        if value is None:
            return None
        names = [name for name in value.split("/") if name]
        if not names or {".", ".."} & set(names):
            raise Wrong(f"it takes {self.takes}, without '.' and '..'", value)
        return "/" + "/".join(names)


class Pem(Text):
    """Keys or certificates themselves, in PEM format."""

    def __init__(self):
        super().__init__(
            "text in PEM format, from -----BEGIN to -----END, with its line breaks",
            r"[^\x00]*-----BEGIN [A-Z0-9 ]+-----\r?\n[^\x00]+-----END [A-Z0-9 ]+-----\s*",
        )


class OwnDirectory(Path):
    """A directory that belongs to one daemon: it will be closed to everybody else."""

    # The socket in it has a name of at most 107 characters (unix(7)), the chroot's included.
    _LONGEST = 80
    SHARED = frozenset(
        f"/{parent}/{name}"
        for parent, names in {
            "var": "cache lib local lock log mail opt run spool tmp",
            "run": "lock postfix user",
            "usr": "bin lib local sbin share",
            "var/spool": "postfix",
            "var/lib": "postfix",
            "etc": "postfix",
        }.items()
        for name in names.split()
    )

    def check(self, value):
        """Return *value*; raise Wrong for a path that others need, or that is too long."""
        path = super().check(value)
        if path.count("/") < 2 or path in self.SHARED:
            raise Wrong("it takes a directory of its own, such as /var/run/saslauthd", value)
        if len(path) > self._LONGEST:
            raise Wrong(f"it takes a path of {self._LONGEST} characters at most", value)
        return path


class IPv4:
    """An IPv4 address."""

    takes = "an IPv4 address of this machine"

    def check(self, value):
        """Return *value*; raise Wrong unless it is a dotted quad."""
        try:
            return str(ipaddress.IPv4Address(value if isinstance(value, str) else ""))
        except ValueError:
            raise Wrong(f"it takes {self.takes}", value) from None


class ListOf:
    """A list whose items all have one type; with ``least`` items."""

    def __init__(self, item, least=0):
        self.item, self.least = item, least
        self.takes = f"a list{', not empty' if least else ''}; each item: {item.takes}"

    def check(self, value):
        """Return *value* with every item checked; raise Wrong otherwise."""
        if not isinstance(value, list) or len(value) < self.least:
            raise Wrong(f"it takes {self.takes}", value)
        checked = _checked(enumerate(value), lambda _position, item: self.item.check(item))
        return list(checked.values())


class OneOrMore(ListOf):
    """A list, or one item without the brackets."""

    def __init__(self, item):
        super().__init__(item)
        self.takes = f"{item.takes}, or a list of such"

    def check(self, value):
        """Return a list with every item checked; raise Wrong otherwise."""
        return super().check(value if isinstance(value, list) else [value])


class Record:
    """A dictionary with fixed names, some of them required, each with its own type.

    fields
        {name: type}
    required
        Names that must be there.
    defaults
        {name: value} for those that need not be; null gives the default, too.
    """

    def __init__(self, fields, required=(), defaults=None):
        self.fields, self.required, self.defaults = fields, required, defaults or {}
        self.takes = "a dictionary with " + ", ".join(fields)

    def check(self, value):
        """Return *value* checked and with defaults filled in; raise Wrong otherwise."""
        if not isinstance(value, dict):
            raise Wrong(f"it takes {self.takes}", value)
        may_be_null = set(self.fields) - set(self.required)
        given = {
            name: item
            for name, item in value.items()
            if item is not None or name not in may_be_null
        }
        checked = {**copy.deepcopy(self.defaults), **_checked(given.items(), self._field)}
        missing = [name for name in self.required if name not in checked]
        if missing:
            raise Wrong(f"it takes {self.takes}; {', '.join(missing)} missing", value)
        return checked

    def _field(self, name, item):
        if name not in self.fields:
            raise UnknownName(name, self.fields)
        return self.fields[name].check(item)


class MapOf:
    """A dictionary from names that match a pattern to values of one type."""

    def __init__(self, item, takes, key=r"[A-Za-z0-9_.:-]+"):
        self.item, self.key, self.takes = item, re.compile(key), takes

    def check(self, value):
        """Return *value* with names and values checked; raise Wrong otherwise."""
        if not isinstance(value, dict):
            raise Wrong(f"it takes {self.takes}", value)
        return _checked(value.items(), self._item)

    def _item(self, name, item):
        if not isinstance(name, str) or not self.key.fullmatch(name):
            raise Wrong(f"it takes {self.takes}", item)
        return self.item.check(item)


def _checked(items, check):
    """Return {name: check(name, item)}; raise Several for all that *check* raises."""
    checked, wrong = {}, []
    for name, item in items:
        try:
            checked[name] = check(name, item)
        except Wrong as error:
            wrong += [one.inside(name) for one in error.each]
        except ValueError as error:
            wrong.append(Refused(error, (name,)))
    if wrong:
        raise Several(wrong)
    return checked


def _each(value, takes, check):
    """Return {name: check(name, item)} for a dictionary; raise Wrong otherwise."""
    if not isinstance(value, dict):
        raise Wrong(f"it takes {takes}", value)
    return _checked(value.items(), check)


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
        return Text().check(postfix_sasl_maincf.to_value(name, value))


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
        return Text().check(postfix_sasl_mastercf.to_option("service/inet", name, value))


class Entries:
    """A dictionary of master.cf service entries, as ``postfix_sasl_mastercf`` takes them."""

    takes = "a dictionary {service/type: {command, chroot, options, ...}, or null to remove it}"

    def check(self, value):
        """Return {service/type: fields or None}; raise Wrong for a bad name or field."""
        return _each(value, self.takes, self._entry)

    def _entry(self, key, fields):
        postfix_sasl_mastercf.check_key(key)
        if fields is None:
            return None
        takes = "a dictionary of fields, or null to remove the entry"
        checked = _each(fields, takes, lambda name, value: self._field(key, name, value))
        return {name: value for name, value in checked.items() if value is not None}

    @staticmethod
    def _field(key, name, value):
        if name not in postfix_sasl_mastercf.FIELDS:
            raise UnknownName(name, postfix_sasl_mastercf.FIELDS)
        if value is None:
            return None
        if name == "options":
            return Options().check(value)
        given = {"command": "smtpd", name: value}
        checked = postfix_sasl_mastercf.merge(key, None, given)[name]
        for word in checked if name == "args" else ():
            Text().check(word)
        return checked
