"""The PAM service that saslauthd asks."""

import postfix_sasl_sasl
import postfix_sasl_things

# Without a file of its own the service would fall back to /etc/pam.d/other, which lets root and
# system accounts in. The account rules refuse expired and locked accounts.
DEFAULT_RULES = (
    "auth requisite pam_succeed_if.so quiet uid >= 1000 uid < 60000",
    "auth requisite pam_shells.so",
    "@include common-auth",
    "account required pam_nologin.so",
    "@include common-account",
)


def files(settings):
    """Return the files that *settings* ask for, as things with changes and apply."""
    if not settings["pam:manage"]:
        return []
    rules = settings["pam:rules"] or DEFAULT_RULES
    text = postfix_sasl_sasl.MANAGED + "".join(f"{rule}\n" for rule in rules)
    return [postfix_sasl_things.File(f"/etc/pam.d/{settings['pam:service']}", text)]
