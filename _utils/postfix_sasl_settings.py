"""From the raw pillar to checked settings with every default filled in."""

import copy

import postfix_sasl_msmtp
import postfix_sasl_services
import postfix_sasl_things
from postfix_sasl_options import NULL_IS_A_VALUE, OPTIONS
from postfix_sasl_text import quoted
from postfix_sasl_wrong import UnknownName, Wrong, nearest

ROOT = "postfix_sasl"

# Their files in /etc/pam.d belong to the system; ours would lock people out of it.
_PAM_OF_OTHERS = frozenset(
    "chfn chpasswd chsh common-account common-auth common-password common-session "
    "common-session-noninteractive cron login newusers other passwd polkit-1 runuser runuser-l "
    "sshd su su-l sudo sudo-i systemd-user".split()
)
# What saslauthd can't check: it is given a name and a password, never a challenge.
_CHALLENGES = ("CRAM-", "DIGEST-", "NTLM", "OTP", "SCRAM-", "SRP")
# What other formulas take, and this one has no use for.
_OF_OTHER_FORMULAS = {
    "lookup": "got an unknown key; packages, paths and services have Debian's names here, and "
    "those that can differ have keys: saslauthd:instance, saslauthd:run_dir, pam:service, "
    "fetchmail:rcfile; for more packages see docs/conventions.md",
    "tofs": "got an unknown key; what is in a file is for keys to say: sasl:options, pam:rules, "
    "saslauthd, fetchmail:poll, main, master; for files of your own see docs/conventions.md",
}


class BadPillar(ValueError):
    """The pillar can't be used; the message has one line for each problem."""


def check(pillar):
    """Return the settings that *pillar* asks for.

    pillar
        The value of the pillar key ``postfix_sasl``: a dictionary, or None for all defaults.

    Returns ``{"tls:mode": "may", ...}``: every key of the table with its checked value.
    Raises BadPillar that names each wrong key in full, what it got and what it takes.
    """
    problems = []
    return check_flat(_flatten({} if pillar is None else pillar, "", problems), problems)


def given(pillar):
    """Return ``{key: value}`` of the keys that *pillar*, which is valid, gives a value."""
    flat = _flatten({} if pillar is None else pillar, "", [])
    return {
        key: value for key, value in flat.items() if value is not None or key in NULL_IS_A_VALUE
    }


def check_flat(given, problems=()):
    """Return the settings that *given* keys ask for, as ``check`` does.

    given
        ``{"tls:mode": "may", ...}``, only keys of the table.
    problems
        Lines for what is wrong besides.
    """
    problems = list(problems)
    settings = {key: copy.deepcopy(option.default) for key, option in OPTIONS.items()}
    for key, value in given.items():
        if value is None and key not in NULL_IS_A_VALUE:
            continue
        try:
            settings[key] = OPTIONS[key].type.check(value)
        except Wrong as wrong:
            problems += [_problem((key, *one.path), one) for one in wrong.each]
    if given.get("services:fetchmail:enabled") is None:
        settings["services:fetchmail:enabled"] = _needs_listener(settings)
    if given.get("drift:splay") is None:
        settings["drift:splay"] = min(settings["drift:splay"], settings["drift:interval"])
    if not problems:
        problems = [f"{ROOT}:{line}" for line in _contradictions(settings)]
    if problems:
        raise BadPillar("\n".join(problems))
    return settings


def _flatten(value, section, problems):
    """Return {full key: value} for nested *value*; note unknown keys in *problems*."""
    if not isinstance(value, dict):
        wrong = Wrong(f"it takes a dictionary with {', '.join(_names_in(section))}", value)
        problems.append(_problem((section,) if section else (), wrong))
        return {}
    flat = {}
    for name, item in value.items():
        key = f"{section}:{name}" if section else str(name)
        if key in OPTIONS:
            flat[key] = item
        elif key in _OF_OTHER_FORMULAS:
            problems.append(f"{ROOT}:{key}: {_OF_OTHER_FORMULAS[key]}")
        elif not key or not _names_in(key):
            problems.append(_problem((key,), UnknownName(name, _names_in(section))))
        elif item is not None:
            flat.update(_flatten(item, key, problems))
    return flat


def _names_in(section):
    """Return the names that *section* of the table takes, in its order; "" is the whole table."""
    start = f"{section}:" if section else ""
    inside = [key[len(start) :] for key in OPTIONS if key.startswith(start)]
    return list(dict.fromkeys(key.partition(":")[0] for key in inside))


def _problem(path, wrong):
    """Return the line for *wrong* at *path*, without the value where that may be secret."""
    key = path[0] if path else ""
    text = wrong.discreet() if _is_secret(key) else str(wrong)
    if isinstance(wrong, UnknownName):
        meant = (*path[:-1], wrong.sibling) if len(path) > 1 else _meant(key, wrong.sibling)
        if meant[-1]:
            text += f"; did you mean {':'.join((ROOT, *meant))}?"
    names = (name if len(name) <= 80 else f"{name[:77]}..." for name in path)
    return _on_one_line(f"{':'.join((ROOT, *names))}: {text}")


def _meant(key, sibling):
    """Return the path of what unknown *key* may stand for: its *sibling*, or one elsewhere."""
    section, _, name = key.rpartition(":")
    if sibling:
        return (section, sibling) if section else (sibling,)
    known = {":".join(each.split(":")[: depth + 1]) for each in OPTIONS for depth in range(3)}
    same_name = [each for each in known if each.endswith(f":{name}")]
    return (same_name[0] if len(same_name) == 1 else nearest(key, known),)


def _is_secret(key):
    """Return whether *key* of the table, or any key in the section *key*, is secret."""
    start = f"{key}:" if key else ""
    return any(
        option.secret for name, option in OPTIONS.items() if name == key or name.startswith(start)
    )


def _on_one_line(text):
    return "".join(char if char.isprintable() else quoted(char)[1:-1] for char in text)


def _contradictions(settings):
    """Yield a line for each pair of settings that can't both hold."""
    yield from _fetchmail_contradictions(settings)
    yield from postfix_sasl_msmtp.contradictions(settings)
    yield from _login_contradictions(settings)
    yield from _certificate_contradictions(settings)
    yield from _relay_contradictions(settings)
    yield from _two_for_one_port(settings)
    if settings["drift:splay"] > settings["drift:interval"]:
        yield (
            f"drift:splay: got {settings['drift:splay']}; it takes no more than drift:interval, "
            f"{settings['drift:interval']}"
        )


def _fetchmail_contradictions(settings):
    listener = settings["services:fetchmail:enabled"]
    if settings["fetchmail:enabled"] and not settings["fetchmail:poll"]:
        yield "fetchmail:poll: got []; fetchmail:enabled needs at least one server to poll"
    if _needs_listener(settings) and not listener:
        yield (
            "services:fetchmail:enabled: got False; fetchmail:enabled needs this listener "
            "to hand its mail to, or fetchmail:mda"
        )
    if listener and settings["services:fetchmail:port"] in (25, 465, 587):
        yield (
            f"services:fetchmail:port: got {settings['services:fetchmail:port']}; "
            "it takes a port that no other listener has"
        )


def _needs_listener(settings):
    """Return whether fetchmail hands its mail to the listener that is made for it."""
    return settings["fetchmail:enabled"] and not postfix_sasl_msmtp.is_wanted(settings)


def _login_contradictions(settings):
    service, mechanism = settings["pam:service"], settings["saslauthd:mechanism"]
    if settings["pam:manage"] and service in _PAM_OF_OTHERS:
        yield (
            f"pam:service: got {service!r}; its file belongs to the system: take another name, "
            "or set pam:manage to false"
        )
    file, database = settings["saslauthd:mechanism_options"], settings["sasl:options"]
    if mechanism == "ldap" and settings["saslauthd:ldap"] and file:
        yield (
            f"saslauthd:mechanism_options: got {file!r}; with saslauthd:ldap the formula writes "
            "the file itself: take one of the two"
        )
    if settings["sasl:users"] and database.get("sasldb_path"):
        yield (
            f"sasl:options:sasldb_path: got {database['sasldb_path']!r}; users of the pillar go "
            "into the formula's own database: take out this, or sasl:users"
        )
    if settings["pam:rules"]:
        for key in ("pam:allow_groups", "pam:lockout:attempts"):
            if settings[key]:
                yield f"{key}: got {settings[key]!r}; pam:rules replaces it: put it there"
    if mechanism == "rimap" and not settings["saslauthd:mechanism_options"].strip():
        yield "saslauthd:mechanism_options: got ''; rimap needs the name of the IMAP server"
    if "pwcheck_method" in settings["sasl:options"]:
        return
    mechanisms = settings["sasl:mechanisms"]
    for name in mechanisms if settings["sasl:backend"] == "saslauthd" else ():
        if name.startswith(_CHALLENGES):
            yield (
                f"sasl:mechanisms: got {name!r}; saslauthd can check only PLAIN and LOGIN "
                "(sasl:backend sasldb can check it)"
            )
    if (
        "noplaintext" in settings["sasl:security_options"]
        and set(mechanisms) <= {"PLAIN", "LOGIN"}
        and "smtpd_sasl_tls_security_options" not in settings["main"]
    ):
        yield (
            "sasl:security_options: got 'noplaintext'; it forbids all of sasl:mechanisms, also "
            "over TLS unless main has other smtpd_sasl_tls_security_options"
        )


def _certificate_contradictions(settings):
    is_given = {
        "tls:acme": settings["tls:acme"],
        "tls:chain_files": settings["tls:chain_files"],
        "tls:certificate_text": settings["tls:certificate_text"] or settings["tls:key_text"],
        "tls:certificate": any(
            settings[key] != OPTIONS[key].default for key in ("tls:certificate", "tls:key")
        ),
    }
    first, *others = [key for key, given in is_given.items() if given] or [None]
    for other in others:
        yield f"{other}: {first} says, too, where the certificate is; take one of them"
    texts = ("tls:certificate_text", "tls:key_text")
    for key, other in (texts, texts[::-1]):
        if settings[key] is None and settings[other] is not None:
            yield f"{key}: got null; {other} needs this one, too"


def _relay_contradictions(settings):
    account = ("relay:username", "relay:password")
    for key, other in (account, account[::-1]):
        if settings[key] is None and settings[other] is not None:
            yield f"{key}: got null; {other} needs this one, too"
    if settings["relay:host"] is None:
        if settings["relay:username"] is not None:
            yield "relay:host: got null; relay:username needs the server it is for"
        return
    tls = settings["relay:tls"]
    if settings["relay:port"] == 465 and tls in ("may", "none"):
        yield f"relay:tls: got {tls!r}; port 465 speaks nothing but TLS: take encrypt or verify"
    elif settings["relay:password"] is not None and tls == "none":
        yield "relay:tls: got 'none'; relay:password would be sent in the clear: take encrypt"


def _two_for_one_port(settings):
    """Two entries of master.cf for one port stop the master daemon, whatever names they have."""
    keys = [key for key, fields in settings["master"].items() if fields is not None]
    places = {}
    for key in keys:
        other = places.setdefault(postfix_sasl_services.place(key), key)
        if other != key:
            yield f"master:{key}: got the address and port of {other}, too; it takes free ones"
    ours = postfix_sasl_services.fetchmail_key(settings)
    for key in keys if settings["services:fetchmail:enabled"] else ():
        if key != ours and postfix_sasl_services.clash(key, ours):
            yield f"master:{key}: got the port of services:fetchmail; it takes a free one"


def shown(settings):
    """Return checked *settings* for eyes and logs: what may hold a secret is "(hidden)" if set."""
    return {
        key: postfix_sasl_things.HIDDEN
        if OPTIONS[key].secret and value != OPTIONS[key].default
        else value
        for key, value in settings.items()
    }
