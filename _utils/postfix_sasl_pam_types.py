"""A line of /etc/pam.d/<service> in the pillar's own words.

Linux-PAM runs what a rule names inside saslauthd, which is root. Rules that run a program, or load
a module from anywhere else than where Debian's packages put them, belong into a file that
somebody with root's rights on the host has written: see pam.d(5), pam_exec(8).
"""

import re

from postfix_sasl_types import Text, Wrong

# Only what cannot be read in two ways: libpam knows escapes, words in brackets, and words that
# end without a blank; what it takes for white space is ASCII.
_NOTHING = re.compile(r"[ \t]*(#.*)?")
_RULE = re.compile(
    r"[ \t]*-?(?:auth|account|password|session)[ \t]+"
    r"(\[[A-Za-z0-9_=\- \t]+\]|[a-z]+)[ \t]+([^ \t\[\]\\]+)([ \t].*)?"
)
_INCLUDE = re.compile(r"[ \t]*@include[ \t]+([A-Za-z0-9._+-]+)[ \t]*")
# Each runs a program or a script.
_RUNNERS = re.compile(r"pam_(exec|script|python3?|perl|lua|mruby|storepw)\b")
_MODULE = re.compile(r"[A-Za-z0-9_.+-]+|/(usr/)?lib/[A-Za-z0-9_.+/$-]+")
_OWN_FILE = "write the file yourself, and set pam:manage to false"


class PamRule(Text):
    """One line of pam.d(5)."""

    def __init__(self):
        super().__init__("one line of pam.d(5)", r"[^\x00-\x08\x0a-\x1f\x7f]*")

    def check(self, value):
        """Return *value*; raise Wrong for a rule that would run a program of the pillar's."""
        text = super().check(value)
        if text.rstrip().endswith("\\"):
            raise Wrong("it takes a whole rule, with no \\ at its end", value)
        rule = text.partition("#")[0]
        if _RUNNERS.search(rule):
            raise Wrong(f"it takes no module that runs a program as root; {_OWN_FILE}", value)
        if _NOTHING.fullmatch(text) or _INCLUDE.fullmatch(rule):
            return text
        parts = _RULE.fullmatch(rule)
        if parts and parts[1] not in ("include", "substack"):
            self._check_module(parts[2], value)
        elif "/" in (parts[2] if parts else rule.partition("@include")[2]):
            raise Wrong(f"it includes files of /etc/pam.d by their names alone; {_OWN_FILE}", value)
        elif not parts:
            raise Wrong(
                "it takes a rule, such as auth required pam_unix.so, or @include common-auth; "
                f"{_OWN_FILE}",
                value,
            )
        return text

    @staticmethod
    def _check_module(module, value):
        if not _MODULE.fullmatch(module) or "/.." in module:
            raise Wrong(f"it takes modules by their names, such as pam_unix.so; {_OWN_FILE}", value)
