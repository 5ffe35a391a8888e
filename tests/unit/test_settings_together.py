"""The pillar: which keys contradict each other, and which bring others with them."""

import pytest
from postfix_sasl_settings import check
from support.pillars import PEM, POLL, pillar, problems


def test_fetchmail_brings_its_listener_unless_the_pillar_says_no():
    fetchmail = {"enabled": True, "poll": [POLL]}
    assert check({"fetchmail": fetchmail})["services:fetchmail:enabled"] is True
    assert check(pillar("services:fetchmail:enabled", True))["fetchmail:enabled"] is False


def test_fetchmail_with_a_program_needs_no_listener_and_may_have_it():
    fetchmail = {"enabled": True, "mda": "msmtp", "poll": [POLL]}
    assert check({"fetchmail": fetchmail})["services:fetchmail:enabled"] is False
    services = {"fetchmail": {"enabled": True}}
    both = check({"fetchmail": fetchmail, "services": services})
    assert both["services:fetchmail:enabled"] is True
    elsewhere = {"inet_interfaces": "192.0.2.1", "inet_protocols": "ipv6"}
    assert check({"fetchmail": {"mda": "msmtp"}, "main": elsewhere})


@pytest.mark.parametrize(
    ("data", "where", "why"),
    [
        ({"fetchmail": {"enabled": True}}, "fetchmail:poll: got []", "at least one server"),
        (
            {
                "fetchmail": {"enabled": True, "poll": [POLL]},
                "services": {"fetchmail": {"enabled": False}},
            },
            "services:fetchmail:enabled: got False",
            "needs this listener",
        ),
        (
            {
                "fetchmail": {"enabled": True, "mda": "msmtp", "poll": [POLL]},
                "main": {"inet_interfaces": ["192.0.2.1", "$myhostname"]},
            },
            "main:inet_interfaces: got '192.0.2.1 $myhostname'",
            "one of 127.0.0.1, all, localhost, loopback-only",
        ),
        (
            {
                "fetchmail": {"enabled": True, "mda": "msmtp", "poll": [POLL]},
                "master": {"smtp/inet": None},
            },
            "master:smtp/inet: got null",
            "fetchmail:mda hands its mail to port 25",
        ),
        (
            {"services": {"fetchmail": {"enabled": True, "port": 587}}},
            "services:fetchmail:port: got 587",
            "no other listener",
        ),
        (
            {
                "services": {"fetchmail": {"enabled": True}},
                "master": {"localhost:40025/inet": {"command": "smtpd"}},
            },
            "master:localhost:40025/inet: got the port of services:fetchmail",
            "free",
        ),
        (
            {"master": {"smtps/inet": {}, "465/inet": {}}},
            "master:465/inet: got the address and port of smtps/inet",
            "free",
        ),
        (
            {"master": {"127.0.0.1:2525/inet": {}, "localhost:2525/inet": {}}},
            "master:localhost:2525/inet: got",
            "free",
        ),
        ({"pam": {"service": "sshd"}}, "pam:service: got 'sshd'", "belongs to the system"),
        (
            {"pam": {"rules": ["auth required pam_unix.so"], "allow_groups": ["mailers"]}},
            *("pam:allow_groups: got ['mailers']", "put it there"),
        ),
        (
            {"pam": {"rules": ["auth required pam_unix.so"], "lockout": {"attempts": 3}}},
            *("pam:lockout:attempts: got 3", "put it there"),
        ),
        ({"saslauthd": {"mechanism": "rimap"}}, "saslauthd:mechanism_options: got ''", "IMAP"),
        ({"sasl": {"mechanisms": ["CRAM-MD5"]}}, "sasl:mechanisms: got 'CRAM-MD5'", "only PLAIN"),
        (
            {"sasl": {"security_options": ["noanonymous", "noplaintext"]}},
            "sasl:security_options: got 'noplaintext'",
            "forbids all",
        ),
        (
            {"sasl": {"backend": "dovecot", "security_options": ["noplaintext"]}},
            "sasl:security_options: got 'noplaintext'",
            "forbids all",
        ),
        (
            {"sasl": {"users": {"a": "geheim"}, "options": {"sasldb_path": "/etc/sasldb2"}}},
            "sasl:options:sasldb_path: got '/etc/sasldb2'",
            "or sasl:users",
        ),
        (
            {
                "saslauthd": {
                    "mechanism": "ldap",
                    "mechanism_options": "/etc/my.conf",
                    "ldap": {"ldap_servers": "ldap://ldap.example.com"},
                }
            },
            "saslauthd:mechanism_options: got '/etc/my.conf'",
            "one of the two",
        ),
        (
            {"tls": {"acme": "/a", "chain_files": ["/b"]}},
            "tls:chain_files: tls:acme says, too,",
            "take one",
        ),
        (
            {"tls": {"certificate": "/a", "certificate_text": PEM, "key_text": PEM}},
            "tls:certificate: tls:certificate_text says, too,",
            "take one",
        ),
        ({"tls": {"certificate_text": PEM}}, "tls:key_text: got null", "needs this one"),
        ({"tls": {"key_text": PEM}}, "tls:certificate_text: got null", "needs this one"),
        ({"relay": {"host": "a", "username": "b"}}, "relay:password: got null", "needs this"),
        ({"relay": {"host": "a", "password": "b"}}, "relay:username: got null", "needs this"),
        ({"relay": {"username": "a", "password": "b"}}, "relay:host: got null", "the server"),
        ({"relay": {"host": "a", "port": 465, "tls": "may"}}, "relay:tls: got 'may'", "465"),
        (
            {"relay": {"host": "a", "username": "b", "password": "c", "tls": "none"}},
            "relay:tls: got 'none'",
            "in the clear",
        ),
    ],
)
def test_what_cannot_both_hold_is_refused(data, where, why):
    (line,) = problems(data)
    assert line.startswith(f"postfix_sasl:{where}")
    assert why in line


@pytest.mark.parametrize(
    "data",
    [
        {"pam": {"service": "sshd", "manage": False}},
        {"saslauthd": {"mechanism": "rimap", "mechanism_options": "imap.example.com"}},
        {"sasl": {"mechanisms": ["CRAM-MD5"], "options": {"pwcheck_method": "auxprop"}}},
        {
            "sasl": {"security_options": ["noanonymous", "noplaintext"]},
            "main": {"smtpd_sasl_tls_security_options": "noanonymous"},
        },
        {"sasl": {"backend": "sasldb", "mechanisms": ["CRAM-MD5", "SCRAM-SHA-256"]}},
        {
            "sasl": {
                "backend": "sasldb",
                "mechanisms": ["PLAIN", "CRAM-MD5"],
                "security_options": ["noanonymous", "noplaintext"],
            }
        },
        {"saslauthd": {"mechanism": "ldap", "mechanism_options": "/etc/my.conf"}},
        {"master": {"127.0.0.1:2525/inet": {}, "192.0.2.1:2525/inet": {}}},
        {"master": {"smtps/inet": None, "465/inet": {}}},
        {"master": {"40025/inet": {}}},
    ],
)
def test_what_can_both_hold_is_not(data):
    check(data)
