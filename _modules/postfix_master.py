"""Read and change service entries in Postfix's master.cf.

An entry is a dictionary: ``command``, ``private``, ``unprivileged``, ``chroot``, ``wakeup``,
``process_limit``, ``options`` (the ``-o`` options) and ``args`` (further words). The file is
changed in one write, only where something differs, and keeps its comments, order, owner and mode.
"""

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_lines as lines
import postfix_sasl_mastercf as mastercf
import postfix_sasl_textfile as textfile
from postfix_sasl_error import shown
from postfix_sasl_text import visible
from salt.exceptions import CommandExecutionError

__func_alias__ = {"list_": "list", "set_": "set"}


def list_(config_dir="/etc/postfix"):
    """Give all service entries.

    config_dir
        The directory of master.cf.

    Returns a dictionary of ``service/type`` to entry. Raises CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_master.list
    """
    with shown():
        text = textfile.read_config(mastercf.path(config_dir))
    return visible(mastercf.MasterCf.parse(text).entries())


def get(name, config_dir="/etc/postfix"):
    """Give one service entry.

    name
        ``service/type``.

    config_dir
        The directory of master.cf.

    Returns the entry as a dictionary. Raises CommandExecutionError where there is none.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_master.get submission/inet
    """
    entries = list_(config_dir)
    if name not in entries:
        raise CommandExecutionError(
            f"{name}: master.cf has no such entry" + lines.nearest(name, entries)
        )
    return entries[name]


def set_(
    name,
    command=None,
    private=None,
    unprivileged=None,
    chroot=None,
    wakeup=None,
    process_limit=None,
    options=None,
    args=None,
    config_dir="/etc/postfix",
):
    """Set fields of a service entry, or add it. What is not given stays as it is.

    name
        ``service/type``; master(5) has the types inet, unix, unix-dgram, fifo and pass.

    command
        The program; a new entry needs one.

    private, unprivileged, chroot
        ``y``, ``n``, ``-``, or true or false. An inet entry takes only ``n`` for private.

    wakeup
        A number of seconds, perhaps with a ``?`` after it, or ``-``.

    process_limit
        A number or ``-``.

    options
        Dictionary of ``-o`` options; null drops one, those not named stay.

    args (list)
        List of further words; replaces all there are.

    config_dir
        The directory of master.cf.

    Returns ``{service/type: {"old": ..., "new": ...}}``, or an empty dictionary. Raises
    CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_master.set submission/inet command=smtpd chroot=y \
            options='{smtpd_tls_security_level: encrypt, smtpd_sasl_auth_enable: true}'
    """
    fields = {
        "command": command,
        "private": private,
        "unprivileged": unprivileged,
        "chroot": chroot,
        "wakeup": wakeup,
        "process_limit": process_limit,
        "options": options,
        "args": args,
    }
    return _change(config_dir, {name: fields})


def delete(name, config_dir="/etc/postfix"):
    """Take out a service entry.

    name
        ``service/type``.

    config_dir
        The directory of master.cf.

    Returns ``{service/type: {"old": ..., "new": None}}``, or an empty dictionary. Raises
    CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_master.delete submission/inet
    """
    return _change(config_dir, {name: None})


def _change(config_dir, wanted):
    with shown():
        return visible(textfile.update(mastercf.path(config_dir), mastercf.plan, wanted))
