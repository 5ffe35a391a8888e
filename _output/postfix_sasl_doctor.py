"""What ``postfix_sasl.doctor`` says, as people read it: a line for each check, remedies beneath.

A master has this outputter after ``salt-run saltutil.sync_output``.
"""

import salt.output.nested

__virtualname__ = "postfix_sasl_doctor"


def __virtual__():
    return __virtualname__


def output(data, **kwargs):
    """Return the text that stands for *data*, ``{minion: what the doctor returned}``.

    What is not the doctor's, such as a minion's error, is printed as nested data.

    CLI Example:

    .. code-block:: bash

        salt '*' postfix_sasl.doctor --out=postfix_sasl_doctor
    """
    lines = []
    for minion, said in data.items():
        report = said.get("report") if isinstance(said, dict) else None
        lines.append(f"{minion}:")
        lines += _indented(report) if isinstance(report, str) else _nested(said, kwargs)
    return "\n".join(lines)


def _indented(text):
    shown = "".join(c if c == "\n" or " " <= c <= "~" else "?" for c in text)
    return [f"    {line}".rstrip() for line in shown.splitlines()]


def _nested(said, kwargs):
    salt.output.nested.__opts__ = __opts__
    return [salt.output.nested.output(said, nested_indent=4, **kwargs)]
