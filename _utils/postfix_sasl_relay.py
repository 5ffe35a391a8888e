"""Sending out through another server: a provider's, or the network's own.

The account there is in a table of the type texthash, which every Postfix has, and which is the
text itself: no second file holds the password, and no postmap(1) is told of it. smtp(8) opens it
while it still is root, so that nobody else needs to read it.
"""

import postfix_sasl_absent
import postfix_sasl_sasl
import postfix_sasl_stock
import postfix_sasl_things

TABLE = "/etc/postfix/postfix_sasl-relay"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
_WRAPPED_PORT = 465
_EVERYTHING = {
    "relay:host": "",
    "relay:port": _WRAPPED_PORT,
    "relay:username": "",
    "relay:tls": "verify",
}


def parameters(settings):
    """Return the main.cf parameters for the relay that checked *settings* name; None removes."""
    if settings["relay:host"] is None:
        return {}
    tls, has_account = settings["relay:tls"], settings["relay:username"] is not None
    # An account is shown to nobody who merely says that he can't do TLS.
    secure = "noanonymous, noplaintext" if tls == "may" else "noanonymous"
    return {
        "relayhost": _relayhost(settings),
        "smtp_sasl_auth_enable": "yes" if has_account else None,
        "smtp_sasl_password_maps": f"texthash:{TABLE}" if has_account else None,
        "smtp_sasl_security_options": secure if has_account else None,
        "smtp_sasl_tls_security_options": "noanonymous" if has_account else None,
        "smtp_tls_security_level": tls,
        "smtp_tls_wrappermode": "yes" if settings["relay:port"] == _WRAPPED_PORT else None,
        **({"smtp_tls_CAfile": AUTHORITIES} if tls == "verify" else {}),
    }


def files(settings):
    """Return the table with the account, as things; it is there without one, to tell it is ours."""
    if settings["relay:host"] is None:
        return []
    text = postfix_sasl_sasl.MANAGED
    user, password = settings["relay:username"], settings["relay:password"]
    if user is not None:
        text += f"{_relayhost(settings)} {user}:{password}\n"
    return [postfix_sasl_things.File(TABLE, text, mode=0o600, secret=True)]


def packages(settings):
    """Return the Debian packages that the relay needs besides Postfix's own."""
    is_verified = settings["relay:host"] is not None and settings["relay:tls"] == "verify"
    return ["ca-certificates"] if is_verified else []


def parameters_before(settings, main):
    """Return what Debian gives our parameters where the relay has gone from *settings*.

    main
        main.cf as it is, ``{parameter: text}``.
    """
    if settings["relay:host"] is not None or not postfix_sasl_absent.ours(TABLE):
        return {}
    return postfix_sasl_stock.main_before(
        parameters(_EVERYTHING), main, postfix_sasl_stock.release()
    )


def removal(text):
    """Return the table, as a thing that goes, where it is ours and *text* does not name it."""
    if TABLE in text:
        return []
    return [postfix_sasl_things.File(path, None) for path in postfix_sasl_absent.ours(TABLE)]


def _relayhost(settings):
    # In brackets, so that its own address is asked for, not whoever takes its mail: postconf(5).
    return f"[{settings['relay:host']}]:{settings['relay:port']}"
