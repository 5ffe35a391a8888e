"""msmtp, which takes mail from fetchmail and hands it to this machine's Postfix over TLS.

fetchmail starts it for each message, through a shell: fetchmail(1), ``--mda``. Of what strangers
can choose only the sender is in that command, and fetchmail quotes it. Anything but exit status 0
makes fetchmail leave the message where it is; see sysexits.h for what msmtp says.
"""

import postfix_sasl_absent
import postfix_sasl_sasl
import postfix_sasl_services
import postfix_sasl_things

PACKAGE = "msmtp"
PORT = 25
ADDRESS = "127.0.0.1"
CONFIG = "/etc/fetchmail-msmtprc"
_PROGRAM = "/usr/bin/msmtp"
# What inet_interfaces and inet_protocols may hold for Postfix to be at ADDRESS: postconf(5).
_THERE = {
    "inet_interfaces": {"all", "loopback-only", "localhost", ADDRESS},
    "inet_protocols": {"all", "ipv4"},
}

_TEXT = """\
defaults
account postfix
host {address}
port {port}
auth off
{tls}timeout 300
syslog LOG_MAIL
account default : postfix
"""
# It talks to the machine that it is on, and only root can listen there: the certificate, which is
# for another name and perhaps signed by nobody, proves nothing more.
_TLS = """\
tls on
tls_starttls on
tls_certcheck off
"""


def is_wanted(settings):
    """Return whether checked *settings* ask for fetchmail with msmtp."""
    return settings["fetchmail:enabled"] and settings["fetchmail:mda"] == "msmtp"


def packages(settings):
    """Return the Debian packages that it needs."""
    return [PACKAGE] if is_wanted(settings) else []


def files(settings, user, group):
    """Return its configuration, as things, for *user* and *group* alone to read."""
    if not is_wanted(settings):
        return []
    return [postfix_sasl_things.File(CONFIG, text(settings), user, group, 0o600)]


def removal():
    """Return its configuration, as a thing that goes, where it is ours."""
    return [postfix_sasl_things.File(path, None) for path in postfix_sasl_absent.ours(CONFIG)]


def text(settings):
    """Return the text of its configuration for checked *settings*; see msmtp(1)."""
    tls = "tls off\n" if _tls_level(settings) == "none" else _TLS
    return postfix_sasl_sasl.MANAGED + _TEXT.format(address=ADDRESS, port=PORT, tls=tls)


def _tls_level(settings):
    """Return what port 25 says of TLS: the entry's own option, or main.cf."""
    name = "smtpd_tls_security_level"
    for fields in _entries(settings).values():
        value = ((fields or {}).get("options") or {}).get(name)
        if value is not None:  # null drops the option, so that main.cf's holds
            return value or "none"
    if name in settings["main"]:
        return settings["main"][name] or "none"
    return settings["tls:mode"]


def _entries(settings):
    """Return what the pillar says of master.cf's entries for the port."""
    master = settings["master"]
    return {key: master[key] for key in postfix_sasl_services.on_port(PORT, master)}


def command(local):
    """Return the command that takes a message for the account *local*, as fetchmail takes it.

    local
        A checked name, which holds nothing that means anything to a shell.
    """
    recipient = local if "@" in local else f"{local}@localhost"
    # %F comes in quotes; in a word of its own a sender "-x" would be an option.
    return f"{_PROGRAM} --file={CONFIG} --from=%F -- {recipient}"


def contradictions(settings):
    """Yield a line for each parameter of the pillar without which Postfix is not where it asks."""
    if not is_wanted(settings):
        return
    for name, takes in _THERE.items():
        words = (settings["main"].get(name) or "").replace(",", " ").split()
        if words and not takes & set(words):
            yield (
                f"main:{name}: got {' '.join(words)!r}; fetchmail:mda connects to {ADDRESS}: "
                f"it takes one of {', '.join(sorted(takes))}"
            )
    entries = _entries(settings)
    if entries and all(fields is None for fields in entries.values()):
        yield (
            f"master:{next(iter(entries))}: got null; fetchmail:mda hands its mail to port {PORT}: "
            "keep the entry, or leave out fetchmail:mda"
        )
