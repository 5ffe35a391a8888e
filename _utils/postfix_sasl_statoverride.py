"""dpkg-statoverride(1): which owner and mode dpkg keeps for a path.

The register is a text file with a line ``user group mode path`` for each override; reading it
starts no process. Writing it is left to dpkg-statoverride.
"""

import os
import subprocess

REGISTER = "/var/lib/dpkg/statoverride"
_COMMAND = "/usr/bin/dpkg-statoverride"


def registered(path, register=REGISTER):
    """Return ``{"user", "group", "mode"}`` registered for *path*, mode as ``0710``, or None."""
    return overrides(register).get(path)


def overrides(register=REGISTER):
    """Return every override, as ``{path: {"user", "group", "mode"}}``."""
    found = {}
    try:
        with open(register, encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                fields = line.rstrip("\n").split(" ", 3)
                if len(fields) == 4:
                    user, group, mode, path = fields
                    found[path] = {"user": user, "group": group, "mode": mode.zfill(4)}
    except FileNotFoundError:
        pass
    return found


def register(path, user, group, mode):
    """Register owner and mode for *path*, in place of what is registered, and correct the path.

    path, user, group
        text
    mode
        octal digits as text, such as ``0710``

    Raises RuntimeError with what dpkg-statoverride said.
    """
    check(path, user, group, mode)
    options = ["--force-statoverride-add"]
    if os.path.exists(path):
        options.append("--update")
    _run(*options, "--add", user, group, mode.lstrip("0") or "0", path)


def remove(path):
    """Remove the override of *path*; its owner and mode stay as they are."""
    _run("--remove", path)


def check(path, user, group, mode):
    """Raise ValueError for what dpkg-statoverride can't hold; see its manual page."""
    if not path.startswith("/") or "\n" in path or path != os.path.normpath(path):
        raise ValueError(f"{path!r} is not a plain absolute path")
    for kind, name in (("user", user), ("group", group)):
        if not name or any(char.isspace() or char == ":" for char in name):
            raise ValueError(f"{kind} {name!r} is not a {kind} name")
    if not mode or not set(mode) <= set("01234567") or int(mode, 8) > 0o7777:
        raise ValueError(f"mode {mode!r} is not up to four octal digits, such as 0710")


def _run(*arguments):
    done = subprocess.run(
        [_COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    if done.returncode:
        raise RuntimeError(f"dpkg-statoverride {' '.join(arguments)}: {done.stderr.strip()}")
