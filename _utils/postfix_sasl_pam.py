"""The PAM service that saslauthd asks."""

import postfix_sasl_absent
import postfix_sasl_packages
import postfix_sasl_sasl
import postfix_sasl_things

# Without a file of its own the service would fall back to /etc/pam.d/other, which lets root and
# system accounts in. common-account refuses expired accounts. The delay is the one that
# pam_unix has for a wrong password: an answer at once would tell which accounts there are.
_DELAY = "auth    optional   pam_faildelay.so delay=2000000"
_ORDINARY_USERS = (
    "pam_succeed_if.so quiet uid >= 1000 uid ne 65534",
    "pam_shells.so",
)
# Apart from that of other services: failed logins here must not keep anybody from the console.
FAILURES_DIRECTORY = "/run/faillock-{service}"


def rules(settings):
    """Return the lines of the PAM service that *settings* ask for; see pam.d(5).

    The pillar's own rules, or those that refuse root, system accounts, accounts without a login
    shell, expired ones, whoever is in none of ``pam:allow_groups``, and for a while whoever
    failed ``pam:lockout:attempts`` times.
    """
    if settings["pam:rules"]:
        return settings["pam:rules"]
    faillock = _faillock(settings) if settings["pam:lockout:attempts"] else None
    return _own_rules(settings["pam:allow_groups"], faillock)


def _own_rules(groups=(), faillock=None):
    users = [*_ORDINARY_USERS]
    if groups:
        users.append(f"pam_succeed_if.so quiet user ingroup {':'.join(groups)}")
    password = ["@include common-auth"]
    account = [f"account required   {rule}" for rule in users]
    if faillock:
        password = [
            f"auth    requisite  {faillock} preauth silent",
            # A substack, since common-auth ends the whole stack where a password is wrong. What
            # comes after it can't tell how it ended, so every attempt counts as a failure until
            # the account rule, which only a good one reaches, takes the count back.
            "auth    substack   common-auth",
            f"auth    [default=ignore] {faillock} authfail",
        ]
        account.append(f"account required   {faillock}")
    auth = [f"auth    requisite  {rule}" for rule in users]
    return [_DELAY, *auth, *password, *account, "@include common-account"]


DEFAULT_RULES = _own_rules()


def _faillock(settings):
    """Return the module that counts failures, with the same options wherever it stands."""
    attempts, seconds = settings["pam:lockout:attempts"], settings["pam:lockout:seconds"]
    directory = FAILURES_DIRECTORY.format(service=settings["pam:service"])
    # Failures count for at least as long as they lock, or a slow guesser would never be locked.
    limits = f"deny={attempts} unlock_time={seconds} fail_interval={max(seconds, 900)}"
    return f"pam_faillock.so dir={directory} {limits}"


def files(settings):
    """Return the files that *settings* ask for, as things with changes and apply."""
    if not settings["pam:manage"] or settings["sasl:backend"] != "saslauthd":
        return []
    text = postfix_sasl_sasl.MANAGED + "".join(f"{rule}\n" for rule in rules(settings))
    return [_ServiceFile(f"/etc/pam.d/{settings['pam:service']}", text)]


class _ServiceFile(postfix_sasl_things.File):
    """The file of the service; another program's own would let people in there by our rules."""

    def changes(self):
        """Return what differs; raise NotOurs for a file that a Debian package brought."""
        changes = super().changes()
        package = postfix_sasl_packages.owner_of_conffile(self.path) if changes else None
        if package:
            raise postfix_sasl_things.NotOurs(
                f"pam:service: {self.path} belongs to the package {package}; take another name, "
                "or set pam:manage to false"
            )
        return changes


def removal():
    """Return the files of ours, as things that remove them."""
    paths = postfix_sasl_absent.ours("/etc/pam.d/*")
    return [postfix_sasl_things.File(path, None) for path in paths]
