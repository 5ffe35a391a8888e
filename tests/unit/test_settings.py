"""The pillar: what each key takes and refuses, and its default."""

import pytest
from postfix_sasl_options import NULL_IS_A_VALUE, OPTIONS
from postfix_sasl_settings import check
from support.pillars import PEM, POLL, pillar, problems

FULL_POLL = {
    "server": "pop.example.org",
    "protocol": "imap",
    "port": None,
    "ssl": True,
    "users": [{"remote": "a", "password": "b", "local": "c", "options": []}],
}

DEFAULTS = {
    "main": {},
    "master": {},
    "purge": "report",
    "verify": True,
    "fail2ban": False,
    "drift:mode": "off",
    "drift:interval": 3600,
    "drift:splay": 600,
    "chroot": True,
    "sasl:backend": "saslauthd",
    "sasl:users": {},
    "sasl:mechanisms": ["PLAIN", "LOGIN"],
    "sasl:options": {},
    "sasl:local_domain": "$myhostname",
    "sasl:security_options": ["noanonymous"],
    "sasl:broken_clients": True,
    "sasl:recipient_restrictions": [
        "permit_sasl_authenticated",
        "permit_mynetworks",
        "reject_unauth_destination",
    ],
    "sasl:sender_logins": {},
    "saslauthd:instance": "postfix",
    "saslauthd:mechanism": "pam",
    "saslauthd:mechanism_options": "",
    "saslauthd:ldap": {},
    "saslauthd:threads": 5,
    "saslauthd:cache": False,
    "saslauthd:realm": False,
    "saslauthd:run_dir": "/var/run/saslauthd",
    "pam:manage": True,
    "pam:service": "smtp",
    "tls:mode": "may",
    "tls:certificate": "/etc/ssl/certs/ssl-cert-snakeoil.pem",
    "tls:key": "/etc/ssl/private/ssl-cert-snakeoil.key",
    "tls:chain_files": [],
    "tls:acme": [],
    "tls:certificate_text": None,
    "tls:key_text": None,
    "tls:ca_file": None,
    "relay:host": None,
    "relay:port": 587,
    "relay:username": None,
    "relay:password": None,
    "relay:tls": "encrypt",
    "tls:auth_only": True,
    "tls:loglevel": 1,
    "tls:received_header": True,
    "tls:profile": "intermediate",
    "limits:auth_per_minute": 30,
    "limits:connections_per_minute": 60,
    "limits:messages_per_minute": 0,
    "limits:errors": 10,
    "services:submission:enabled": True,
    "services:submission:options": {},
    "services:smtps:enabled": True,
    "services:smtps:options": {},
    "services:fetchmail:enabled": False,
    "services:fetchmail:options": {},
    "services:fetchmail:address": "127.0.0.1",
    "services:fetchmail:port": 40025,
    "fetchmail:enabled": False,
    "fetchmail:rcfile": "/etc/fetchmailrc",
    "fetchmail:interval": 300,
    "fetchmail:mda": None,
    "fetchmail:poll": [],
}

# For each key: values it takes, and what becomes of them where that is something else.
LIMITS = ("auth_per_minute", "connections_per_minute", "messages_per_minute", "errors")
RIGHT = {
    "main": [
        (
            {"a": True, "b": False, "c": ["x", "y"], "d": 5, "e": None},
            {"a": "yes", "b": "no", "c": "x, y", "d": "5", "e": None},
        )
    ],
    "master": [
        ({"smtp/inet": None},),
        ({"smtp/inet": {}},),
        (
            {"smtp/inet": {"chroot": True, "process_limit": 5, "wakeup": None}},
            {"smtp/inet": {"chroot": "y", "process_limit": "5"}},
        ),
        (
            {"a/unix": {"command": "pipe", "args": ["x"], "options": {"b": True, "c": None}}},
            {"a/unix": {"command": "pipe", "args": ["x"], "options": {"b": "yes", "c": None}}},
        ),
    ],
    "purge": [("report",), ("remove",), ("ignore",)],
    "sasl:backend": [("sasldb",), ("dovecot",)],
    "sasl:users": [({"alice": "pass word", "bob@example.org": None},)],
    "sasl:mechanisms": [(["PLAIN"],), (["GSSAPI", "PLAIN"],)],
    "sasl:options": [
        ({"log_level": "3"},),
        ({"log_level": 3, "x": True, "y": None}, {"log_level": "3", "x": "yes", "y": None}),
    ],
    "sasl:local_domain": [("",), ("example.com",)],
    "sasl:security_options": [([],), (["noanonymous", "noactive", "forward_secrecy"],)],
    "sasl:recipient_restrictions": [
        (["check_policy_service { inet:127.0.0.1:10023, timeout=10s }", "reject"],)
    ],
    "sasl:sender_logins": [
        ({"Alice@Example.ORG": ["alice"], "@b.org": None}, {"alice@example.org": ["alice"]}),
        ({"@example.org": ["alice", "bob@example.org"]},),
        ("hash:/etc/postfix/senders",),
    ],
    "saslauthd:instance": [("mail-2",)],
    "saslauthd:mechanism": [("shadow",), ("ldap",), ("sasldb",), ("kerberos5",)],
    "saslauthd:mechanism_options": [("/etc/saslauthd.conf",), ("imap.example.com/993",)],
    "saslauthd:ldap": [
        ({"ldap_timeout": 5, "ldap_tls": None}, {"ldap_timeout": "5", "ldap_tls": None})
    ],
    "saslauthd:threads": [(0,), (100,)],
    "saslauthd:run_dir": [("/run/saslauthd-mail",), ("//var/run//sasl/", "/var/run/sasl")],
    "pam:service": [("mail",)],
    "pam:allow_groups": [(["mailers", "staff"],)],
    "pam:lockout:attempts": [(5,), (0,)],
    "pam:lockout:seconds": [(3600,)],
    "pam:rules": [
        (["auth\trequired\tpam_unix.so", "@include common-account", "", "# like pam_exec.so"],),
        (["auth [success=1 default=ignore] pam_ldap.so a=[b c]", "auth substack common-auth"],),
        (
            [
                "-session optional pam_systemd.so",
                "  ",
                "auth [new_authtok_reqd=ok default=2] a.so x [b]",
            ],
        ),
        (["account required /lib/x86_64-linux-gnu/security/pam_permit.so # all"],),
    ],
    "tls:mode": [("none",), ("may",), ("encrypt",)],
    **{f"limits:{name}": [(0,), (1000,)] for name in LIMITS},
    "tls:certificate": [("/etc/ssl/mail.pem",)],
    "tls:key": [("/etc/ssl/mail@example.com/key:1.pem",)],
    "tls:chain_files": [(["/etc/ssl/rsa.pem", "/etc/ssl/ecdsa.pem"],)],
    "tls:acme": [("/etc/letsencrypt/live/a", ["/etc/letsencrypt/live/a"]), (["/a/b", "/c"],)],
    "tls:certificate_text": [(PEM,), (PEM.replace("\n", "\r\n") + PEM,)],
    "tls:key_text": [(PEM,)],
    "tls:ca_file": [("/etc/ssl/ca.pem",), (None,)],
    "relay:host": [("smtp.example.org",), ("2001:db8::1",)],
    "relay:port": [(465,), (25,)],
    "relay:username": [("alice@example.org",), ("a b",)],
    "relay:password": [("correct horse: 7",), ("ü",)],
    "relay:tls": [("verify",), ("may",), ("none",)],
    "tls:loglevel": [(0,), (4,)],
    "tls:profile": [("old",), ("modern",), (None,)],
    "services:submission:options": [({"a": 1, "b": None}, {"a": "1", "b": None})],
    "services:fetchmail:address": [("192.0.2.1",)],
    "services:fetchmail:port": [(1,), (65535,)],
    "fetchmail:rcfile": [("/etc/fetchmail/fetchmailrc",)],
    "fetchmail:interval": [(1,), (86400,)],
    "fetchmail:mda": [("msmtp",), (None,)],
    # YAML 1.1 takes off for false.
    "fail2ban": [(True,)],
    "drift:mode": [("off",), (False, "off"), ("report",), ("enforce",)],
    "drift:interval": [(600,), (604800,)],
    "drift:splay": [(0,), (3600,)],
    "fetchmail:poll": [
        ([POLL], [FULL_POLL]),
        ([{**POLL, "port": None, "ssl": None}], [FULL_POLL]),
        (
            [{**POLL, "protocol": "pop3", "port": 995}],
            [{**FULL_POLL, "protocol": "pop3", "port": 995}],
        ),
    ],
}

# For some of them: others that have to be there, too.
WITH = {
    "tls:certificate_text": {"tls:key_text": PEM},
    "tls:key_text": {"tls:certificate_text": PEM},
    "relay:username": {"relay:host": "a", "relay:password": "b"},
    "relay:password": {"relay:host": "a", "relay:username": "b"},
    "relay:port": {"relay:host": "a"},
    "relay:tls": {"relay:host": "a"},
}

# For each key: a value it refuses, and words of the complaint.
WRONG = {
    "main": [("a", "takes a dictionary"), ([], "takes a dictionary")],
    "master": [({"smtp": {}}, "smtp: takes service/type"), ({"smtp/inet": 1}, "or null to remove")],
    "sasl:backend": [("saslautd", "did you mean saslauthd?")],
    "sasl:users": [
        ({"alice": 123456}, "got a number; it takes a password, in quotes if it is all digits"),
        ({"alice": "geheim\n"}, "got text; it takes a password"),
        ({"a b": "geheim"}, "name or name@realm"),
        (["alice"], "got a list"),
    ],
    "purge": [("delete", "one of report, remove, ignore"), (True, "got True")],
    "sasl:mechanisms": [([], "not empty"), ("PLAIN", "takes a list"), (["plain"], "in capitals")],
    "sasl:options": [
        ({"A": "b"}, "small letters"),
        ({"a": "b\nc"}, "newline"),
        ({"a": ""}, "empty"),
    ],
    "sasl:local_domain": [(5, "one line of text"), ("${", "never closed"), ("a\n", "newline")],
    "sasl:security_options": [(["noanonymus"], "did you mean noanonymous?")],
    "sasl:recipient_restrictions": [([], "not empty"), (["", "a"], "0: got ''"), (["a {"], "{ }")],
    "sasl:sender_logins": [
        ({"alice": ["alice"]}, "address or @domain"),
        ({"alice@example.org": "alice"}, "a list, not empty; each item: a login"),
        ({"alice@example.org": []}, "not empty"),
        ({"a@example.org": ["alice, bob"]}, "a login"),
        ({"a@example.org": ["$x"]}, "a login"),
        ({"a{@example.org": ["alice"]}, "address or @domain"),
        ("alice", "a table such as hash:"),
        (["alice"], "a dictionary"),
    ],
    **{f"limits:{name}": [(-1, "from 0"), ("5", "'5'")] for name in LIMITS},
    "saslauthd:instance": [("", "letters"), ("../x", "letters"), ("a" * 33, "letters")],
    "saslauthd:mechanism": [("PAM", "did you mean pam?"), (["pam"], "one of pam, shadow")],
    "saslauthd:mechanism_options": [('"; rm', "plain words"), ("$x", "plain words")],
    "saslauthd:ldap": [({"bind_pw": "geheim"}, "{ldap_option: text}"), ("x", "got text")],
    "saslauthd:threads": [(101, "from 0 to 100"), (-1, "from 0"), (True, "got True"), ("5", "'5'")],
    "saslauthd:run_dir": [
        ("/", "without '.'"),
        ("/tmp", "directory of its own"),
        ("/var/run/", "directory of its own"),
        ("/var/../etc/x", "without '.'"),
        ("var/run/x", "absolute path"),
        ("/var/run/" + "x" * 80, "80 characters"),
    ],
    "pam:service": [("../shadow", "letters"), ("", "letters")],
    "pam:allow_groups": [(["a:b"], "the name of a group"), ("mailers", "a list")],
    "pam:lockout:attempts": [(-1, "0 to 1000"), (True, "whole number")],
    "pam:lockout:seconds": [(0, "1 to 604800")],
    "pam:rules": [
        ([], "not empty"),
        (["a\nb"], "newline"),
        ([1], "got 1"),
        (["auth required pam_exec.so seteuid /root/x"], "runs a program as root"),
        (["auth [success=ok default=die] [pam_exec.so] /root/x"], "runs a program as root"),
        (["-auth optional /usr/lib/security/pam_script.so"], "runs a program as root"),
        (["auth required /tmp/pam_unix.so"], "modules by their names"),
        (["auth required ../../../tmp/x.so"], "modules by their names"),
        (["auth required /lib/../tmp/x.so"], "modules by their names"),
        (["auth include ../../tmp/x"], "by their names alone"),
        (["@include /tmp/x"], "by their names alone"),
        (["auth required pam_ex\\", "auth required ec.so"], "whole rule"),
        (["ec.so"], "it takes a rule"),
        # What libpam reads in another way than it looks.
        (["auth [a pam_unix.so b]/tmp/e.so"], "it takes a rule"),
        (["auth [a \\] pam_unix.so ] /tmp/e.so"], "it takes a rule"),
        (["auth [success=1] [pam_unix.so x"], "it takes a rule"),
        (["@INCLUDE /tmp/inc"], "it takes a rule"),
        (["@include common-auth /tmp/inc"], "by their names alone"),
        (["auth required\u00a0pam_unix.so /tmp/e.so"], "it takes a rule"),
        (["auth required pam_unix.so\u00a0/tmp/e.so"], "modules by their names"),
        (["auth"], "it takes a rule"),
    ],
    "tls:mode": [("encrpt", "did you mean encrypt?"), (True, "one of none, may, encrypt")],
    "tls:certificate": [("mail.pem", "an absolute path"), ("/a b", "an absolute path")],
    "tls:key": [("/", "without '.'")],
    "tls:chain_files": [("/a.pem", "takes a list"), (["a.pem"], "an absolute path")],
    "tls:acme": [("mail.example.org", "an absolute path"), (5, "got 5")],
    "tls:certificate_text": [("/etc/ssl/mail.pem", "in PEM format"), (PEM[:-5], "in PEM format")],
    "tls:key_text": [(PEM.replace("\n", " "), "in PEM format"), (5, "got a number")],
    "tls:ca_file": [(False, "or null")],
    "relay:host": [("[smtp.example.org]:587", "a host name or address"), ("", "a host name")],
    "relay:port": [(0, "from 1 to 65535"), ("submission", "got 'submission'")],
    "relay:username": [("a:b", "without ':'"), (" a", "without ':'"), (5, "got 5")],
    "relay:password": [(12345, "in quotes"), ("a\nb", "newline"), ("a ", "got text")],
    "relay:tls": [("encrpt", "did you mean encrypt?"), (True, "one of verify, encrypt")],
    "tls:loglevel": [(5, "from 0 to 4"), (1.0, "got 1.0")],
    "tls:profile": [("intermediat", "did you mean intermediate?")],
    "services:submission:options": [
        ({"a b": 1}, "takes letters"),
        ({"a": {}}, "options:a: got {}"),
    ],
    "services:fetchmail:address": [
        ("300.0.0.1", "IPv4 address"),
        ("::1", "IPv4 address"),
        (2130706433, "IPv4 address"),
        ("127.0.0.01", "IPv4 address"),
    ],
    "services:fetchmail:port": [(0, "from 1 to 65535"), (65536, "got 65536")],
    "fetchmail:rcfile": [
        ("rc", "an absolute path"),
        ("/etc/default/fetchmail", "ends in fetchmailrc"),
        ("/etc/profile.d/fetchmailrc.sh", "ends in fetchmailrc"),
    ],
    "fetchmail:interval": [(0, "from 1")],
    "fetchmail:mda": [("procmail", "one of msmtp, null")],
    "fail2ban": [("yes please", "true or false")],
    "drift:mode": [(True, "one of off"), ("enforced", "did you mean enforce"), (0, "one of off")],
    "drift:interval": [(0, "from 1"), ("60", "whole number")],
    "drift:splay": [(-1, "from 0"), (3601, "no more than drift:interval, 3600")],
    "fetchmail:poll": [
        ({}, "takes a list"),
        ([{"server": "x", "users": []}], "0:users: got a list; it takes a list, not empty"),
        ([{"server": "x"}], "users missing"),
        ([{**POLL, "protocol": "imap4"}], "did you mean imap?"),
        ([{**POLL, "sever": "x"}], "did you mean postfix_sasl:fetchmail:poll:0:server?"),
    ],
}
for _service in ("smtps", "fetchmail"):
    for _table in (RIGHT, WRONG):
        _table[f"services:{_service}:options"] = _table["services:submission:options"]
for _key, _option in OPTIONS.items():
    if isinstance(_option.default, bool):
        RIGHT[_key] = [(True,), (False,)]
        WRONG[_key] = [("yes", "got 'yes'; it takes true or false"), (1, "got 1"), ([], "got []")]


def cases(table):
    return [(key, *case) for key, some in table.items() for case in some]


@pytest.mark.parametrize("empty", [None, {}, {"tls": None}, {"services": {"smtps": {}}}])
def test_an_empty_pillar_gives_every_default(empty):
    settings = check(empty)
    assert set(settings) == set(OPTIONS)
    assert settings == {**settings, **DEFAULTS}


def test_the_defaults_are_what_the_table_says_and_nobody_can_change_them():
    check(None)["sasl:mechanisms"].append("X")
    check({"fetchmail": {"poll": [POLL]}})["fetchmail:poll"][0]["users"][0]["options"].append("x")
    assert check(None)["sasl:mechanisms"] == ["PLAIN", "LOGIN"]
    assert check({"fetchmail": {"poll": [POLL]}})["fetchmail:poll"] == [FULL_POLL]


@pytest.mark.parametrize("key", OPTIONS)
def test_every_default_is_a_value_its_key_takes(key):
    default = check(None)[key]
    if default is not None and key != "pam:rules":  # there [] stands for the formula's own rules
        assert OPTIONS[key].type.check(default) == default


@pytest.mark.parametrize("key", OPTIONS)
def test_every_key_says_what_it_means_and_what_it_takes(key):
    assert OPTIONS[key].meaning and OPTIONS[key].type.takes


@pytest.mark.parametrize("key", OPTIONS)
def test_every_key_has_a_right_and_a_wrong_value_here(key):
    assert key in RIGHT and key in WRONG


@pytest.mark.parametrize(
    ("key", "value", "result"), [(*case, case[-1])[:3] for case in cases(RIGHT)]
)
def test_a_key_takes(key, value, result):
    data = {**pillar(key, value), **WITH.get(key, {})}
    if key == "fetchmail:enabled":
        data["fetchmail"]["poll"] = [POLL]
    settings = check(data)
    assert settings[key] == result
    others = set(settings) - {
        key,
        "fetchmail:poll",
        "services:fetchmail:enabled",
        *WITH.get(key, ()),
    }
    assert {name: settings[name] for name in others} == {name: check(None)[name] for name in others}


@pytest.mark.parametrize(("key", "value", "words"), cases(WRONG))
def test_a_key_refuses(key, value, words):
    (line,) = problems(pillar(key, value))
    assert line.startswith(f"postfix_sasl:{key}:")
    assert words in line
    assert "geheim" not in line
    assert "\n" not in line and line.isprintable()


@pytest.mark.parametrize(("interval", "splay"), [(60, 60), (600, 600), (601, 600)])
def test_the_splay_is_never_longer_than_the_interval(interval, splay):
    assert check({"drift": {"interval": interval}})["drift:splay"] == splay


@pytest.mark.parametrize("key", sorted(set(OPTIONS) - NULL_IS_A_VALUE))
def test_null_gives_a_key_its_default_back(key):
    assert check(pillar(key, None)) == check(None)


def test_keys_may_be_written_with_colons():
    assert check({"tls:mode": "encrypt", "services:smtps": {"enabled": False}}) == {
        **check(None),
        "tls:mode": "encrypt",
        "services:smtps:enabled": False,
    }
