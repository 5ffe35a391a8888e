"""Make Python forget the modules of this formula that a sync has replaced.

A minion runs for months, and Python imports a module once for each process. After a sync Salt
loads the files in _modules and _states anew, but what these import from _utils would still be
what the process imported before the sync. So each file that Salt loads asks for the version here
before it imports anything else of the formula, and keeps it as its ``__version__``.
"""

import pathlib
import sys

_MARK = pathlib.Path(__file__).with_name("postfix_sasl_version.py")


def _mark():
    try:
        return _MARK.read_text(encoding="utf-8")
    except OSError:
        return ""


_imported = _mark()


def version():
    """Return the version of the files on disk; forget what was imported of another version.

    All but this module, which knows what was imported, is forgotten together, so that no two
    versions meet.
    """
    global _imported
    found = _mark()
    if found != _imported:
        for name in list(sys.modules):
            if name.startswith("postfix_sasl_") and name != __name__:
                sys.modules.pop(name, None)
        _imported = found
    return found.rpartition("=")[2].strip(' "\n')
