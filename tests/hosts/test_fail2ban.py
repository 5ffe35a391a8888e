"""fail2ban keeps whoever fails too often from the mail ports, and nobody for a fault of ours."""

import pytest
from support import layers, mail, wait
from support.layers import PASSWORD, USER

PILLAR = {"fail2ban": True}
BANNED_AFTER = 5  # fail2ban's own maxretry
STRANGER, HOST = "198.51.100.2", "198.51.100.1"


@pytest.fixture
def guarded_host(boot, release):
    """A host with the formula and the jail, and packages that another one may want."""
    host = boot(layers=layers.with_fail2ban(release))
    run = host.apply(pillar=PILLAR)
    assert run.succeeded, run
    return host


@pytest.fixture
def sysv_host(boot, release):
    """A host without systemd, and so without any log, whose apt has fail2ban."""
    return boot(layers=layers.with_fail2ban(release), systemd=False)


def banned(host):
    return STRANGER in host.run("fail2ban-client", "get", "postfix_sasl", "banip").stdout


def status(host):
    """Return what fail2ban says of the jail, nothing while it does not run."""
    return host.run("fail2ban-client", "status", "postfix_sasl", check=False).stdout


def found(host):
    """Return how many failed logins the jail has seen."""
    return int(status(host).partition("Total failed:")[2].split()[0])


def guess(stranger, times=1):
    with stranger.network():
        for number in range(times):
            port, tls = mail.LISTENERS[number % len(mail.LISTENERS)]
            assert mail.login(port, USER, "wrong", tls=tls, host=HOST).code == 535


def test_who_guesses_is_kept_out_of_all_mail_ports(guarded_host):
    stranger = guarded_host.neighbour(address=STRANGER, host_address=HOST)
    other = guarded_host.neighbour(address="198.51.100.6", host_address=HOST)
    guess(stranger, BANNED_AFTER - 1)
    wait.until(lambda: found(guarded_host) == BANNED_AFTER - 1)
    assert not banned(guarded_host)
    guess(stranger)
    wait.until(lambda: banned(guarded_host))
    with stranger.network():
        for port, _ in mail.LISTENERS:
            wait.until(lambda port=port: not mail.is_open(port, HOST))
    with other.network():
        assert mail.login(587, USER, PASSWORD, host=HOST).code == 235
    guarded_host.run("fail2ban-client", "unban", STRANGER)
    with stranger.network():
        assert mail.login(587, USER, PASSWORD, host=HOST).code == 235


def test_a_login_that_the_server_could_not_check_counts_for_nobody(guarded_host):
    stranger = guarded_host.neighbour(address=STRANGER, host_address=HOST)
    guarded_host.run("systemctl", "stop", "saslauthd-postfix")
    with stranger.network():
        for _ in range(BANNED_AFTER + 1):
            assert mail.login(587, USER, PASSWORD, host=HOST).code in (454, 535)
    guarded_host.run("systemctl", "start", "saslauthd-postfix")
    guess(stranger)  # what the log says in order, the jail reads in order
    wait.until(lambda: found(guarded_host) == 1)
    assert not banned(guarded_host)


def test_a_second_apply_changes_nothing_and_false_takes_the_jail_off(guarded_host):
    run = guarded_host.apply(pillar=PILLAR)
    assert run.succeeded and run.changes == {}, run
    run = guarded_host.apply()
    assert run.succeeded, run
    assert "/etc/fail2ban/jail.d/postfix_sasl.conf" in run.changes
    assert "postfix_sasl" not in guarded_host.run("fail2ban-client", "status").stdout
    assert guarded_host.run("systemctl", "is-active", "fail2ban").stdout == "active\n"
    assert guarded_host.apply().changes == {}


def assert_who_guesses_is_banned(host):
    guess(host.neighbour(address=STRANGER, host_address=HOST), BANNED_AFTER)
    wait.until(lambda: banned(host))


def apply_as_predicted(host, pillar):
    predicted, run = host.apply(pillar, test=True), host.apply(pillar)
    assert run.succeeded, run
    assert run.changes == predicted.changes
    assert host.apply(pillar).changes == {}


@pytest.mark.parametrize("release", ["bookworm"], indirect=True)
def test_a_log_that_postfix_writes_beside_a_journal(boot, release):
    host = boot(layers=layers.with_fail2ban(release))
    apply_as_predicted(host, {**PILLAR, "main": {"maillog_file": "/var/log/mail.log"}})
    assert "/var/log/mail.log" in status(host)
    assert_who_guesses_is_banned(host)


class TestWithoutSystemd:
    @pytest.mark.parametrize("release", ["trixie"], indirect=True)
    def test_a_host_without_a_log_is_refused_until_postfix_writes_one(self, sysv_host):
        for test in (True, False):
            run = sysv_host.apply(PILLAR, test=test)
            assert not run.succeeded and run.changes == {}
            failure = run.failures[0]
            assert "nothing on this host writes one" in failure and "\n" not in failure
            assert (
                "install inetutils-syslogd" in failure
                and "maillog_file: /var/log/mail.log" in failure
            )
        apply_as_predicted(sysv_host, {**PILLAR, "main": {"maillog_file": "/var/log/mail.log"}})
        assert_who_guesses_is_banned(sysv_host)
        elsewhere = {**PILLAR, "main": {"maillog_file": "/var/log/postfix.log"}}
        apply_as_predicted(sysv_host, elsewhere)
        assert "/var/log/postfix.log" in status(sysv_host)

    @pytest.mark.parametrize("release", ["bookworm"], indirect=True)
    def test_a_syslog_daemon_is_all_it_takes(self, sysv_host):
        layers._download(sysv_host, "inetutils-syslogd")
        sysv_host.install("--no-install-recommends", "inetutils-syslogd")
        sysv_host.run("/etc/init.d/inetutils-syslogd", "start")
        apply_as_predicted(sysv_host, PILLAR)
        assert_who_guesses_is_banned(sysv_host)
        sysv_host.reboot()
        wait.until(lambda: "/var/log/mail.log" in status(sysv_host))
