"""Keep service entries in Postfix's master.cf as they should be.

Each function reads the file, and writes it once or not at all. They do not reload Postfix: let a
service state watch them.
"""

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_mastercf as mastercf
import postfix_sasl_ret as ret
import postfix_sasl_textfile as textfile


def present(
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
    """A service entry is in master.cf, with these fields. What is not given stays as it is.

    name
        ``service/type``; master(5) has the types inet, unix, unix-dgram, fifo and pass.

    command
        The program; an entry that is not there yet needs one.

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

    Returns a state return.

    .. code-block:: yaml

        submission/inet:
          postfix_master.present:
            - command: smtpd
            - chroot: true
            - options:
                smtpd_tls_security_level: encrypt
                smtpd_sasl_auth_enable: true
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
    return _managed(name, fields, config_dir)


def absent(name, config_dir="/etc/postfix"):
    """A service entry is not in master.cf.

    name
        ``service/type``.

    config_dir
        The directory of master.cf.

    Returns a state return.

    .. code-block:: yaml

        smtps/inet:
          postfix_master.absent: []
    """
    return _managed(name, None, config_dir)


def _managed(name, fields, config_dir):
    path, test = mastercf.path(config_dir), __opts__["test"]
    try:
        changes = textfile.update(path, mastercf.plan, {name: fields}, test)
    except FileNotFoundError as error:
        return ret.waiting(name, str(error)) if test else ret.failed(name, error)
    except (ValueError, OSError) as error:
        return ret.failed(name, error)
    return ret.result(name, changes, test, path)
