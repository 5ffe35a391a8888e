"""What of the pillar goes into fetchmailrc as it is: options of a user, and where the file lies.

fetchmail(1) reads fetchmailrc word by word, whatever the lines are. Words such as ``preconnect``,
``plugin`` or ``mda`` start programs, ``smtphost`` and ``poll`` send mail elsewhere. So only options
are taken that do neither, and their text stands in quotes.
"""

import re

from postfix_sasl_types import Path, Text, Wrong

# Each may have "no" before it.
_SWITCHES = frozenset(
    "keep flush limitflush fetchall rewrite forcecr stripcr pass8bits dropstatus dropdelivered "
    "mimedecode idle sslcertck".split()
)
_NUMBERS = frozenset(
    "limit warnings batchlimit fetchlimit fetchsizelimit fastuidl expunge antispam".split()
)
_TEXTS = frozenset("folder sslproto sslcert sslkey sslcertfile sslcertpath sslcommonname".split())


class UserOption(Text):
    """Options of a fetchmail user, one or more in a line of text."""

    def __init__(self):
        super().__init__("a fetchmail user option", r"[A-Za-z0-9_./ -]+")

    def check(self, value):
        """Return *value* with texts in quotes; raise Wrong for what is not a harmless option."""
        words = super().check(value).split()
        written = []
        while words:
            name = words.pop(0)
            if name in _NUMBERS or name in _TEXTS:
                written.append(" ".join([name, *self._arguments(name, words, value)]))
            elif name.removeprefix("no") in _SWITCHES or name == "ssl":
                written.append(name)
            else:
                known = ", ".join(sorted({*_SWITCHES, *_NUMBERS, *_TEXTS}))
                raise Wrong(f"it takes options that run no program: {known}", value)
        if not written:
            raise Wrong(f"it takes {self.takes}", value)
        return " ".join(written)

    @staticmethod
    def _arguments(name, words, value):
        """Take the arguments of the option *name* off *words*."""
        pattern = r"[0-9]{1,9}" if name in _NUMBERS else r"[A-Za-z0-9_./-]+"
        most = len(words) if name in ("folder", "antispam") else 1
        taken = []
        while words and len(taken) < most and re.fullmatch(pattern, words[0]):
            if taken and words[0].removeprefix("no") in {*_SWITCHES, *_NUMBERS, *_TEXTS}:
                break
            taken.append(words.pop(0))
        if not taken:
            kind = "a number" if name in _NUMBERS else "text"
            raise Wrong(f"{name} takes {kind} after it", value)
        return taken if name in _NUMBERS else [f'"{word}"' for word in taken]


class RcFile(Path):
    """Where fetchmailrc lies.

    The file belongs to fetchmail, and shells would read it as commands: no name is taken that
    one of them looks for, such as those in ``/etc/profile.d`` or ``/etc/default/fetchmail``.
    """

    def __init__(self):
        super().__init__()
        self.takes = "an absolute path that ends in fetchmailrc, such as /etc/fetchmailrc"

    def check(self, value):
        """Return *value*; raise Wrong for another name."""
        path = super().check(value)
        if not path.endswith("fetchmailrc"):
            raise Wrong(f"it takes {self.takes}", value)
        return path
