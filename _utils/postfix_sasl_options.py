"""Every key of the ``postfix_sasl`` pillar: its type, its default and what it means.

This one table checks the pillar and fills in what it leaves out. Keys are written the way Salt
writes nested pillar, with colons.
"""

from typing import Any, NamedTuple

from postfix_sasl_fetchmail_types import RcFile, UserOption
from postfix_sasl_pam_types import PamRule
from postfix_sasl_senders import SenderLogins
from postfix_sasl_types import (
    Bool,
    Choice,
    Entries,
    Int,
    IPv4,
    ListOf,
    MainText,
    MapOf,
    Mode,
    OneOrMore,
    Options,
    OptionText,
    OwnDirectory,
    Parameters,
    Path,
    Pem,
    Record,
    Text,
)


class Option(NamedTuple):
    """One key of the pillar: its type, default, meaning, and whether its value is secret."""

    type: Any
    default: Any
    meaning: str
    secret: bool = False


# What a shell, systemd's EnvironmentFile= and saslauthd's option parser all read the same way.
_PLAIN_WORDS = r"[A-Za-z0-9._/:@,=+ -]*"
_RESTRICTION = MainText("a restriction or table, one line", r"[^\x00-\x1f\x7f]*[^\x00-\x20\x7f]+")
_CELL = Text("one line of text that is not empty", r"[^\x00-\x1f\x7f]+")

_SERVICE = {
    "enabled": Option(Bool(), True, "whether master.cf has the service entry"),
    "options": Option(Options(), {}, "more -o options for the entry; null drops one"),
}

_POLL_USER = Record(
    {
        "remote": _CELL,
        "password": Text("text, in quotes if it is all digits", _CELL.pattern.pattern),
        "local": Text("the name of an account here", r"[A-Za-z0-9._@+-]+"),
        "options": ListOf(UserOption()),
    },
    required=("remote", "password", "local"),
    defaults={"options": []},
)
_POLL = Record(
    {
        "server": Text("a host name or address", r"[A-Za-z0-9.:-]+"),
        "protocol": Choice("pop3", "imap"),
        "port": Int(1, 65535),
        "ssl": Bool(),
        "users": ListOf(_POLL_USER, least=1),
    },
    required=("server", "users"),
    defaults={"protocol": "imap", "port": None, "ssl": True},
)

OPTIONS = {
    "main": Option(Parameters(), {}, "main.cf parameters; they win over everything else"),
    "master": Option(Entries(), {}, "master.cf service entries; they win over everything else"),
    "purge": Option(
        Choice("report", "remove", "ignore"),
        "report",
        "what to do with parameters and entries that neither Debian nor this pillar declares",
    ),
    "chroot": Option(Bool(), True, "run smtpd in the chroot; the SASL socket follows"),
    "sasl:backend": Option(
        Choice("saslauthd", "sasldb", "dovecot"), "saslauthd", "who checks passwords"
    ),
    "sasl:users": Option(
        MapOf(
            Text("a password, in quotes if it is all digits", _CELL.pattern.pattern, optional=True),
            "a dictionary {name or name@realm: password, or null for no such user}",
            r"[A-Za-z0-9._+=-]{1,64}(@[A-Za-z0-9.-]{1,255})?",
        ),
        {},
        "users of the sasldb; without any they are managed by hand",
        secret=True,
    ),
    "sasl:mechanisms": Option(
        ListOf(Text("a SASL mechanism in capitals, such as PLAIN", r"[A-Z0-9_-]{1,20}"), least=1),
        ["PLAIN", "LOGIN"],
        "mechanisms that AUTH offers (mech_list)",
    ),
    "sasl:options": Option(
        MapOf(
            OptionText(_CELL.takes, _CELL.pattern.pattern),
            "a dictionary {option: text}, options in small letters, digits and _",
            r"[a-z0-9_]+",
        ),
        {},
        "further lines of /etc/postfix/sasl/smtpd.conf; null drops one",
    ),
    "sasl:local_domain": Option(MainText(), "$myhostname", "smtpd_sasl_local_domain"),
    "sasl:security_options": Option(
        ListOf(
            Choice(
                *("noplaintext", "noactive", "nodictionary", "noanonymous"),
                *("forward_secrecy", "mutual_auth"),
            )
        ),
        ["noanonymous"],
        "smtpd_sasl_security_options",
    ),
    "sasl:broken_clients": Option(Bool(), True, "broken_sasl_auth_clients"),
    "sasl:recipient_restrictions": Option(
        ListOf(_RESTRICTION, least=1),
        ["permit_sasl_authenticated", "permit_mynetworks", "reject_unauth_destination"],
        "smtpd_recipient_restrictions",
    ),
    "sasl:sender_logins": Option(
        SenderLogins(),
        {},
        "sender addresses, each with the logins that may use it; {}: anyone may use any",
    ),
    "saslauthd:instance": Option(
        Text("letters, digits and '-'", r"[a-z0-9][a-z0-9-]{0,31}"),
        "postfix",
        "names /etc/default/saslauthd-<instance> and the unit saslauthd-<instance>",
    ),
    "saslauthd:mechanism": Option(
        Choice("pam", "shadow", "getpwent", "sasldb", "ldap", "rimap", "kerberos5"),
        "pam",
        "where saslauthd looks passwords up",
    ),
    "saslauthd:mechanism_options": Option(
        Text("plain words", _PLAIN_WORDS), "", "its -O: the rimap server, a hand-made ldap file"
    ),
    "saslauthd:ldap": Option(
        MapOf(
            OptionText(_CELL.takes, _CELL.pattern.pattern),
            "a dictionary {ldap_option: text}",
            r"ldap_[a-z0-9_]+",
        ),
        {},
        "for the mechanism ldap: the lines of /etc/saslauthd-<instance>.conf",
        secret=True,
    ),
    "saslauthd:threads": Option(Int(0, 100), 5, "processes that answer (0: one for each login)"),
    "saslauthd:cache": Option(
        Bool(), False, "credential cache (-c); with it a locked account goes on working"
    ),
    "saslauthd:realm": Option(
        Bool(),
        False,
        "look up name@domain (-r), not the name alone; the domain is sasl:local_domain where a "
        "client gives none",
    ),
    "saslauthd:run_dir": Option(
        OwnDirectory(), "/var/run/saslauthd", "the socket's directory, as smtpd sees it"
    ),
    "pam:manage": Option(Bool(), True, "own /etc/pam.d/<service>"),
    "pam:service": Option(
        Text("letters, digits, '.', '_' and '-'", r"[A-Za-z0-9][A-Za-z0-9._-]*"),
        "smtp",
        "the PAM service that smtpd names and saslauthd asks",
    ),
    "pam:rules": Option(
        ListOf(PamRule(), least=1),
        [],
        "lines of /etc/pam.d/<service>; without them root and system accounts are refused",
    ),
    "pam:allow_groups": Option(
        ListOf(Text("the name of a group", r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")),
        [],
        "only members of one of these groups may log in; without any, every ordinary user",
    ),
    "pam:lockout:attempts": Option(
        Int(0, 1000), 0, "failed logins after which an account is locked for mail (0: never)"
    ),
    "pam:lockout:seconds": Option(Int(1, 604800), 600, "how long it stays locked"),
    "tls:mode": Option(
        Choice("none", "may", "encrypt"), "may", "STARTTLS on port 25: none, offered, demanded"
    ),
    "tls:certificate": Option(
        Path(), "/etc/ssl/certs/ssl-cert-snakeoil.pem", "the certificate, with its chain"
    ),
    "tls:key": Option(Path(), "/etc/ssl/private/ssl-cert-snakeoil.key", "its private key"),
    "tls:chain_files": Option(
        ListOf(Path()), [], "files with a key and then its chain, one for each kind of key"
    ),
    "tls:acme": Option(
        OneOrMore(Path()), [], "where an ACME client keeps the certificate; Postfix has a copy"
    ),
    "tls:certificate_text": Option(Pem(), None, "the certificate itself, with its chain", True),
    "tls:key_text": Option(Pem(), None, "its private key itself", True),
    "tls:ca_file": Option(Path(optional=True), None, "certificates of authorities for clients"),
    "tls:auth_only": Option(
        Bool(),
        True,
        "no AUTH before TLS on port 25 (false where mode is none); on 587 and 465 never",
    ),
    "tls:loglevel": Option(Int(0, 4), 1, "smtpd_tls_loglevel"),
    "tls:received_header": Option(Bool(), True, "smtpd_tls_received_header"),
    "tls:profile": Option(
        Choice("intermediate", "modern", "old", None),
        "intermediate",
        "protocols and ciphers; null for Postfix's own defaults",
    ),
    "limits:auth_per_minute": Option(
        Int(0, 100000), 30, "logins that one client may try on a port; 0: no limit"
    ),
    "limits:connections_per_minute": Option(
        Int(0, 100000), 60, "connections of one client to 587, and to 465; 0: no limit"
    ),
    "limits:messages_per_minute": Option(
        Int(0, 100000), 0, "messages of one client through 587, and through 465; 0: no limit"
    ),
    "limits:errors": Option(
        Int(0, 1000), 10, "errors in one session on 587 or 465; 0: Postfix's own limit"
    ),
    "services:submission:enabled": _SERVICE["enabled"],
    "services:submission:options": _SERVICE["options"],
    "services:smtps:enabled": _SERVICE["enabled"],
    "services:smtps:options": _SERVICE["options"],
    "services:fetchmail:enabled": Option(
        Bool(), False, "whether master.cf has this entry; true by itself where fetchmail needs it"
    ),
    "services:fetchmail:options": _SERVICE["options"],
    "services:fetchmail:address": Option(
        IPv4(), "127.0.0.1", "where the listener for fetchmail is bound"
    ),
    "services:fetchmail:port": Option(Int(1, 65535), 40025, "its port"),
    "fetchmail:enabled": Option(Bool(), False, "run fetchmail as a daemon"),
    "fetchmail:rcfile": Option(RcFile(), "/etc/fetchmailrc", "its configuration"),
    "fetchmail:interval": Option(Int(1, 86400), 300, "seconds from one poll to the next"),
    "fetchmail:mda": Option(
        Choice("msmtp", None), None, "a program to hand the mail to; null for services:fetchmail"
    ),
    "fetchmail:poll": Option(
        ListOf(_POLL), [], "what it fetches: server, protocol, port, ssl, users", secret=True
    ),
    "fail2ban": Option(
        Bool(), False, "have fail2ban keep out, for a while, whoever fails to log in too often"
    ),
    "drift:mode": Option(
        Mode("off", "report", "enforce"),
        "off",
        "look for drift at intervals: tell the master by an event, or correct it, too",
    ),
    # One run never begins before the last one has ended, so that a second does no harm.
    "drift:interval": Option(Int(1, 604800), 3600, "seconds from one look to the next"),
    "drift:splay": Option(
        Int(0, 86400), 600, "up to so many seconds more, at random; never more than the interval"
    ),
    "relay:host": Option(
        Text("a host name or address", r"[A-Za-z0-9.:-]+"),
        None,
        "the server that takes all mail to others",
    ),
    "relay:port": Option(Int(1, 65535), 587, "its port; on 465 TLS is there from the first byte"),
    "relay:username": Option(
        Text("text without ':'", r"[^\x00-\x20\x7f:]([^\x00-\x1f\x7f:]*[^\x00-\x20\x7f:])?"),
        None,
        "the account there",
    ),
    "relay:password": Option(
        Text("text, in quotes if it is all digits", r"[^\x00-\x1f\x7f]*[^\x00-\x20\x7f]"),
        None,
        "its password",
        secret=True,
    ),
    "relay:tls": Option(
        Choice("verify", "encrypt", "may", "none"),
        "encrypt",
        "TLS on the way there: demanded of a known server, demanded, if offered, none",
    ),
    "verify": Option(
        Bool(), True, "after a change talk to every listener; if one does not answer, change back"
    ),
}

# Keys where null is a value of its own; anywhere else null gives a key its default back.
NULL_IS_A_VALUE = frozenset({"tls:profile", "tls:ca_file"})
