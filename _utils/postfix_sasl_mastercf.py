"""master.cf: read and edit service entries, keeping everything else as its author wrote it.

The format is in master(5). Nothing here runs a program or needs Salt.

An entry as a dictionary has the keys ``command``, ``private``, ``unprivileged``, ``chroot``,
``wakeup``, ``process_limit``, ``options`` (name to value, in order) and ``args`` (further words).
"""

import functools
import os
import re

import postfix_sasl_lines as lines
import postfix_sasl_masterentry as masterentry

FIELDS = (*masterentry.COLUMNS, "command", "options", "args")

_YES_NO = ("private", "unprivileged", "chroot")
_WORD = re.compile(r"[!-~]+")
HOST_PORT = re.compile(r"(?:(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.%A-Za-z0-9-]*\]|):)?[A-Za-z0-9_-]+")
PATHNAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.:@+=/-]*")


class MasterCf(lines.Document):
    """A master.cf. ``str()`` of it gives the file back, byte for byte where nothing was edited."""

    def entries(self):
        """Give all service entries.

        Returns a dictionary of ``service/type`` to entry, in the order of the file. The last
        duplicate wins.
        """
        return {entry.key: entry.as_dict() for entry, _ in self._parsed()}

    def get(self, key):
        """Give one service entry.

        key
            ``service/type``, such as ``smtp/inet``.

        Returns the entry as a dictionary, or None where there is none.
        """
        return self.entries().get(key)

    def malformed(self):
        """List the entries Postfix stops at, or ignores (a continuation of nothing).

        master(8) is stricter than ``postconf -M``: it wants ``n`` in an inet entry's private
        column, and digits before the ``?`` of a wakeup time.

        Returns a list of ``(line number, text)``.
        """
        found = []
        for number, line in self.numbered():
            try:
                is_bad = masterentry.Entry(line).is_malformed()
            except ValueError:
                is_bad = True
            if is_bad:
                found.append((number, line.text.strip(lines.SPACE)))
        return found

    def set(self, key, **fields):
        """Set fields of an entry where it stands, or add it at the end of the file.

        A field not given, or None, stays as it is; in a new entry the columns are then ``-``,
        and ``n`` for the private column of an inet entry, which takes nothing else.

        key
            ``service/type``, such as ``submission/inet``.

        fields
            ``command``, ``private``, ``unprivileged``, ``chroot``, ``wakeup``,
            ``process_limit``, ``options`` (a dictionary; None drops an option, those not named
            stay) and ``args`` (a list that replaces all further words).

        Raises ValueError.
        """
        service, kind = check_key(key)
        same_key = self._by_key.get(key, [])
        old = same_key[-1][0].as_dict() if same_key else None
        new = merge(key, old, fields)
        if new == old:
            return
        if same_key:
            line = same_key[-1][1]
        else:
            columns = " ".join(f"{new[name]:<7}" for name in masterentry.COLUMNS)
            line = self.append(f"{service:<9} {kind:<5} {columns} {new['command']}")
        raw = masterentry.edited(masterentry.Entry(line), new, self.eol)
        entry = masterentry.Entry(lines.LogicalLine(raw))
        if entry.as_dict() != new:
            raise ValueError(f"{key}: cannot be edited safely as it stands; mend it by hand first")
        line.raw = raw
        for _, duplicate in same_key[:-1]:
            self.delete(duplicate)
        self._by_key[key] = [(entry, line)]

    def remove(self, key):
        """Take out an entry with its continuation lines. Comment lines stay.

        key
            ``service/type``.

        Raises ValueError for an impossible key, unless the file has it all the same.
        """
        if key not in self._by_key:
            check_key(key)
        for _, line in self._by_key.pop(key, ()):
            self.delete(line)

    @functools.cached_property
    def _by_key(self):
        """The entries of each key with their lines; edits keep it up to date."""
        found = {}
        for entry, line in self._parsed():
            found.setdefault(entry.key, []).append((entry, line))
        return found

    def _parsed(self):
        found = []
        for line in self.logical_lines():
            try:
                found.append((masterentry.Entry(line), line))
            except ValueError:
                continue
        return found


def path(config_dir):
    """Name the file.

    config_dir
        Postfix's configuration directory.

    Returns the path of master.cf.
    """
    return os.path.join(config_dir, "master.cf")


def check_key(key):
    """Check and take apart the name of an entry.

    key
        ``service/type``.

    Returns ``(service, type)``. Raises ValueError.
    """
    service, slash, kind = key.rpartition("/") if isinstance(key, str) else ("", "", "")
    if not slash or kind not in masterentry.TYPES:
        raise ValueError(
            f"{lines.shown(key)}: takes service/type, "
            f"the type being one of {', '.join(masterentry.TYPES)}"
            + lines.nearest(kind, masterentry.TYPES)
        )
    if kind == "inet":
        if not HOST_PORT.fullmatch(service):
            raise ValueError(
                f"{key}: got the service {lines.shown(service)}; "
                "takes port, host:port or [IPv6 address]:port"
            )
    elif not PATHNAME.fullmatch(service):
        raise ValueError(
            f"{key}: got the service {lines.shown(service)}; takes a plain name without blanks"
        )
    return service, kind


def to_column(key, name, value):
    """Turn a value into the text of a column.

    key
        ``service/type``, for the message.

    name
        The column.

    value
        A string, a whole number, or in a yes/no column True or False.

    Returns a string. Raises ValueError.
    """
    takes, in_words = masterentry.COLUMNS[name]
    text = str(value)
    if isinstance(value, bool):
        text = ("y" if value else "n") if name in _YES_NO else ""
    if not isinstance(value, (str, int)) or not takes.fullmatch(text):
        raise ValueError(f"{key}: {name}: got {lines.shown(value)}; takes {in_words}")
    return text


def to_option(key, name, value):
    """Turn a value into the text of a ``-o`` option.

    key
        ``service/type``, for the message.

    name
        The parameter's name.

    value
        A string, a whole number, True or False (``yes``, ``no``), or a list (joined by ``,``).

    Returns a string. Raises ValueError.
    """
    label = f"{key}: -o {lines.check_name(name)}"
    text = lines.to_text(label, value, ",")
    return lines.check_macros(label, lines.check_braces(label, text))


def to_args(key, value):
    """Check the further words of an entry.

    key
        ``service/type``, for the message.

    value
        A list of strings or whole numbers.

    Returns a list of strings. Raises ValueError.
    """
    label = f"{key}: args"
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{label}: got {lines.shown(value)}; takes a list of words")
    for word in value:
        if isinstance(word, bool) or not isinstance(word, (str, int)):
            raise ValueError(
                f"{label}: got {lines.shown(word)}; takes words, in quotes where YAML needs them"
            )
    words = [lines.check_braces(label, lines.to_text(label, word, "")) for word in value]
    for word in masterentry.split_words(words)[0]:
        if "o" in word or not _WORD.fullmatch(word):
            raise ValueError(f"{label}: got {lines.shown(word)}; a -o option goes under options")
    return words


def merge(key, old, fields):
    """Work out what an entry would be with some fields set.

    key
        ``service/type``.

    old
        The entry as a dictionary, or None for a new one.

    fields
        As for :meth:`MasterCf.set`.

    Returns the new entry as a dictionary. Raises ValueError.
    """
    for name in fields:
        if name not in FIELDS:
            raise ValueError(
                f"{key}: got the field {lines.shown(name)}; takes {', '.join(FIELDS)}"
                + lines.nearest(name, FIELDS)
            )
    given = {name: value for name, value in fields.items() if value is not None}
    is_inet = key.endswith("/inet")
    if old is None:
        if "command" not in given:
            raise ValueError(f"{key}: command: nothing given; a new entry needs one, such as smtpd")
        old = dict.fromkeys(masterentry.COLUMNS, "-")
        old.update(private="n" if is_inet else "-", options={}, args=[])
    new = {"command": _command(key, given["command"]) if "command" in given else old["command"]}
    for name in masterentry.COLUMNS:
        new[name] = to_column(key, name, given[name]) if name in given else old[name]
    if is_inet and "private" in given and new["private"] != "n":
        raise ValueError(
            f"{key}: private: got {lines.shown(given['private'])}; an inet entry takes only n"
        )
    new["options"] = _merge_options(key, old["options"], given.get("options", {}))
    new["args"] = to_args(key, given["args"]) if "args" in given else list(old["args"])
    return new


def plan(text, wanted):
    """Work out what would change in a master.cf, for dry runs and for real ones alike.

    text
        The file's text.

    wanted
        Dictionary of ``service/type`` to a dictionary of fields, as for :meth:`MasterCf.set`;
        None takes the entry out.

    Returns ``(changes, new text)``; changes is ``{service/type: {"old": ..., "new": ...}}`` with
    only real changes, each an entry as a dictionary or None. Raises ValueError.
    """
    return lines.plan(MasterCf.parse(text), wanted, _put, MasterCf.entries)


def _put(conf, key, fields):
    if fields is None:
        conf.remove(key)
    elif isinstance(fields, dict):
        conf.set(key, **fields)
    else:
        raise ValueError(f"{key}: got {lines.shown(fields)}; takes a dictionary of fields, or null")


def _command(key, value):
    text = value if isinstance(value, str) else ""
    if not _WORD.fullmatch(text) or text[0] in "-#{" or "}" in text or "{" in text:
        raise ValueError(f"{key}: command: got {lines.shown(value)}; takes one word, such as smtpd")
    return text


def _merge_options(key, old, given):
    if not isinstance(given, dict):
        raise ValueError(f"{key}: options: got {given!r}; takes a dictionary of name: value")
    new = dict(old)
    for name, value in given.items():
        lines.check_name(name)
        if value is None:
            new.pop(name, None)
        else:
            new[name] = to_option(key, name, value)
    return new
