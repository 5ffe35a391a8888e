"""dpkg-statoverride(1): which owner and mode dpkg keeps for a path.

The register is a text file with a line ``user group mode path`` for each override; reading it
starts no process. Writing it is left to dpkg-statoverride.
"""

import grp
import os
import pwd
import re
import subprocess

import postfix_sasl_owner

ADMIN_DIRECTORY = "/var/lib/dpkg"
_COMMAND = "/usr/bin/dpkg-statoverride"
_PATH = re.compile(r"(?:/[^/\n\0]+)+")


def registered(path, admindir=ADMIN_DIRECTORY):
    """Return ``{"user", "group", "mode"}`` registered for *path*, mode as ``0710``, or None."""
    return overrides(admindir).get(path)


def overrides(admindir=ADMIN_DIRECTORY):
    """Return every override, as ``{path: {"user", "group", "mode"}}``."""
    found = {}
    try:
        with open(
            os.path.join(admindir, "statoverride"), encoding="utf-8", errors="surrogateescape"
        ) as lines:
            for line in lines:
                fields = line.rstrip("\n").split(" ", 3)
                if len(fields) == 4:
                    user, group, mode, path = fields
                    found[path] = {"user": user, "group": group, "mode": mode.zfill(4)}
    except FileNotFoundError:
        pass
    return found


def checked(path, user, group, mode):
    """Return ``{"user", "group", "mode"}`` as dpkg-statoverride would list it.

    path
        text: absolute, without anything to clean up
    user, group
        a name, or a number: ``1000`` or ``#1000``
    mode
        octal digits: as text, or as the number YAML makes of them

    Raises ValueError for what dpkg-statoverride can't hold, and NoSuchOwner for a user or group
    that this host doesn't have.
    """
    check_path(path)
    digits = mode if isinstance(mode, str) else str(mode)
    is_octal = re.fullmatch(r"0?[0-7]{1,4}", digits)
    if isinstance(mode, bool) or not is_octal:
        raise ValueError(f"mode: got {mode!r}; takes up to four octal digits, such as '0710'")
    return {
        "user": _owner("user", user, pwd.getpwuid, postfix_sasl_owner.user_id),
        "group": _owner("group", group, grp.getgrgid, postfix_sasl_owner.group_id),
        "mode": f"{int(digits, 8):04o}",
    }


def check_path(path):
    """Raise ValueError unless *path* is absolute, with nothing for dpkg to clean up."""
    is_plain = isinstance(path, str) and _PATH.fullmatch(path)
    if not is_plain or {".", ".."} & set(path.split("/")):
        raise ValueError(f"got {path!r}; takes an absolute path, without a / at the end")


def differences(path, wanted, admindir=ADMIN_DIRECTORY):
    """Return ``{path: {"old", "new"}}`` with the attributes that differ, or nothing.

    What is registered counts, and what the path itself has, if it is there; "old" is the
    registered value unless only the path itself differs, and None where nothing is registered.
    """
    before = registered(path, admindir)
    if before is None:
        return {path: {"old": None, "new": wanted}}
    on_disk = postfix_sasl_owner.attributes(path) or wanted
    old = {
        name: before[name] if before[name] != value else on_disk[name]
        for name, value in wanted.items()
        if value != before[name] or value != on_disk[name]
    }
    return {path: {"old": old, "new": {name: wanted[name] for name in old}}} if old else {}


def register(path, user, group, mode, admindir=ADMIN_DIRECTORY):
    """Register owner and mode for *path*, in place of what is registered, and correct the path.

    Takes what ``checked`` takes. Raises RuntimeError with what dpkg-statoverride said.
    """
    wanted = checked(path, user, group, mode)
    options = ["--force-statoverride-add"]
    if os.path.exists(path):
        options.append("--update")
    mode = wanted["mode"].lstrip("0") or "0"
    _run(admindir, *options, "--add", wanted["user"], wanted["group"], mode, path)


def ensure(path, user, group, mode, admindir=ADMIN_DIRECTORY, test=False):
    """Register owner and mode unless path and register have them; return the changes.

    With *test* only say what would change. Raises what ``checked`` and ``register`` raise.
    """
    wanted = checked(path, user, group, mode)
    changes = differences(path, wanted, admindir)
    if changes and not test:
        register(path, **wanted, admindir=admindir)
    return changes


def remove(path, admindir=ADMIN_DIRECTORY, test=False):
    """Remove the override of *path*, if there is one; its owner and mode stay as they are.

    Returns the changes; with *test* only say what would change. Raises ValueError, RuntimeError.
    """
    check_path(path)
    old = registered(path, admindir)
    if old is None:
        return {}
    if not test:
        _run(admindir, "--remove", path)
    return {path: {"old": old, "new": None}}


def _owner(kind, value, name_of, number_of):
    """Return the name of a user or group; ``#1000`` where the number has none."""
    text = value if isinstance(value, str) else f"#{value}"
    if isinstance(value, bool) or not re.fullmatch(r"#[0-9]{1,10}|[^#\s:][^\s:]*", text):
        raise ValueError(f"{kind}: got {value!r}; takes the name of a {kind}, or its number")
    if text.startswith("#"):
        try:
            return name_of(int(text[1:]))[0]
        except KeyError:
            return f"#{int(text[1:])}"
    number_of(text)
    return text


def _run(admindir, *arguments):
    if not os.path.exists(_COMMAND):
        raise RuntimeError(f"{_COMMAND} is not there: it is part of dpkg, on Debian")
    done = subprocess.run(
        [_COMMAND, "--admindir", admindir, *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise RuntimeError(f"dpkg-statoverride {' '.join(arguments)}: {said}")
