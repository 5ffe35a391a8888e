"""Nobody sends mail to strangers through the host without a login."""

import pytest
from support import mail
from support.layers import PASSWORD, USER

HOST = "198.51.100.1"  # as its neighbour sees it


@pytest.mark.parametrize(("port", "tls"), [(587, "starttls"), (465, "implicit")])
class TestSubmission:
    def test_refuses_strangers_mail_even_from_this_machine(self, shared_host, port, tls):
        with shared_host.network():
            assert mail.relay_attempt(port, tls=tls).code == 554

    def test_refuses_local_mail_without_a_login(self, shared_host, port, tls):
        with shared_host.network():
            answer = mail.send(port, "x@example.net", "alice@mail.example.com", tls=tls)
        assert answer.code == 554

    def test_relays_for_a_user(self, shared_host, port, tls):
        with shared_host.network():
            answer = mail.relay_attempt(port, tls=tls, user=USER, password=PASSWORD)
        assert answer.code == 250

    def test_refuses_etrn(self, shared_host, port, tls):
        with shared_host.network(), mail.connection(port, tls) as smtp:
            assert smtp.docmd("ETRN example.org")[0] >= 400


def test_587_demands_tls_before_mail(shared_host):
    with shared_host.network():
        assert mail.relay_attempt(587, tls=None).code == 530


def test_25_relays_for_this_machine(shared_host):
    with shared_host.network():
        assert mail.relay_attempt(25, tls=None).code == 250


def test_25_relays_for_no_other_machine(neighbour):
    with neighbour.network():
        assert mail.relay_attempt(25, tls=None, host=HOST).code in (454, 554)


def test_25_takes_local_mail_from_another_machine(neighbour):
    with neighbour.network():
        answer = mail.send(25, "x@example.net", "alice@mail.example.com", tls=None, host=HOST)
    assert answer.code == 250


def test_a_user_on_another_machine_sends_mail(neighbour):
    with neighbour.network():
        for port, tls in mail.LISTENERS:
            answer = mail.relay_attempt(port, tls=tls, host=HOST, user=USER, password=PASSWORD)
            assert answer.code == 250
