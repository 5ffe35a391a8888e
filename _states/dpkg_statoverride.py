"""Keep dpkg-statoverride's register, and the paths in it, as they should be."""

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import subprocess

import postfix_sasl_owner as owner
import postfix_sasl_ret as ret
import postfix_sasl_statoverride as statoverride


def present(name, user, group, mode, admindir="/var/lib/dpkg"):
    """A path has an owner and mode that dpkg keeps when it upgrades packages.

    Both the register and the path itself are put right; the path need not be there.

    name
        The path.

    user, group
        A name, or a number.

    mode
        Octal digits, such as ``'0710'``.

    admindir
        dpkg's directory.

    Returns a state return. Its changes hold only what differs in the register or on the path;
    "old" is None where nothing was registered.

    .. code-block:: yaml

        /var/spool/postfix/var/run/saslauthd:
          dpkg_statoverride.present:
            - user: root
            - group: sasl
            - mode: '0710'
    """
    test = __opts__["test"]
    try:
        changes = statoverride.ensure(name, user, group, mode, admindir, test)
    except owner.NoSuchOwner as error:
        # An earlier state of the real run may make it.
        return ret.waiting(name, f"{name}: {error}") if test else _failed(name, error)
    except (ValueError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        return _failed(name, error)
    return ret.result(name, changes, test, "dpkg-statoverride")


def absent(name, admindir="/var/lib/dpkg"):
    """A path has no statoverride. The path keeps the owner and mode it has.

    name
        The path.

    admindir
        dpkg's directory.

    Returns a state return.

    .. code-block:: yaml

        /var/spool/postfix/var/run/saslauthd:
          dpkg_statoverride.absent: []
    """
    test = __opts__["test"]
    try:
        changes = statoverride.remove(name, admindir, test)
    except (ValueError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        return _failed(name, error)
    return ret.result(name, changes, test, "dpkg-statoverride")


def _failed(name, error):
    return ret.failed(name, " ".join(f"{name}: {error}".split()))
