"""The PAM service that saslauthd asks."""

import postfix_sasl_sasl
import postfix_sasl_things

# Without a file of its own the service would fall back to /etc/pam.d/other, which lets root and
# system accounts in. common-account refuses expired accounts. The delay is the one that
# pam_unix has for a wrong password: an answer at once would tell which accounts there are.
DEFAULT_RULES = (
    "auth    optional   pam_faildelay.so delay=2000000",
    "auth    requisite  pam_succeed_if.so quiet uid >= 1000 uid ne 65534",
    "auth    requisite  pam_shells.so",
    "@include common-auth",
    "account required   pam_succeed_if.so quiet uid >= 1000 uid ne 65534",
    "account required   pam_shells.so",
    "@include common-account",
)


def files(settings):
    """Return the files that *settings* ask for, as things with changes and apply."""
    if not settings["pam:manage"]:
        return []
    rules = settings["pam:rules"] or DEFAULT_RULES
    text = postfix_sasl_sasl.MANAGED + "".join(f"{rule}\n" for rule in rules)
    return [postfix_sasl_things.File(f"/etc/pam.d/{settings['pam:service']}", text)]
