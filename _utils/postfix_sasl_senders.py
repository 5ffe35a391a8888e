"""Which logged-in users may use which sender addresses: the setting ``sasl:sender_logins``.

The table stands in main.cf itself, as ``inline:{...}``: it comes and goes with the rest of the
configuration, needs no postmap(1), and smtpd in the chroot has it, too.
"""

import re

import postfix_sasl_types as types
from postfix_sasl_wrong import Wrong

# Logged-in users only: strangers who deliver mail to this machine may use any address, as ever.
RULE = "reject_authenticated_sender_login_mismatch"
PARAMETER = "smtpd_sender_login_maps"

_RESTRICTIONS = "smtpd_recipient_restrictions"
_DOMAIN = "smtpd_sasl_local_domain"
# No character that means something in main.cf or in an inline table.
_WORD = r"[A-Za-z0-9._+!#%&'*/?^~-]"
_SENDER = rf"{_WORD}*@[A-Za-z0-9.-]+"
_ENTRY = re.compile(r"\{\s*(?P<sender>[^\s={}]+)\s*=\s*(?P<logins>[^={}]+?)\s*\}")


class SenderLogins:
    """A dictionary from sender addresses to logins, or a lookup table that Postfix knows."""

    takes = (
        "a dictionary {address or @domain: [login, ...]}, or a table such as hash:/etc/postfix/x"
    )

    def __init__(self):
        login = types.Text("a login", rf"{_WORD}+(@[A-Za-z0-9.-]+)?")
        self.table = types.MainText(self.takes, r"[a-z][a-z0-9_-]*:[^\x00-\x1f\x7f]+")
        self.map = types.MapOf(types.ListOf(login, least=1), self.takes, _SENDER)

    def check(self, value):
        """Return *value*, addresses in small letters; raise Wrong for anything else.

        A sender with null instead of logins is left out: that is how a host drops one of many.
        """
        if isinstance(value, str):
            return self.table.check(value)
        if isinstance(value, dict):
            value = {name: logins for name, logins in value.items() if logins is not None}
        return {name.lower(): logins for name, logins in self.map.check(value).items()}


def parameters(settings):
    """Return the main.cf parameters for the sender addresses of *settings*.

    None for those that nobody asked for: a table of the administrator's own is left alone.
    """
    logins = settings["sasl:sender_logins"]
    if not logins:
        return {}
    restrictions = [RULE, *settings["sasl:recipient_restrictions"]]
    return {
        PARAMETER: logins if isinstance(logins, str) else _inline(logins, settings),
        _RESTRICTIONS: ", ".join(dict.fromkeys(restrictions)),
    }


def relay_restrictions(settings, rest):
    """Return smtpd_relay_restrictions for a port of submission: *rest*, after our rule if any."""
    return f"{RULE},{rest}" if settings["sasl:sender_logins"] else rest


def leftovers(main, wanted):
    """Return ``{parameter: None}`` for what an earlier run put there that is not wanted any more.

    main
        main.cf as it is, ``{parameter: text}``.
    wanted
        What the settings ask for.

    Our rule before all others says that the table is ours; without the rule nothing reads it.
    """
    is_ours = main.get(_RESTRICTIONS, "").startswith(f"{RULE}, ")
    stays = (wanted.get(_RESTRICTIONS) or "").startswith(RULE)
    return {} if stays or not is_ours or PARAMETER in wanted else {PARAMETER: None}


def setting_of(text):
    """Return the value of ``sasl:sender_logins`` for the table *text* of main.cf."""
    found = list(_ENTRY.finditer(text))
    logins = {
        each["sender"]: [
            login.removesuffix(f"@${_DOMAIN}") for login in re.split(r"[,\s]+", each["logins"])
        ]
        for each in found
    }
    rest = _ENTRY.sub("", text.removeprefix("inline:"))
    if not text.startswith("inline:") or not found or re.sub(r"[\s,]", "", rest) != "{}":
        return text
    try:
        return SenderLogins().check(logins)
    except Wrong:
        return text


def _inline(logins, settings):
    # Cyrus SASL gives a name without a domain this one, where there is one.
    domain = settings["main"].get(_DOMAIN, settings["sasl:local_domain"])
    realm = f"@${_DOMAIN}" if domain else ""
    entries = []
    for sender, names in logins.items():
        full = [name if "@" in name else f"{name}{realm}" for name in names]
        entries.append(f"{{{sender} = {', '.join(full)}}}")
    return f"inline:{{ {', '.join(entries)} }}"
