"""What each section of the pillar is for; its keys are in ``postfix_sasl_options``."""

SECTIONS = {
    "sasl": "Who checks logins, how clients may log in, and what a login allows.",
    "saslauthd": "The daemon that checks passwords, where sasl:backend is saslauthd.",
    "pam": "Which accounts may log in, where saslauthd asks PAM.",
    "pam:lockout": "Lock an account out of mail after failed logins.",
    "tls": "The certificate, and how TLS is demanded and spoken.",
    "limits": "How much one client may ask for; clients in mynetworks have no limit.",
    "services": "The listeners beside port 25.",
    "services:submission": "Port 587: TLS and a login are demanded.",
    "services:smtps": "Port 465: TLS from the first byte, a login is demanded.",
    "services:fetchmail": "A port for fetchmail: this machine only, no TLS, no login.",
    "fetchmail": "Fetch mail from other servers, and hand it to Postfix.",
    "drift": "Look at intervals whether the host is still as its pillar says.",
    "relay": "Send all mail to others through one server.",
}
