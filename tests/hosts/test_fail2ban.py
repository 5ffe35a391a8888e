"""fail2ban keeps whoever fails too often from the mail ports, and nobody for a fault of ours."""

import pytest
from support import layers, mail, wait
from support.layers import PASSWORD, USER

PILLAR = {"fail2ban": True}
BANNED_AFTER = 5  # fail2ban's own maxretry
STRANGER, HOST = "198.51.100.2", "198.51.100.1"
LISTENERS = ((25, "starttls"), (587, "starttls"), (465, "implicit"))


@pytest.fixture
def guarded_host(boot, release):
    """A host with the formula and the jail, and packages that another one may want."""
    host = boot(layers=layers.with_fail2ban(release))
    run = host.apply(pillar=PILLAR)
    assert run.succeeded, run
    return host


def banned(host):
    return STRANGER in host.run("fail2ban-client", "get", "postfix_sasl", "banip").stdout


def found(host):
    """Return how many failed logins the jail has seen."""
    status = host.run("fail2ban-client", "status", "postfix_sasl").stdout
    return int(status.partition("Total failed:")[2].split()[0])


def guess(stranger, times=1):
    with stranger.network():
        for number in range(times):
            port, tls = LISTENERS[number % len(LISTENERS)]
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
        for port, _ in LISTENERS:
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
