"""Parameters that say what Postfix runs or loads as root.

master(8) and postfix(1) are root, and so is each daemon until it has read its configuration. What
these parameters name would run as root at the next reload. Whoever may write a host's pillar need
not be root there, so a pillar does not set them; one that repeats what the host has is fine.
postconf(5) has each of them.
"""

import re

import postfix_sasl_known

_PROGRAMS = frozenset(
    {
        "alternate_config_directories",
        "command_directory",
        "daemon_directory",
        "debugger_command",
        "maillog_file_compressor",
        "meta_directory",
        "multi_instance_directories",
        "multi_instance_wrapper",
        "openssl_path",
        "shlib_directory",
    }
)
# OpenSSL loads the providers and engines that its file names; see tls_config_file.
_OPENSSL_FILE = "tls_config_file"
_NO_FILE = ("", "default", "none")
# It hands NAME=value to every daemon: LD_PRELOAD, and what else makes a program load another.
_ENVIRONMENT = "import_environment"
_HARMLESS = re.compile(
    r"(DISPLAY|KRB5CCNAME|KRB5_CLIENT_KTNAME|KRB5_KTNAME|LANG|LC_[A-Z]+|MAIL_LOGTAG|TZ|XAUTHORITY)=.*"
    r"|[A-Za-z0-9_]+"
)


def problems(candidate, before, known):
    """Return what is new in a configuration and decides what runs as root.

    candidate, before
        ``postfix_sasl_validate.Candidate``: the new one, and the one in force or None.
    known
        ``postfix_sasl_known.KnownThings``, or None.

    Returns ``[(where, text), ...]``.
    """
    found = []
    old = _settings(before) if before else {}
    for (where, label, name), value in _settings(candidate).items():
        if not _is_root(name, value) or value == old.get((where, label, name)):
            continue
        if value == _default(name, known):
            continue
        found.append(
            (
                where,
                f"{label}it decides what runs as root, and is not set by a pillar; "
                f"set it on the host (postconf -e), and the pillar may repeat it",
            )
        )
    return found


def _default(name, known):
    try:
        return known.defaults.get(name) if known else None
    except postfix_sasl_known.NoAnswer:
        return None


def _settings(candidate):
    settings = {(name, "", name): value for name, value in candidate.main.items()}
    for key, fields in candidate.entries.items():
        for name, value in fields["options"].items():
            settings[key, f"-o {name}: ", name] = value
    return settings


def _is_root(name, value):
    if name == _ENVIRONMENT:
        words = re.sub(r"[{}]", " ", value).replace(",", " ").split()
        return not all(map(_HARMLESS.fullmatch, words))
    if name == _OPENSSL_FILE:
        return value not in _NO_FILE
    return name in _PROGRAMS
