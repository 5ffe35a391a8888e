"""A line of /etc/pam.d/<service> in the pillar's own words.

Linux-PAM runs what a rule names inside saslauthd, which is root. Rules that run a program, or load
a module from anywhere else than where Debian's packages put them, belong into a file that
somebody with root's rights on the host has written: see pam.d(5), pam_exec(8).
"""

import re

from postfix_sasl_types import Text, Wrong

_TOKEN = r"(\[[^\]]*\]|\S+)"
_RULE = re.compile(rf"\s*{_TOKEN}\s+{_TOKEN}\s+{_TOKEN}")
_INCLUDE = re.compile(r"\s*@include\s+(\S+)")
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
        include, parts = _INCLUDE.match(rule), _RULE.match(rule)
        if include:
            name = include[1]
        elif parts and parts[2] in ("include", "substack"):
            name = parts[3]
        elif parts:
            self._check_module(parts[3], value)
            return text
        else:
            return text
        if "/" in name:
            raise Wrong(f"it includes files of /etc/pam.d by their names alone; {_OWN_FILE}", value)
        return text

    @staticmethod
    def _check_module(module, value):
        if not _MODULE.fullmatch(module) or "/.." in module:
            raise Wrong(f"it takes modules by their names, such as pam_unix.so; {_OWN_FILE}", value)
