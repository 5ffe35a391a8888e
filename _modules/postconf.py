"""Read and change parameters in Postfix's main.cf.

Reading a value in force asks postconf(1), the only one that knows the defaults. Everything else
reads and writes the file itself: in one write, only where something changes, and keeping its
comments, order, owner and mode.
"""

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_lines as lines
import postfix_sasl_maincf as maincf
import postfix_sasl_textfile as textfile
import salt.utils.path
from postfix_sasl_error import shown
from postfix_sasl_text import visible
from salt.exceptions import CommandExecutionError

__func_alias__ = {"set_": "set"}


def get(name, expand=False, config_dir="/etc/postfix"):
    """Give the value of a parameter that is in force, set in main.cf or Postfix's default.

    name
        The parameter.

    expand
        True also expands ``$name`` in the value.

    config_dir
        The directory of main.cf.

    Returns a string. Raises CommandExecutionError for a parameter that Postfix does not know.

    CLI Example:

    .. code-block:: bash

        salt '*' postconf.get smtpd_tls_security_level
        salt '*' postconf.get mydestination expand=True
    """
    try:
        lines.check_name(name)
    except ValueError as error:
        raise CommandExecutionError(str(error)) from error
    output = _postconf(config_dir, *(["-x"] if expand else []), name)
    for line in output.splitlines():
        found, equals, value = line.partition("=")
        if equals and found.strip() == name:
            return value.strip()
    known = _postconf(config_dir, "-H").split()
    raise CommandExecutionError(
        f"{name}: Postfix knows no such parameter" + lines.nearest(name, known)
    )


def show(config_dir="/etc/postfix"):
    """Give what main.cf sets, names Postfix does not know included.

    config_dir
        The directory of main.cf.

    Returns a dictionary of name to value. Raises CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' postconf.show
    """
    with shown():
        text = textfile.read_config(maincf.path(config_dir))
    return visible(maincf.MainCf.parse(text).as_dict())


def set_(config_dir="/etc/postfix", **parameters):
    """Set parameters in main.cf, all in one write.

    A value is checked for what main.cf can hold (postconf(5)), not for what Postfix makes of it.

    config_dir
        The directory of main.cf.

    parameters (name to value)
        ``NAME=VALUE``; true and false become yes and no, a list is joined by commas. A value in
        brackets needs quotes of its own, or the command line makes a list of it.

    Returns ``{name: {"old": ..., "new": ...}}`` with only real changes. Raises
    CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' postconf.set smtpd_tls_loglevel=1 biff=no
        salt '*' postconf.set relayhost='"[mail.example.com]"'
    """
    wanted = {name: value for name, value in parameters.items() if not name.startswith("__")}
    for name, value in wanted.items():
        if value is None:
            raise CommandExecutionError(f"{name}: no value given; postconf.reset takes it out")
    return _change(config_dir, wanted)


def reset(*names, **where):
    """Take parameters out of main.cf, so that Postfix's defaults hold.

    names
        The parameters.

    where
        ``config_dir``, the directory of main.cf, /etc/postfix unless given.

    Returns ``{name: {"old": ..., "new": None}}`` with only real changes. Raises
    CommandExecutionError.

    CLI Example:

    .. code-block:: bash

        salt '*' postconf.reset relayhost smtpd_banner
    """
    # Salt 3006 passes no keyword on that follows *names, unless there are ** for it.
    config_dir = where.pop("config_dir", "/etc/postfix")
    unknown = [name for name in where if not name.startswith("__")]
    if unknown:
        raise CommandExecutionError(f"{unknown[0]}=: got a value; postconf.reset takes only names")
    return _change(config_dir, dict.fromkeys(names))


def _change(config_dir, wanted):
    with shown():
        return visible(textfile.update(maincf.path(config_dir), maincf.plan, wanted))


def _postconf(config_dir, *arguments):
    program = salt.utils.path.which("postconf")
    if not program:
        raise CommandExecutionError("postconf is not there: install the package postfix")
    answer = __salt__["cmd.run_all"](
        [program, "-c", config_dir, *arguments],
        python_shell=False,
        env={"LC_ALL": "C"},
        timeout=30,
        ignore_retcode=True,
    )
    if answer["retcode"]:
        raise CommandExecutionError(" ".join(answer["stderr"].split()) or "postconf failed")
    return answer["stdout"]
