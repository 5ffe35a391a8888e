"""Debian packages that should be installed."""

import glob
import re

_DPKG = "/var/lib/dpkg"
# A package that is on hold counts; one that is unpacked and not configured does not.
_INSTALLED = re.compile(
    r"^Package: (?P<name>\S+)\n(?:.+\n)*?Status: \S+ ok installed$", re.MULTILINE
)


class Packages:
    """Packages by name: a thing with changes and apply.

    names
        Package names.
    salt
        Salt's execution functions, ``__salt__``.
    before_installing
        Called before anything is installed.
    """

    def __init__(self, names, salt, before_installing):
        self.names, self.salt, self.before_installing = names, salt, before_installing

    def changes(self):
        """Return the packages that are missing."""
        return {f"package {name}": {"old": None, "new": "installed"} for name in self._missing()}

    def apply(self):
        """Install what is missing; raise RuntimeError with what apt said where that fails."""
        self.before_installing()
        missing = self._missing()
        error = self._install(missing, refresh=False)
        if error:
            # Package lists may be missing or out of date; only then is it worth fetching them.
            error = self._install(missing, refresh=True)
        if error:
            raise RuntimeError(f"packages {', '.join(missing)} could not be installed: {error}")

    def _install(self, names, refresh):
        try:
            self.salt["pkg.install"](pkgs=names, refresh=refresh)
        except Exception as failed:  # pkg.install raises what the package manager made of it
            return _last_lines(str(failed))
        missing = self._missing()
        return f"{', '.join(missing)} still missing" if missing else ""

    def _missing(self):
        present = installed()
        if present is None:
            present = self.salt["pkg.list_pkgs"]()
        return [name for name in self.names if name not in present]


def installed(directory=_DPKG):
    """Return the names of all installed packages, read from dpkg's *directory*.

    None where the file does not tell: there is none, or dpkg was interrupted and has not merged
    its journal into it. To ask dpkg-query takes twenty times as long.
    """
    if glob.glob(f"{directory}/updates/[0-9]*"):
        return None
    try:
        with open(f"{directory}/status", encoding="utf-8", errors="replace") as status:
            return {match["name"] for match in _INSTALLED.finditer(status.read())}
    except FileNotFoundError:
        return None


def _last_lines(text, count=5):
    return " | ".join(line for line in text.strip().splitlines()[-count:] if line)
