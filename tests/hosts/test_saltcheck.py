"""The saltcheck tests pass after an apply, and each fails when what it is for is broken."""

import json

import pytest
from support import checks
from support.trees import differences, tree

POLL = {"server": "127.0.0.1", "ssl": False}
POLL["users"] = [{"remote": "nobody", "password": "hush8731", "local": "alice"}]
PILLAR = {
    "fetchmail": {"enabled": True, "poll": [POLL]},
    "main": {"mynetworks": ["127.0.0.0/8"], "mailbox_command": None, "smtpd_banner": "a  b"},
    "master": {"2525/inet": {"command": "smtpd"}},
    "relay": {"host": "127.0.0.9", "username": "us", "password": "hush8731"},
    "services": {"smtps": {"enabled": False}},
    "tls": {"mode": "none"},
}

pytestmark = pytest.mark.parametrize("release", ["trixie"], indirect=True)


def test_all_pass_after_an_apply_and_change_nothing(host):
    assert host.apply(PILLAR).succeeded
    before = tree(host)
    seen = checks.results(host, PILLAR)
    assert set(seen.values()) == {"Pass"}, seen
    assert differences(before, tree(host)) == {}
    assert "hush8731" not in json.dumps(seen)
    expected = {"saslauthd-login", "drift-none", "config-port-587-auth-after-tls"}
    expected |= {"config-smtpd_sasl_auth_enable", "config-/etc/pam.d/smtp"}
    assert {f"postfix_sasl-{name}" for name in expected} <= set(seen)
    assert "postfix_sasl-config-port-465-open" not in seen


def test_each_fails_of_what_it_is_for(host):
    host.run("systemctl", "stop", "saslauthd-postfix")
    host.run("postconf", "-MX", "submission/inet")
    host.run("postconf", "-e", "smtpd_tls_loglevel=2")
    host.run("chmod", "640", "/etc/pam.d/smtp")
    host.run("postfix", "reload")
    assert checks.failed(host) == {
        "config-/etc/pam.d/smtp",
        "config-port-587-auth-after-tls",
        "config-port-587-open",
        "config-service-saslauthd-postfix",
        "config-smtpd_tls_loglevel",
        "drift-none",
        "saslauthd-login",
    }


def test_postfix_stopped(host):
    host.run("systemctl", "stop", "postfix")
    failed = checks.failed(host)
    assert {"config-answers-as-configured", "config-service-postfix", "saslauthd-login"} < failed
    assert {f"config-port-{port}-open" for port in (25, 587, 465)} < failed
