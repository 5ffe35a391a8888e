"""`postfix_sasl.status` of one host: in brief, soon, and whatever is wrong with the rest."""

import time

import pytest
from support.layers import PASSWORD, USER

MASTER_CF = "/etc/postfix/master.cf"


def test_a_host_as_the_formula_makes_it(host, release):
    status = host.salt("postfix_sasl.status")
    assert (status["release"], status["running"], status["wrong"]) == (release, True, [])
    assert status["postfix"].startswith("3.")
    assert status["drift"] == {"drifted": False, "things": [], "error": None}
    assert [each["port"] for each in status["listeners"]] == [25, 587, 465]
    for each in status["listeners"]:
        assert each["open"] and each["auth"] == ["PLAIN", "LOGIN"] and each["tls"] == "TLSv1.3"
        assert each["certificate"]["days_left"] > 3600 and each["certificate"]["self_signed"]


def test_a_pillar_that_is_refused_hides_nothing_of_the_rest(host):
    status = host.salt("postfix_sasl.status", pillar={"tls": {"mod": "encrypt"}})
    assert status["drift"]["drifted"] is None
    assert status["drift"]["error"].startswith("postfix_sasl:tls:mod: ")
    assert all(each["open"] for each in status["listeners"])


def test_what_the_pillar_wants_otherwise_is_named(host):
    status = host.salt("postfix_sasl.status", pillar={"main": {"message_size_limit": 7654321}})
    assert status["drift"]["things"] == ["message_size_limit"]


def test_listeners_that_say_nothing_are_not_waited_for_long(host):
    # The ports are open, and nobody takes what comes in.
    host.run("sh", "-c", "kill -STOP $(head -n 1 /var/spool/postfix/pid/master.pid)")
    begin = time.monotonic()
    status = host.salt("postfix_sasl.status")
    took = time.monotonic() - begin
    host.run("sh", "-c", "kill -CONT $(head -n 1 /var/spool/postfix/pid/master.pid)")
    assert took < 30  # 15, and what salt-call itself takes on a busy machine
    assert [each["open"] for each in status["listeners"]] == [False] * 3
    assert len(status["wrong"]) == 3 and "no answer within" in status["wrong"][0]


def test_a_service_file_that_cannot_be_read_is_said(host):
    host.path(MASTER_CF).unlink()
    status = host.salt("postfix_sasl.status")
    assert status["running"]
    assert any(MASTER_CF in text for text in status["wrong"])


def test_a_host_without_postfix(bare_host, release):
    status = bare_host.salt("saltutil.sync_all") and bare_host.salt("postfix_sasl.status")
    assert (status["release"], status["postfix"], status["drift"]) == (release, None, None)
    assert status["listeners"] == [] and status["wrong"] == []


@pytest.fixture
def without_systemd(boot, installed):
    host = boot(layers=installed, systemd=False)
    host.add_user(USER, PASSWORD)
    assert host.apply().succeeded
    return host


def test_a_host_without_systemd(without_systemd):
    status = without_systemd.salt("postfix_sasl.status")
    assert status["running"] and status["wrong"] == [] and not status["drift"]["drifted"]
    assert all(each["open"] for each in status["listeners"])
