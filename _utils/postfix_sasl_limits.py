"""How much one client may ask for: the settings ``limits:...``.

Clients in mynetworks, which is this machine alone unless the pillar says otherwise, have no limit:
smtpd_client_event_limit_exceptions in postconf(5). What a client asked for is counted for each
port on its own.
"""

_AUTH = {"limits:auth_per_minute": "smtpd_client_auth_rate_limit"}
_SUBMISSION = {
    "limits:connections_per_minute": "smtpd_client_connection_rate_limit",
    "limits:messages_per_minute": "smtpd_client_message_rate_limit",
    "limits:errors": "smtpd_hard_error_limit",
}
# Each setting's parameter.
NAMES = {**_AUTH, **_SUBMISSION}


def parameters(settings):
    """Return the main.cf parameters for the limits of *settings*; None removes one.

    Logins are limited on every port that has them.
    """
    return _texts(_AUTH, settings)


def submission_options(settings):
    """Return the ``-o`` options for ports of submission; None drops one.

    Not for port 25: a busy mail server that brings mail is no user with a mail program.
    """
    return _texts(_SUBMISSION, settings)


def _texts(names, settings):
    return {name: str(settings[key]) if settings[key] else None for key, name in names.items()}
