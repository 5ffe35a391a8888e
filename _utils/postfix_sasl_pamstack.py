"""A PAM service with all it includes, and what is missing there.

The format is pam.d(5), ``@include`` that of Debian's Linux-PAM. A service without a file of its
own is answered by ``other``.
"""

import glob
import os
import re

# In this order: an administrator's file hides the one a package brings.
DIRECTORIES = ("/etc/pam.d", "/usr/lib/pam.d")
MODULES = ("/usr/lib/*/security", "/lib/*/security", "/usr/lib/security", "/lib/security")
_DEEPEST = 16
_RULE = re.compile(
    r"-?(?P<type>auth|account|password|session)\s+(?P<control>\[[^\]]*\]|\S+)\s+(?P<module>\S+)",
    re.IGNORECASE,
)
_CONTROLS = {"required", "requisite", "sufficient", "optional"}
_FILES = {"include", "substack"}


def path_of(service, directories=DIRECTORIES):
    """Return the file of a service, or None."""
    paths = (os.path.join(directory, service) for directory in directories)
    return next(filter(os.path.isfile, paths), None)


def problems(service, directories=DIRECTORIES, modules=MODULES):
    """Check a service that has a file.

    service
        Its name.

    directories, modules
        Where files, and modules, are looked for; the latter are patterns.

    Returns a list of ``(file, text)``, in the order of the files: lines that PAM can't read,
    modules that are not there, and files to include that are not there.
    """
    found = []
    _look(service, directories, modules, found, [])
    return found


def _look(service, directories, modules, found, above):
    path = path_of(service, directories)
    if path is None or service in above or len(above) > _DEEPEST:
        by = path_of(above[-1], directories)
        what = "there is no such file" if path is None else "it includes itself"
        found.append((by, f"@include {service}: {what}"))
        return
    for line in _lines(path):
        if line.startswith("@include"):
            for name in line.split()[1:2]:
                _look(os.path.basename(name), directories, modules, found, [*above, service])
            continue
        rule = _RULE.match(line)
        control = rule["control"].lower() if rule else ""
        if not rule or not (control in _CONTROLS | _FILES or control.startswith("[")):
            found.append((path, f"PAM can't read the line {line!r}"))
        elif control in _FILES:
            name = os.path.basename(rule["module"])
            _look(name, directories, modules, found, [*above, service])
        elif not line.startswith("-") and not _exists(rule["module"], modules):
            found.append((path, f"there is no module {rule['module']}"))


def _lines(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read(100_000)
    for line in text.replace("\\\n", " ").splitlines():
        line = line.partition("#")[0].strip()
        if line:
            yield line


def _exists(module, modules):
    if module.startswith("/"):
        return os.path.exists(module)
    return any(glob.glob(os.path.join(place, glob.escape(module))) for place in modules)
