"""Show the fleet's report, the answer of ``salt-run postfix_sasl.report``, as a table."""

import pathlib
import sys

# Salt has its synced utils on the path while it loads runners, but not for outputters.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "utils"))

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_report_table


def output(data, **_kwargs):
    """
    Return the text for *data*, a report, or ``{"error": line}``.

    CLI Example:

    .. code-block:: bash

        salt-run postfix_sasl.report
    """
    if "error" in data:
        return f"{data['error']}\n"
    return "".join(f"{line}\n" for line in postfix_sasl_report_table.table(data))
