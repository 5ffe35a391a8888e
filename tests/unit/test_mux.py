"""saslauthd asked at its socket, with peers that keep to no rules."""

import contextlib
import socket
import threading
import time

import postfix_sasl_mux as mux
import pytest

REQUEST = b"\x00\x04user\x00\x06secret\x00\x04smtp\x00\x00"


@pytest.fixture
def serve(tmp_path):
    """A function that serves one connection with a function; it returns where."""
    with contextlib.ExitStack() as stack:

        def start(talk, family=socket.AF_UNIX):
            server = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            is_unix = family == socket.AF_UNIX
            server.bind(str(tmp_path / "mux") if is_unix else ("127.0.0.1", 0))
            server.listen()

            def run():
                with contextlib.suppress(OSError), server.accept()[0] as connection:
                    talk(connection)

            threading.Thread(target=run, daemon=True).start()
            return server.getsockname()

        yield start


def says(*pieces):
    def talk(connection):
        connection.recv(1000)
        for piece in pieces:
            connection.sendall(piece)
        connection.recv(1000)

    return talk


def ask(path, timeout=5):
    return mux.ask(path, "user", "secret", timeout=timeout)


class TestSaslauthd:
    def test_it_gets_what_cyrus_sasl_sends(self, serve):
        heard = []

        def talk(connection):
            heard.append(connection.recv(1000))
            connection.sendall(b"\x00\x02OK")

        assert ask(serve(talk)) == (True, "OK")
        assert heard == [REQUEST]

    def test_no(self, serve):
        assert ask(serve(says(b"\x00\x02NO"))) == (False, "NO")

    def test_an_answer_in_pieces(self, serve):
        assert ask(serve(says(b"\x00", b"\x09NO", b" reason"))) == (False, "NO reason"[:9])

    @pytest.mark.parametrize("said", [b"\x00\x03???", b"\x00\x00", b"\x00\x06\x1b[31mX"])
    def test_what_is_no_answer(self, serve, said):
        is_good, text = ask(serve(says(said)))
        assert is_good is None and text.startswith("not an answer")
        assert text.isprintable()

    def test_one_that_closes(self, serve):
        is_good, text = ask(serve(lambda connection: connection.recv(1000)))
        assert is_good is None and "closed" in text

    def test_one_that_says_nothing(self, serve):
        began = time.monotonic()
        path = serve(says())
        assert ask(path, timeout=0.2) == (None, "no answer within 0.2 s")
        assert time.monotonic() - began < 3

    def test_one_that_never_ends(self, serve):
        is_good, _ = ask(serve(says(b"\xff\xff", *[b"x" * 1000] * 3)))
        assert is_good is None

    def test_nobody(self, tmp_path):
        assert ask(str(tmp_path / "mux")) == (None, "No such file or directory")
