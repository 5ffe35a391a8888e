"""What Postfix accepts in a configuration, and then dies of or misbehaves on.

``postfix check`` and ``postconf`` pass nearly all of what is looked for here, and ``postfix
reload`` answers 0 to it. What really happens stands at the head of the module that looks: values,
names, listeners, entries, restrictions, smtpd, tables, certificates. Nothing here changes
anything: files are read, addresses are tried by binding to them for a moment, and postconf(1) is
asked about itself.
"""

import re
from typing import NamedTuple

import postfix_sasl_entryrules as entryrules
import postfix_sasl_known
import postfix_sasl_lines as lines
import postfix_sasl_listeners as listeners
import postfix_sasl_macros as macros
import postfix_sasl_maincf as maincf
import postfix_sasl_mastercf as mastercf
import postfix_sasl_masterentry as masterentry
import postfix_sasl_names as names
import postfix_sasl_rootrules as rootrules
import postfix_sasl_services as services
import postfix_sasl_smtpdrules as smtpdrules
import postfix_sasl_tables as tables
import postfix_sasl_values as values

ERROR, WARNING = "error", "warning"

# Looking for the nearest name takes milliseconds each time.
_MOST_NEAREST = 10
# These mean the same in every Postfix since 2.9; for a host that has none yet.
_DEFAULTS = {
    "inet_interfaces": "all",
    "inet_protocols": "all",
    "queue_directory": "/var/spool/postfix",
}
_TRANSPORTS = (
    "content_filter",
    "default_transport",
    "fallback_transport",
    "local_transport",
    "mailbox_transport",
    "relay_transport",
    "virtual_transport",
)
_SIZE = re.compile(r"[0-9]{1,19}")
_LINE = re.compile(r" \(line \d+\)$")


class Problem(NamedTuple):
    """Something wrong with a configuration.

    where
        A parameter, a ``service/type``, or a file.
    message
        One line: what is wrong, what was expected, what to do.
    severity
        ``error``, or ``warning`` for what works all the same or was there before.
    """

    where: str
    message: str
    severity: str = ERROR

    def __str__(self):
        return f"{self.where}: {self.message}"


class Candidate:
    """A configuration to be checked.

    main
        ``{parameter: value}`` of main.cf.
    entries
        ``{service/type: fields}`` of master.cf.
    main_text, master_text
        The two files, for what dictionaries don't show; empty where there are none.
    files
        ``{path: text}`` of other files that come with it (smtpd.conf, a certificate), text None
        where it is not known yet. They are not looked for on disk.
    """

    def __init__(self, main, entries, main_text="", master_text="", files=None):
        self.main, self.entries = main, entries
        self.main_text, self.master_text = main_text, master_text
        self.files = files or {}

    @classmethod
    def from_texts(cls, main_text, master_text, files=None):
        """Make one from the text of both files."""
        main = maincf.MainCf.parse(main_text).as_dict()
        entries = mastercf.MasterCf.parse(master_text).entries()
        return cls(main, entries, main_text, master_text, files)


def problems(candidate, known, before=None, declared=()):
    """Find what is wrong with a configuration.

    candidate
        The :class:`Candidate`.
    known
        What this host's Postfix knows, ``postfix_sasl_known.KnownThings``; None where there is
        no Postfix yet. Then only that is checked which needs neither it nor its files.
    before
        The Candidate that is in force now. What it has in the same way is a warning, so that a
        host which is broken already can be changed.
    declared
        Names of parameters and entries that somebody asks for: what is about one of them stays
        an error. Without them and without ``before`` nobody asks for a change, so what is there
        may also decide what runs as root.

    Returns a list of :class:`Problem`, errors first.
    """
    declared = frozenset(declared)
    found = _Check(candidate, known, declared).run()
    if before is not None and any(severity == ERROR for _, _, severity, _ in found):
        old = {_same_way(finding) for finding in _Check(before, known, declared).run()}
        found = [
            _was_there(finding)
            if _same_way(finding) in old and not finding[3] & declared
            else finding
            for finding in found
        ]
    result = [Problem(where, message, severity) for where, message, severity, _ in found]
    if before is not None or declared:
        result += [Problem(*each) for each in rootrules.problems(candidate, before, known)]
    return sorted(dict.fromkeys(result), key=lambda problem: problem.severity != ERROR)


def _same_way(finding):
    return finding[0], _LINE.sub("", finding[1])


def _was_there(finding):
    where, message, severity, about = finding
    if severity == ERROR:
        message = f"{message} (this was so before)"
    return where, message, WARNING, about


class _Check:
    """One run over one configuration; findings are ``(where, message, severity, about)``."""

    def __init__(self, candidate, known, declared):
        self.candidate, self.known, self.declared = candidate, known, declared
        self.findings = []
        self._cache = {}

    def run(self):
        """Check everything and return the findings."""
        if self.known is not None:
            try:
                self.known.defaults, self.known.map_types, self.known.daemons  # noqa: B018
                self.known.server_sasl_types, self.known.client_sasl_types  # noqa: B018
            except postfix_sasl_known.NoAnswer as error:
                text = f"{error}; names, values and tables could not be checked"
                self._add("postconf", text, WARNING)
                self.known = None
        self._main_text()
        self._values()
        self._entries()
        self._master_text()
        self._listeners()
        if self.known is not None:
            self._names()
            self._tables()
            self._transports()
            self._sizes()
            self._smtpd()
        return self.findings

    def _add(self, where, message, severity=ERROR, about=()):
        self.findings.append((where, message, severity, frozenset((where, *about))))

    def _raw(self, name, options):
        """Return a parameter's value unexpanded, None where it can't be told."""
        for source in (options, self.candidate.main):
            if name in source:
                return source[name]
        if self.known is None:
            return _DEFAULTS.get(name)
        return self.known.defaults.get(name, "")

    def _reader(self, options):
        """Return a function from a name to its expanded value, None where it can't be told."""

        def read(name):
            raw = self._raw(name, options)
            if raw is None or "$" not in raw:
                return raw
            return macros.expand(raw, lambda other: self._raw(other, options))

        return read

    # -- syntax ---------------------------------------------------------------------------------

    def _main_text(self):
        seen = set()
        for number, line in maincf.MainCf.parse(self.candidate.main_text).numbered():
            text = line.text
            pair = lines.split_name_value(text)
            text = values.shown(text.strip(lines.SPACE))
            if line.is_stray:
                message = f"{text} continues nothing, and Postfix ignores it (line {number})"
                self._add("main.cf", message, WARNING)
            elif not pair:
                message = f"{text} takes name = value (all of Postfix stops) (line {number})"
                self._add("main.cf", message)
            elif pair[0] in seen:
                message = f"it is there more than once; Postfix uses the last (line {number})"
                self._add(pair[0], message, WARNING)
            else:
                seen.add(pair[0])

    def _master_text(self):
        seen = set()
        wrong = {where for where, _, severity, _ in self.findings if severity == ERROR}
        for number, line in mastercf.MasterCf.parse(self.candidate.master_text).numbered():
            text = values.shown(line.text.strip(lines.SPACE))
            if line.is_stray:
                message = f"{text} continues nothing, and Postfix ignores it (line {number})"
                self._add("master.cf", message, WARNING)
                continue
            try:
                entry = masterentry.Entry(line)
            except ValueError as error:
                self._add("master.cf", f"{text} {error} (line {number})")
                continue
            if entry.key not in wrong and entry.is_malformed():
                message = f"{text} has a brace without its partner, or a malformed -o"
                self._add(entry.key, f"{message} (line {number})")
            if entry.key in seen:
                message = f"it is there more than once; Postfix uses the last (line {number})"
                self._add(entry.key, message, WARNING)
            seen.add(entry.key)

    # -- values and names -----------------------------------------------------------------------

    def _values(self):
        for name, value in self.candidate.main.items():
            self._value(name, value, name, "")
        for key, fields in self.candidate.entries.items():
            for name, value in fields["options"].items():
                self._value(name, value, key, f"-o {name}: ")

    def _value(self, name, value, where, label):
        about = (name,)
        if wrong := values.complaint(name, value, self.known):
            self._add(where, label + wrong, about=about)
        if values.is_taken_for_encrypt(name, value):
            text = f"got {values.shown(value)}, which smtpd does not support; it uses encrypt"
            self._add(where, label + text, WARNING, about)
        if "$" in value and not name.endswith("_expansion_filter"):
            try:
                lines.check_macros(name, value)
            except ValueError as error:
                text = str(error).partition(": ")[2]
                self._add(where, f"{label}{text} (what reads it stops)", about=about)

    def _names(self):
        for count, (key, name) in enumerate(names.unknown(self.candidate, self.known)):
            text = names.complaint(name, self.known, count < _MOST_NEAREST)
            self._add(key or name, f"-o {name}: {text}" if key else text, about=(name,))
        for name in self.candidate.main:
            if text := names.deprecated(name, self.known):
                self._add(name, text, WARNING)
        for key, fields in self.candidate.entries.items():
            for name in fields["options"]:
                if text := names.deprecated(name, self.known):
                    self._add(key, f"-o {name}: {text}", WARNING, (name,))

    def _tables(self):
        for where, label, options in self._settings():
            read = self._reader(options)
            for name in options if label else self.candidate.main:
                value = read(name)
                if value is None or ":" not in value:
                    continue
                about = (name,)
                head = f"-o {name}: " if label else ""
                for text in tables.problems(name, value, self.known, self.candidate.files):
                    self._add(where or name, head + text, about=about)
                text = tables.deprecated(value, self.known)
                if text and (name in self.declared or where in self.declared):
                    self._add(where or name, head + text, WARNING, about)

    def _settings(self):
        """Yield main.cf, then each entry: where to report, whether it is one, its options."""
        yield None, False, {}
        for key, fields in self.candidate.entries.items():
            if fields["options"]:
                yield key, True, fields["options"]

    # -- services -------------------------------------------------------------------------------

    def _entries(self):
        read = self._reader({})
        queue_directory = read("queue_directory") or _DEFAULTS["queue_directory"]
        daemons = self.known.daemons if self.known else None
        # Somebody's own directory of daemons is not looked into.
        if not daemons or "daemon_directory" in self.candidate.main:
            daemons = None
        for key, fields in self.candidate.entries.items():
            for text in entryrules.problems(key, fields, daemons, queue_directory):
                self._add(key, text)

    def _listeners(self):
        read = self._reader({})
        disabled = listeners.lines_of(read("master_service_disable") or "")
        if "inet" in disabled:
            return
        found = listeners.Listeners(
            [key for key in self.candidate.entries if key not in disabled],
            read("inet_interfaces"),
            read("inet_protocols"),
            read("queue_directory") or _DEFAULTS["queue_directory"],
        ).problems()
        for where, text, others in found:
            self._add(where, text, about=others)

    def _transports(self):
        """A transport that master.cf doesn't have: mail is deferred, "transport unavailable"."""
        there = {key.removesuffix("/unix") for key in self.candidate.entries}
        for where, is_entry, options in self._settings():
            read = self._reader(options)
            for name in _TRANSPORTS:
                if name not in (options if is_entry else self.candidate.main):
                    continue
                transport = (read(name) or "").partition(":")[0]
                if transport and transport not in there:
                    near = lines.nearest(transport, there)
                    text = f"master.cf has no {transport}/unix{near} (mail would wait for it)"
                    head = f"-o {name}: " if is_entry else ""
                    self._add(where or name, head + text, about=(name, f"{transport}/unix"))

    def _sizes(self):
        """A mailbox must hold the largest message, or its delivery agent does not start."""
        for key, fields in self.candidate.entries.items():
            service = key.removesuffix("/unix")
            read = self._reader(fields["options"])
            if fields["command"] == "local":
                name, transport, used = "mailbox_size_limit", "local_transport", "mydestination"
            elif fields["command"] == "virtual":
                name, transport = "virtual_mailbox_limit", "virtual_transport"
                used = "virtual_mailbox_domains"
            else:
                continue
            if not read(used) or (read(transport) or "").partition(":")[0] != service:
                continue
            mailbox, message = (read(size) or "" for size in (name, "message_size_limit"))
            if not (_SIZE.fullmatch(mailbox) and _SIZE.fullmatch(message) and int(mailbox)):
                continue
            if not int(message) or int(mailbox) < int(message):
                where = key if {name, "message_size_limit"} & set(fields["options"]) else name
                text = f"got {mailbox}; takes at least message_size_limit = {message}, or 0"
                text = f"{text} ({fields['command']} does not start, and its mail waits)"
                label = "" if where == name else f"{name}: "
                self._add(where, label + text, about=(name, "message_size_limit"))

    def _smtpd(self):
        for key, fields in self.candidate.entries.items():
            if not services.is_smtpd(fields):
                continue
            smtpd = smtpdrules.Smtpd(
                self._reader(fields["options"]), self.candidate.files, self._cache
            )
            for about, is_error, text in smtpd.problems():
                severity = ERROR if is_error else WARNING
                # What main.cf says is the same for all; it is reported once.
                if any(name in fields["options"] for name in about):
                    self._add(key, f"{about[0]}: {text}", severity, about)
                else:
                    self._add(about[0], text, severity, about)
