"""Fixtures for the tests that need a server to speak to."""

import contextlib
import socket
import ssl
import subprocess
import threading

import pytest
from support.peer import Peer


@pytest.fixture(scope="module")
def server_context(tmp_path_factory):
    """A server's TLS with a self-signed certificate for mail.example.org."""
    home = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out certificate -days 30"
    names = "subjectAltName=DNS:mail.example.org,DNS:smtp.example.org,IP:127.0.0.1"
    subject = ["-subj", "/O=Example/CN=mail.example.org", "-addext", names]
    subprocess.run([*command.split(), *subject], cwd=home, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "certificate", home / "key")
    return context


@pytest.fixture
def serve():
    """Return start(behave) -> (port, what was heard): a server on loopback until the test ends."""
    with contextlib.ExitStack() as stack:

        def start(behave):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            heard = []

            def work():
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = listener.accept()
                        with connection, contextlib.suppress(OSError):
                            connection.settimeout(5)
                            behave(Peer(connection, heard))

            threading.Thread(target=work, daemon=True).start()
            return listener.getsockname()[1], heard

        yield start


@pytest.fixture
def any_port_is_free(monkeypatch):
    """Have no other program on any port, whatever runs on this machine."""
    monkeypatch.setattr("postfix_sasl_sockets.holder", lambda *place: None)
