"""Debian packages that should be installed."""

import fcntl
import glob
import re
import time

_DPKG = "/var/lib/dpkg"
_LOCK_SECONDS = 60
_INSTALLED_STATE = "installed"
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

    def desired(self):
        """Return the packages."""
        return {_thing(name): _INSTALLED_STATE for name in self.names}

    def changes(self):
        """Return the packages that are missing."""
        desired = self.desired()
        return {
            _thing(name): {"old": None, "new": desired[_thing(name)]} for name in self._missing()
        }

    def apply(self):
        """Install what is missing; raise RuntimeError with what apt said where that fails."""
        self.before_installing()
        _await_lock()
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


def _thing(name):
    return f"package {name}"


def owner_of_conffile(path):
    """Return the package that brought the configuration file *path*, None where none did."""
    for listing in glob.glob(f"{_DPKG}/info/*.conffiles"):
        with open(listing, encoding="utf-8", errors="replace") as lines:
            if any(line.split()[:1] == [path] for line in lines):
                name = listing.rpartition("/")[2].removesuffix(".conffiles")
                return name.partition(":")[0]
    return None


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


def _await_lock(directory=_DPKG, seconds=_LOCK_SECONDS):
    """Wait until no other package manager is at work; raise RuntimeError if one is for so long.

    Salt would wait, too, but twice as long after each try, for hours in the end.
    """
    deadline = time.monotonic() + seconds
    while any(_is_locked(f"{directory}/{name}") for name in ("lock-frontend", "lock")):
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"another package manager has held the lock {directory}/lock-frontend for "
                f"{seconds} seconds; see: fuser -v {directory}/lock-frontend"
            )
        time.sleep(0.5)


def _is_locked(path):
    """Return whether another process holds dpkg's lock *path*."""
    try:
        with open(path, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _last_lines(text, count=5):
    return " | ".join(line for line in text.strip().splitlines()[-count:] if line)
