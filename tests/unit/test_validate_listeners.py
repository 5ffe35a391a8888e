"""Addresses and ports, on the loopback interface of whatever machine this runs on."""

import contextlib
import errno
import os
import socket
import threading

import postfix_sasl_sockets as sockets
import pytest
from postfix_sasl_listeners import Listeners


@pytest.fixture(autouse=True)
def any_port_is_ours(monkeypatch):
    """Let the well-known ports be free, whoever has them here, and whoever runs this."""
    monkeypatch.setattr(sockets, "holder", lambda *place: None)


def found(*keys, interfaces="all", protocols="all", queue_directory="/nonexistent"):
    listeners = Listeners(keys, interfaces, protocols, queue_directory)
    return [f"{where}: {text}" for where, text, _ in listeners.problems()]


@contextlib.contextmanager
def taken(address="127.0.0.1", listen=True, only_ipv6=True):
    """Take a port, as another program would."""
    family = sockets.family_of(address)
    with socket.socket(family, socket.SOCK_STREAM) as stranger:
        if family == socket.AF_INET6:
            stranger.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_ipv6)
        stranger.bind((address, 0))
        if listen:
            stranger.listen()
        yield stranger.getsockname()[1]


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("nosuchport/inet", "no port 'nosuchport'"),
        ("submision/inet", "did you mean submission?"),
        ("0/inet", "takes a number from 1 to 65535"),
        ("65536/inet", "takes a number from 1 to 65535"),
        ("*:587/inet", "the host '*' takes a name"),
        ("198.51.100.77:587/inet", "this machine has no address 198.51.100.77"),
        ("[2001:db8::77]:587/inet", "this machine has no address 2001:db8::77"),
        ("host.invalid:587/inet", "the host host.invalid does not resolve"),
    ],
)
def test_nowhere_to_listen(key, says):
    (text,) = found(key)
    assert text.startswith(f"{key}: ") and says in text


def test_everywhere_to_listen():
    keys = ["smtp/inet", ":submission/inet", "localhost:10025/inet", "127.0.0.2:465/inet"]
    assert found(*keys, "[::1]:465/inet", "smtp/unix", "/x:1/unix") == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("587/inet", "submission/inet"),
        ("smtp/inet", ":25/inet"),
        ("localhost:587/inet", "127.0.0.1:587/inet"),
        ("0.0.0.0:587/inet", "587/inet"),
        ("[::1]:587/inet", "[0:0::1]:submission/inet"),
    ],
)
def test_one_place_under_two_names(first, second):
    (text,) = found(first, second)
    assert text.startswith(f"{second}: it listens on ") and f"as {first} does" in text
    (problem,) = Listeners([first, second], "all", "all", "/").problems()
    assert problem[2] == (first,)


def test_wildcard_beside_one_address():
    assert found("587/inet", "127.0.0.1:587/inet") == []
    assert found("127.0.0.1:587/inet", "[::1]:587/inet", "127.0.0.2:587/inet") == []


def test_wildcard_stands_for_inet_interfaces():
    for interfaces in ("loopback-only", "127.0.0.1", "localhost, 127.0.0.1"):
        (text,) = found("587/inet", "127.0.0.1:587/inet", interfaces=interfaces)
        assert "as 587/inet does" in text


class TestInterfaces:
    @pytest.mark.parametrize(
        "value", ["all", "loopback-only", "127.0.0.1", "localhost", "[::1] 127.0.0.1", None]
    )
    def test_that_are_there(self, value):
        assert found("25/inet", interfaces=value) == []

    @pytest.mark.parametrize(
        ("value", "says"),
        [
            ("ALL", "all and loopback-only stand alone"),
            ("all, 127.0.0.1", "all and loopback-only stand alone"),
            ("198.51.100.77", "is not an address of a network interface here"),
            ("127.0.1.1", "is not an address of a network interface here"),
            ("host.invalid", "is no address, and no name that has one"),
            ("127.0.0.1:25", "is no address, and no name that has one"),
            ("127.0.0.0/8", "is no address, and no name that has one"),
            ("", "got nothing"),
        ],
    )
    def test_that_are_not(self, value, says):
        text = found("25/inet", interfaces=value)[0]
        assert text.startswith("inet_interfaces: ") and says in text

    def test_nothing_is_fine_where_each_entry_has_an_address(self):
        assert found("127.0.0.1:25/inet", interfaces="") == []

    def test_a_name_says_what_it_stands_for(self, monkeypatch):
        monkeypatch.setattr(sockets, "addresses_of", lambda host, families: ["127.0.1.1"])
        (text,) = found("25/inet", interfaces="mail.example.com")
        assert "mail.example.com, which is 127.0.1.1, is not an address of a network" in text

    def test_linux_lists_them(self):
        assert "127.0.0.1" in sockets.interface_addresses()
        assert "127.0.1.1" not in sockets.interface_addresses()


class TestProtocols:
    def test_address_of_another_family(self):
        assert found("[::1]:587/inet", protocols="ipv4") == [
            "[::1]:587/inet: [::1] has no address that inet_protocols = ipv4 lets it use"
        ]
        assert found("127.0.0.1:587/inet", protocols="ipv6") != []
        assert found("localhost:587/inet", protocols="ipv4") == []

    def test_none_at_all(self):
        (text,) = found("25/inet", protocols="")
        assert text.startswith("inet_protocols: got nothing; takes all")


class TestHolder:
    @pytest.fixture(autouse=True)
    def any_port_is_ours(self):
        return

    def holder(self, address, port, own_pid=None):
        return sockets.holder(address, port, lambda: own_pid)

    def test_nobody(self):
        with taken() as port:
            pass
        assert self.holder("127.0.0.1", port) is None

    @pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
    def test_another_program(self, address):
        with taken() as port:
            assert self.holder(address, port).endswith(f"(process {os.getpid()})")
            (text,) = found(f"{address}:{port}/inet")
            assert f"is taken by {self.holder(address, port)}" in text

    def test_another_program_on_all_addresses(self):
        with taken("0.0.0.0") as port:
            assert self.holder("127.0.0.1", port)

    def test_ourselves(self):
        with taken() as port:
            assert self.holder("127.0.0.1", port, os.getpid()) is None

    def test_somebody_who_goes_while_we_look(self, monkeypatch):
        """So does the Postfix that a killed run has told to restart."""
        with taken() as port, contextlib.ExitStack() as gone:
            listening = sockets._inodes_at

            def look(*place):
                stranger.close()
                return listening(*place)

            stranger = gone.enter_context(socket.socket())
            stranger.bind(("127.0.0.1", 0))
            stranger.listen()
            monkeypatch.setattr(sockets, "_inodes_at", look)
            assert self.holder("127.0.0.1", stranger.getsockname()[1]) is None
            assert self.holder("127.0.0.1", port)

    def test_another_address(self):
        with taken("127.0.0.2") as port:
            assert self.holder("127.0.0.1", port) is None
            assert self.holder("::1", port) is None

    def test_both_families_at_once(self):
        with taken("::", only_ipv6=False) as port:
            assert self.holder("127.0.0.1", port)
            assert self.holder("::", port)
            assert self.holder("127.0.0.1", port, os.getpid()) is None

    def test_not_listening_yet(self):
        with taken(listen=False) as port:
            assert self.holder("127.0.0.1", port) == "another program"

    def test_nothing_is_left_behind(self):
        with taken() as port:
            pass
        assert sockets.bind_error("127.0.0.1", port) is None
        with socket.socket() as later:
            later.bind(("127.0.0.1", port))
        assert sockets.bind_error("198.51.100.77") == errno.EADDRNOTAVAIL


def test_a_dead_name_server_does_not_hold_the_run(monkeypatch):
    asked = threading.Event()
    monkeypatch.setattr(sockets, "_LOOKUP_SECONDS", 0.05)
    monkeypatch.setattr(sockets.socket, "getaddrinfo", lambda *_, **__: asked.wait(60) and [])
    try:
        assert "mail.example.org" in "".join(found("mail.example.org:25/inet"))
    finally:
        asked.set()
