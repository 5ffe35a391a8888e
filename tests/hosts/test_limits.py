"""What one client may ask for, and which sender addresses a user may use."""

import contextlib
import re
import socket
import ssl

import pytest
from support import mail
from support.layers import PASSWORD, USER

HOST = "198.51.100.1"
STRANGER, COLLEAGUE = "198.51.100.2", "198.51.100.3"
PORTS = ((587, "starttls"), (465, "implicit"))
ALL = ((25, "starttls"), *PORTS)
LOGIN = {"user": USER, "password": PASSWORD, "host": HOST}


@pytest.fixture(scope="module")
def neighbours(shared_host):
    """Two other machines: one that asks for too much, one with an ordinary user."""
    return [shared_host.neighbour(address, HOST) for address in (STRANGER, COLLEAGUE)]


def greetings(port, many, host=HOST):
    """Return the codes that a port greets so many connections with, one after another."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    codes = []
    for _ in range(many):
        with contextlib.ExitStack() as stack:
            plain = stack.enter_context(socket.create_connection((host, port), mail.TIMEOUT))
            talk = stack.enter_context(context.wrap_socket(plain)) if port == 465 else plain
            codes.append(int(talk.recv(1000)[:3]))
    return codes


def login(port, tls):
    """Return the answer to a right password."""
    return mail.login(port, USER, PASSWORD, tls=tls, host=HOST).code


def guesses(port, tls, many):
    """Return the answers to so many logins of a kind that fails at once."""
    codes = []
    while len(codes) < many:
        with mail.connection(port, tls, HOST) as smtp:
            codes += [smtp.docmd("AUTH", "NONE")[0] for _ in range(min(9, many - len(codes)))]
    return codes


class TestFromAnEmptyPillar:
    @pytest.mark.parametrize(("port", "tls"), ALL)
    def test_30_logins_a_minute_then_none_but_others_go_on(self, neighbours, port, tls):
        bad, good = neighbours
        with bad.network():
            codes = guesses(port, tls, 36)
            assert 450 not in codes[:30] and set(codes[30:]) == {450}
            assert login(port, tls) == 450
        with good.network():
            assert [login(port, tls) for _ in range(3)] == [235] * 3

    @pytest.mark.parametrize("port", [587, 465])
    def test_60_connections_a_minute_then_none_but_others_go_on(self, neighbours, port):
        bad, good = neighbours
        with bad.network():
            codes = greetings(port, 64)
            assert codes[-1] == 421 and 421 not in codes[:40]
        with good.network():
            assert greetings(port, 10) == [220] * 10

    def test_no_such_limit_for_servers_that_bring_mail(self, neighbours):
        with neighbours[0].network():
            assert set(greetings(25, 80)) == {220}

    def test_no_limit_for_this_machine(self, shared_host):
        with shared_host.network():
            assert set(greetings(587, 80, "127.0.0.1")) == {220}

    @pytest.mark.parametrize(("port", "tls"), PORTS)
    def test_a_session_ends_after_10_errors(self, neighbours, port, tls):
        with neighbours[1].network(), mail.connection(port, tls, HOST) as smtp:
            codes = [smtp.docmd("RCPT", "TO:<x@example.org>")[0] for _ in range(11)]
        assert codes == [503] * 10 + [421]

    @pytest.mark.parametrize(("port", "tls"), PORTS)
    def test_a_user_may_use_any_sender_address(self, neighbours, port, tls):
        with neighbours[1].network():
            assert send(port, tls, "else@example.org").code == 250


def send(port, tls, sender):
    """Send a message to the user's own mailbox, logged in; return the deciding answer."""
    return mail.send(port, sender, f"{USER}@mail.example.com", tls=tls, **LOGIN)


def test_a_user_has_the_sender_addresses_that_are_listed(host):
    logins = {"Boss@example.org": [USER], "@example.net": [USER, "bob"], "bob@b.org": ["bob"]}
    run = host.apply(pillar={"sasl": {"sender_logins": logins}})
    assert run.succeeded, run
    assert host.apply(pillar={"sasl": {"sender_logins": logins}}, test=True).changes == {}
    neighbour = host.neighbour(STRANGER, HOST)
    with neighbour.network():
        for port, tls in ALL:
            senders = ("boss@example.org", "any@Example.NET", "bob@b.org", "else@example.org")
            codes = [send(port, tls, sender).code for sender in senders]
            assert codes == [250, 250, 553, 553], port
        # Mail from elsewhere comes in as before, whoever it says it is from.
        strangers = mail.send(25, "bob@b.org", f"{USER}@mail.example.com", tls=None, host=HOST)
        assert strangers.code == 250

    run = host.apply()
    assert run.succeeded, run
    assert run.changes["smtpd_sender_login_maps"]["new"] is None
    with neighbour.network():
        assert [send(*each, "bob@b.org").code for each in ALL] == [250] * 3


def test_a_table_of_ones_own_and_other_limits_and_the_formula_taken_off(host):
    host.write("/etc/postfix/senders", f"boss@example.org {USER}@mail.example.com\n")
    run = host.apply(
        pillar={
            "sasl": {"sender_logins": "texthash:/etc/postfix/senders"},
            "limits": {"messages_per_minute": 2, "connections_per_minute": 0},
        }
    )
    assert run.succeeded, run
    stranger, colleague = (host.neighbour(address, HOST) for address in (STRANGER, COLLEAGUE))
    with stranger.network():
        codes = [send(587, "starttls", "boss@example.org").code for _ in range(4)]
        assert codes == [250, 250, 450, 450]
        assert set(greetings(587, 70)) == {220}
    with colleague.network():
        codes = [send(465, "implicit", f"{name}@example.org").code for name in ("boss", "x")]
        assert codes == [250, 553]

    run = host.apply(sls="postfix_sasl.clean")
    assert run.succeeded, run
    left = host.read("/etc/postfix/main.cf") + host.read("/etc/postfix/master.cf")
    assert not re.search("^ *[^# ].*(sender_login|_rate_limit|bare_newline|vrfy)", left, re.M)
    assert host.exists("/etc/postfix/senders")
