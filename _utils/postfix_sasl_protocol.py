"""How strictly smtpd holds its clients to SMTP, and what it tells others of them."""

import postfix_sasl_stock

# smtpd_hide_client_session came with Postfix 3.10.
_CANNOT_HIDE = ("bookworm",)


def parameters():
    """Return the main.cf parameters that hold clients to the protocol."""
    return {
        # SMTP smuggling: a line end that another server reads otherwise begins a second message,
        # in a user's name. The default since Postfix 3.9; Debian 12 has the code, turned off.
        "smtpd_forbid_bare_newline": "normalize",
        "smtpd_forbid_unauth_pipelining": "yes",
        # It tells everybody which accounts there are, one after another.
        "disable_vrfy_command": "yes",
    }


def submission_options(release=None):
    """Return the ``-o`` options for ports of submission.

    release
        The Debian release; None for this host's.
    """
    # Where a user sits, and with which program, is nobody's business; the mail log has it.
    can_hide = (release or postfix_sasl_stock.release()) not in _CANNOT_HIDE
    return {"smtpd_hide_client_session": "yes" if can_hide else None}
