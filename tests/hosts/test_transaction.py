"""A configuration that does not work is taken back, whole, and the mail server goes on."""

import pytest
from support import mail, pages
from support.faults import take_port
from support.layers import PASSWORD, USER


def configuration(host):
    """Return what Postfix reads."""
    command = (
        "cat /etc/postfix/main.cf /etc/postfix/master.cf /etc/postfix/sasl/*; ls -A /etc/postfix"
    )
    return host.run("sh", "-c", command).stdout


def assert_works(host):
    with host.network():
        assert mail.logins(USER, PASSWORD) == [235, 235, 235]


def assert_shown_by_the_page(message):
    shown = [block for block in pages.blocks() if block.page == "docs/safety.md"]
    commands = [pages.Command("", tuple(block.text.splitlines())) for block in shown]
    differences = [command.difference(message) for command in commands]
    assert "" in differences, "\n".join(differences)


def test_a_port_that_another_program_has(host):
    before = configuration(host)
    take_port(host, 2525)
    run = host.apply(pillar={"master": {"2525/inet": {"command": "smtpd", "chroot": "y"}}})
    assert not run.succeeded
    assert any("2525" in text for text in run.failures)
    assert configuration(host) == before
    assert_works(host)


def test_a_certificate_that_is_no_certificate(host):
    before = configuration(host)
    host.write("/etc/ssl/bad.pem", "not a certificate\n")
    run = host.apply(pillar={"tls": {"certificate": "/etc/ssl/bad.pem"}})
    assert not run.succeeded
    assert configuration(host) == before
    assert_works(host)


def test_a_failed_first_apply_leaves_postfix_as_it_was(installed_host):
    before = configuration(installed_host)
    take_port(installed_host, 587)
    run = installed_host.apply()
    assert not run.succeeded
    assert any("587" in text for text in run.failures)
    assert configuration(installed_host) == before
    with installed_host.network():
        assert mail.relay_attempt(25, tls=None).code == 250


class TestInterfaces:
    """Two changes in one run, each harmless alone, that a reload would make deadly."""

    def test_loopback_only_and_a_new_listener(self, host):
        run = host.apply(
            pillar={
                "main": {"inet_interfaces": "loopback-only"},
                "master": {"2525/inet": {"command": "smtpd", "chroot": "y"}},
            }
        )
        assert run.succeeded, run
        listening = host.run("ss", "-Hltn").stdout
        assert "0.0.0.0:2525" not in listening and "127.0.0.1:2525" in listening

    def test_ipv4_and_a_new_listener(self, host):
        run = host.apply(
            pillar={
                "main": {"inet_protocols": "ipv4"},
                "master": {"2525/inet": {"command": "smtpd", "chroot": "y"}},
            }
        )
        assert run.succeeded, run
        assert_works(host)
        assert "[::]:25 " not in host.run("ss", "-Hltn").stdout

    def test_an_earlier_edit_that_postfix_was_never_restarted_for(self, host):
        host.run("postconf", "inet_interfaces = loopback-only")
        run = host.apply(
            pillar={"main": {"inet_interfaces": "loopback-only", "message_size_limit": 123456}}
        )
        assert run.succeeded, run
        assert "0.0.0.0:587" not in host.run("ss", "-Hltn").stdout


def test_what_only_shows_when_a_client_asks_is_taken_back(host):
    """A mail filter that isn't there: Postfix runs, and sends every client away."""
    before = configuration(host)
    filters = {"smtpd_milters": "inet:127.0.0.1:9", "milter_default_action": "tempfail"}
    run = host.apply(pillar={"main": filters})
    (message,) = [text for text in run.failures if not text.startswith("One or more")]
    assert "was taken back" in message and "smtp/inet" in message
    assert "The mail log says:" in message and "connect to Milter service" in message
    assert_shown_by_the_page(message)
    assert configuration(host) == before
    assert_works(host)
    assert host.apply(test=True).changes == {}


@pytest.mark.parametrize("release", ["trixie"], indirect=True)
def test_each_mistake_is_named_as_the_page_shows(host):
    mistakes = {
        "main": {"message_sise_limit": 1000},
        "master": {"198.51.100.77:2525/inet": {"command": "smtpd"}},
    }
    run = host.apply(pillar=mistakes, test=True)
    (message,) = [text for text in run.failures if not text.startswith("One or more")]
    assert_shown_by_the_page(message)


@pytest.mark.parametrize(
    "deadly",
    [
        {"master": {"nonsense-port/inet": {"command": "smtpd"}}},
        {"master": {"198.51.100.77:2525/inet": {"command": "smtpd"}}},
        {"master": {"no-such-host.invalid:2525/inet": {"command": "smtpd"}}},
        {"main": {"smtpd_sasl_security_options": "noanonymous, noplaintext"}},
        {"main": {"smtpd_tls_security_level": "bogus"}},
        {"main": {"inet_interfaces": "no-such-host.invalid"}},
    ],
    ids=["port name", "address", "host name", "no mechanism", "TLS level", "interface"],
)
def test_what_kills_postfix_is_refused_before_anything_is_in_place(host, deadly):
    before = configuration(host)
    pid = host.read("/var/spool/postfix/pid/master.pid")
    for run in (host.apply(pillar=deadly, test=True), host.apply(pillar=deadly)):
        assert not run.succeeded
        (message,) = [text for text in run.failures if not text.startswith("One or more")]
        assert message.startswith("config: nothing was changed, since Postfix would fail:\n")
        assert "Traceback" not in message
    assert configuration(host) == before
    assert host.read("/var/spool/postfix/pid/master.pid") == pid
    assert_works(host)
    assert host.apply(test=True).changes == {}


def test_postfix_dead_behind_an_active_unit_is_started(host):
    host.run("pkill", "-KILL", "-x", "master")
    run = host.apply()
    assert run.succeeded, run
    assert set(run.changes) == {"service postfix"}
    assert_works(host)


def test_verify_can_be_turned_off(host):
    run = host.apply(pillar={"verify": False, "main": {"message_size_limit": 123456}})
    assert run.succeeded, run
    assert_works(host)
