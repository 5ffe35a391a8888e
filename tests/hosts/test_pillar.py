"""What the pillar changes, as a client and an admin see it."""

import re

import pytest
from support import mail
from support.layers import PASSWORD, USER


def logins(host):
    """Return the reply codes of a good login on every listener."""
    with host.network():
        return mail.logins(USER, PASSWORD)


class TestTlsMode:
    def test_none_offers_no_tls_on_25_and_a_login_without_it(self, host):
        run = host.apply(pillar={"tls": {"mode": "none"}})
        assert run.succeeded, run
        with host.network():
            assert "STARTTLS" not in mail.ehlo(25)
            assert mail.login(25, USER, PASSWORD, tls=None).code == 235
            assert mail.login(587, USER, PASSWORD).code == 235
            assert mail.login(587, USER, PASSWORD, tls=None).code != 235

    def test_encrypt_demands_tls_on_25(self, host):
        assert host.apply(pillar={"tls": {"mode": "encrypt"}}).succeeded
        with host.network():
            assert mail.relay_attempt(25, tls=None).code == 530
            assert mail.relay_attempt(25, tls="starttls").code == 250
        assert logins(host) == [235, 235, 235]


def test_only_submission(host):
    run = host.apply(pillar={"services": {"smtps": {"enabled": False}}})
    assert run.succeeded, run
    assert run.changes["submissions/inet"]["new"] is None
    with host.network():
        assert not mail.is_open(465)
        assert mail.login(587, USER, PASSWORD).code == 235


def test_main_and_master_win_over_what_is_derived(host):
    run = host.apply(
        pillar={
            "main": {"smtpd_sasl_local_domain": "example.com", "smtpd_tls_loglevel": None},
            "master": {
                "submission/inet": {"options": {"syslog_name": "mine"}, "process_limit": 7},
                "backup/unix": {"command": "smtp"},
            },
        }
    )
    assert run.succeeded, run
    assert set(run.changes) == {
        "smtpd_sasl_local_domain",
        "smtpd_tls_loglevel",
        "submission/inet",
        "backup/unix",
    }
    entry = host.run("postconf", "-M", "submission/inet").stdout
    assert "syslog_name=mine" in entry and entry.split()[6] == "7"
    assert host.apply(
        pillar={
            "master": {"backup/unix": None, "submission/inet": {"options": {"syslog_name": None}}}
        }
    ).succeeded
    assert host.run("postconf", "-M", "backup/unix").stdout == ""
    assert "syslog_name" not in host.run("postconf", "-M", "submission/inet").stdout


@pytest.mark.parametrize("name", ["smtps", "submissions", "465"])
def test_465_under_any_name_stays_one_entry(installed_host, name):
    installed_host.add_user(USER, PASSWORD)
    master = installed_host.path("/etc/postfix/master.cf")
    text = f"# before\n{name} inet n - - - - smtpd\n  # mine\n  -o content_filter=\n"
    master.write_text(master.read_text() + text)
    run = installed_host.apply()
    assert run.succeeded, run
    assert logins(installed_host) == [235, 235, 235]
    entries = installed_host.run("postconf", "-M").stdout.splitlines()
    on_465 = [line for line in entries if re.match(r"(smtps|submissions|465)\s+inet", line)]
    assert len(on_465) == 1 and on_465[0].split()[0] == name
    assert "content_filter=" in on_465[0] and on_465[0].split()[4] == "y"
    assert "  # mine\n" in master.read_text()


class TestChroot:
    def test_off(self, host):
        run = host.apply(pillar={"chroot": False})
        assert run.succeeded, run
        assert logins(host) == [235, 235, 235]
        entries = host.run("postconf", "-M").stdout.splitlines()
        columns = {line.split()[4] for line in entries if line.split()[7] == "smtpd"}
        assert columns == {"n"}
        assert host.apply(pillar={"chroot": False}, test=True).changes == {}

    def test_mixed(self, host):
        pillar = {"master": {"submission/inet": {"chroot": "n"}}}
        run = host.apply(pillar=pillar)
        assert run.succeeded, run
        assert logins(host) == [235, 235, 235]
        assert host.apply(pillar=pillar, test=True).changes == {}

    def test_there_and_back(self, host):
        assert host.apply(pillar={"chroot": False}).succeeded
        assert host.apply().succeeded
        assert logins(host) == [235, 235, 235]

    def test_survives_a_reboot_when_off(self, host):
        assert host.apply(pillar={"chroot": False}).succeeded
        host.reboot()
        assert logins(host) == [235, 235, 235]
        assert host.apply(pillar={"chroot": False}, test=True).changes == {}


def test_own_pam_rules_replace_the_default(host):
    rules = ["auth required pam_deny.so", "account required pam_deny.so"]
    assert host.apply(pillar={"pam": {"rules": rules}}).succeeded
    assert logins(host) == [535, 535, 535]
    assert host.apply().succeeded
    assert logins(host) == [235, 235, 235]


def test_a_pam_service_of_another_name(host):
    pillar = {"pam": {"service": "mail", "rules": ["auth required pam_deny.so"]}}
    assert host.apply(pillar=pillar).succeeded
    assert logins(host) == [535, 535, 535]
    pillar["pam"]["rules"] = None
    assert host.apply(pillar=pillar).succeeded
    assert logins(host) == [235, 235, 235]
    assert "smtpd_sasl_service = mail" in host.read("/etc/postfix/main.cf")
    assert host.apply().changes["smtpd_sasl_service"]["new"] is None


def test_only_one_mechanism(host):
    assert host.apply(pillar={"sasl": {"mechanisms": ["PLAIN"]}}).succeeded
    with host.network():
        assert mail.mechanisms(587, "starttls") == {"PLAIN"}


def test_another_saslauthd_mechanism(host):
    run = host.apply(pillar={"saslauthd": {"mechanism": "shadow", "threads": 2}})
    assert run.succeeded, run
    assert logins(host) == [235, 235, 235]


@pytest.mark.parametrize("release", ["trixie"], indirect=True)
def test_a_login_with_its_domain_reaches_pam_whole(host):
    """A PAM that knows names with a domain, and nothing of this machine's accounts."""
    host.write("/etc/senders", f"{USER}@example.org\n")
    listed = "pam_listfile.so item=user sense=allow file=/etc/senders onerr=fail"
    rules = [f"auth required {listed}", "account required pam_permit.so"]

    def codes(realm):
        pillar = {"pam": {"rules": rules}, "saslauthd": {"realm": realm}}
        run = host.apply(pillar=pillar)
        assert run.succeeded and host.apply(pillar=pillar, test=True).changes == {}, run
        with host.network():
            names = (f"{USER}@example.org", f"{USER}@example.net", USER)
            return [mail.login(587, name, PASSWORD).code for name in names]

    assert codes(False) == [535, 535, 535]
    assert codes(True) == [235, 535, 535]
    pillar = {"sasl": {"local_domain": "example.org"}, "saslauthd": {"realm": True}}
    assert host.apply(pillar={**pillar, "pam": {"rules": rules}}).succeeded
    with host.network():
        assert mail.login(587, USER, PASSWORD).code == 235
    exported = host.salt("postfix_sasl.export")["postfix_sasl"]
    assert exported["saslauthd"] == {"realm": True}


BAD = {
    "an unknown key": ({"tls": {"mod": "may"}}, "postfix_sasl:tls:mod: ", "postfix_sasl:tls:mode"),
    "a wrong type": ({"chroot": "yes"}, "postfix_sasl:chroot: got 'yes'", "true or false"),
    "a bad port": (
        {"services": {"fetchmail": {"enabled": True, "port": 123456}}},
        "postfix_sasl:services:fetchmail:port: got 123456",
        "65535",
    ),
    "a newline in a value": (
        {"main": {"myhostname": "a\nsmtpd_sasl_auth_enable = no"}},
        "postfix_sasl:main:myhostname: ",
        "newline",
    ),
    "not a dictionary": (["tls"], "postfix_sasl: got a list", "dictionary"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_pillar_stops_the_run_before_anything_changes(installed_host, name):
    pillar, where, what = BAD[name]
    before = installed_host.run("find", "/etc", "-newermt", "now", "-ls").stdout
    run = installed_host.apply(pillar=pillar)
    assert not run.succeeded
    assert run.changes == {}
    (message,) = run.failures
    assert message.startswith(where) and what in message
    assert "\n" not in message and "Traceback" not in message
    after = installed_host.run("find", "/etc", "-newermt", "now", "-ls").stdout
    assert after == before


class TestPurge:
    """A parameter and an entry that neither Debian nor the pillar declares."""

    @pytest.fixture
    def host(self, host):
        host.run("postconf", "message_size_limit = 7654321")
        host.run("postconf", "-M", "2525/inet=2525 inet n - y - - smtpd")
        return host

    def test_they_are_reported(self, host):
        run = host.apply()
        assert run.succeeded and run.changes == {}
        (comment,) = [text for text in run.comments if "declared by neither" in text]
        assert "main.cf: message_size_limit" in comment and "master.cf: 2525/inet" in comment

    def test_they_are_removed(self, host):
        predicted = host.apply(pillar={"purge": "remove"}, test=True)
        run = host.apply(pillar={"purge": "remove"})
        assert run.succeeded, run
        assert set(run.changes) == {"message_size_limit", "2525/inet"}
        assert run.changes == predicted.changes
        with host.network():
            assert not mail.is_open(2525)

    def test_they_are_ignored(self, host):
        run = host.apply(pillar={"purge": "ignore"})
        assert run.changes == {} and not any("declared" in text for text in run.comments)


def test_nothing_of_debians_own_is_reported(host):
    assert not any("declared by neither" in text for text in host.apply().comments)
