"""Read and change dpkg-statoverride's register: owner and mode of paths, kept across upgrades.

A statoverride is a dictionary with ``user``, ``group`` and ``mode``.
"""

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_statoverride as statoverride
from postfix_sasl_error import shown
from postfix_sasl_text import visible

__func_alias__ = {"list_": "list", "set_": "set"}


def list_(path=None, admindir="/var/lib/dpkg"):
    """Give all statoverrides, or that of one path.

    path
        The path; empty for all.

    admindir
        dpkg's directory.

    Returns a dictionary of path to statoverride, empty where there is none. Raises
    CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' dpkg_statoverride.list
        salt '*' dpkg_statoverride.list /var/spool/postfix/var/run/saslauthd
    """
    with shown():
        found = visible(statoverride.overrides(admindir))
    if path is None:
        return found
    return {path: found[path]} if path in found else {}


def set_(path, user, group, mode, admindir="/var/lib/dpkg"):
    """Register owner and mode for a path, in place of what is registered for it.

    The path itself gets them too, if it is there.

    path
        An absolute path.

    user, group
        A name, or a number.

    mode
        Octal digits, such as ``0710``.

    admindir
        dpkg's directory.

    Returns ``{path: {"old": ..., "new": ...}}`` with only what differs, or an empty dictionary.
    Raises CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' dpkg_statoverride.set /var/spool/postfix/var/run/saslauthd root sasl 0710
    """
    return _call(statoverride.ensure, path, user, group, mode, admindir)


def remove(path, admindir="/var/lib/dpkg"):
    """Remove a path's statoverride. The path keeps the owner and mode it has.

    path
        An absolute path.

    admindir
        dpkg's directory.

    Returns ``{path: {"old": ..., "new": None}}``, or an empty dictionary. Raises
    CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' dpkg_statoverride.remove /var/spool/postfix/var/run/saslauthd
    """
    return _call(statoverride.remove, path, admindir)


def _call(function, *arguments):
    with shown():
        return visible(function(*arguments))
