"""Keep parameters in Postfix's main.cf as they should be.

Each function reads the file, and writes it once or not at all. They do not reload Postfix: let a
service state watch them.
"""

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_maincf as maincf
import postfix_sasl_ret as ret
import postfix_sasl_textfile as textfile


def present(name, value, config_dir="/etc/postfix"):
    """A parameter is set in main.cf.

    name
        The parameter.

    value
        A string, a number, true or false (yes, no), or a list (joined by commas). In YAML a value
        in brackets needs quotes, as in ``"[mail.example.com]"``, or it is a list.

    config_dir
        The directory of main.cf.

    Returns a state return.

    .. code-block:: yaml

        smtpd_sasl_auth_enable:
          postconf.present:
            - value: true
    """
    if value is None:
        return ret.failed(name, f"{name}: no value given; postconf.absent takes it out")
    return managed(name, {name: value}, config_dir)


def absent(name, config_dir="/etc/postfix"):
    """A parameter is not set in main.cf, so that Postfix's default holds.

    name
        The parameter.

    config_dir
        The directory of main.cf.

    Returns a state return.

    .. code-block:: yaml

        relayhost:
          postconf.absent: []
    """
    return managed(name, {name: None}, config_dir)


def managed(name, parameters, config_dir="/etc/postfix"):
    """Any number of parameters are set, or not set, in main.cf: one read, at most one write.

    name
        Any label.

    parameters (name to value)
        Dictionary of name to value, as for ``present``; null takes the parameter out.

    config_dir
        The directory of main.cf.

    Returns a state return.

    .. code-block:: yaml

        sasl in main.cf:
          postconf.managed:
            - parameters:
                smtpd_sasl_auth_enable: true
                smtpd_sasl_security_options: [noanonymous]
                relayhost: null
    """
    if not isinstance(parameters, dict):
        return ret.failed(name, f"parameters: got {parameters!r}; takes a dictionary")
    path, test = maincf.path(config_dir), __opts__["test"]
    try:
        changes = textfile.update(path, maincf.plan, parameters, test)
    except FileNotFoundError as error:
        return ret.waiting(name, str(error)) if test else ret.failed(name, error)
    except (ValueError, OSError) as error:
        return ret.failed(name, error)
    return ret.result(name, changes, test, path)
