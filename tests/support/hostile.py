"""SMTP servers that mean harm to whoever asks them, in as many ways as there are.

Each is a function of a `Peer` (see peer.py) and a server's TLS context.
"""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import struct
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .peer import PLAIN, Peer

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x1b[31m \u202e\u2028\x00\x08\r\x9b\udcff"
CHUNK = b"A" * 65536
NAMES_IN_CERTIFICATE = 500


def _bytes(text):
    return text.encode("utf-8", "surrogateescape")


def _escapes(peer, context):
    """Say what a terminal obeys wherever there is something to say."""
    bad = _bytes(ESCAPES)
    peer.raw(b"220 " + bad + b"\r\n")
    while command := peer.hear():
        verb = command.split()[0]
        if verb == "EHLO":
            for line in (b"250-", b"250-X", b"250 AUTH PLAIN LOGIN"):
                peer.raw(line + bad + b"\r\n")
        elif verb == "AUTH":
            peer.raw(b"535 " + bad + b"\r\n")
        else:
            peer.raw(b"250 " + bad + b"\r\n")


def _until_starttls(peer):
    """Be honest up to the client's STARTTLS, which waits for an answer."""
    peer.say("mail.example.org", code=220)
    peer.hear()
    peer.say(*PLAIN, "STARTTLS")
    peer.hear()
    peer.say("5.7.0 Must issue a STARTTLS command first", code=530)
    peer.hear()


def _until_tls(peer, context):
    """Be honest until TLS is up; return the connection inside of it."""
    _until_starttls(peer)
    peer.say("go ahead", code=220)
    inner = Peer(context.wrap_socket(peer.connection, server_side=True), peer.heard)
    inner.hear()
    return inner


def _endless(peer, data):
    while True:
        peer.raw(data)


def _drip(peer, data=b"x"):
    while True:
        peer.raw(data)
        time.sleep(0.05)


def _greeted(peer):
    peer.say("mail.example.org", code=220)
    peer.hear()


def _line_without_end(peer, context):
    peer.raw(b"220 ")
    _endless(peer, CHUNK)


def _reply_without_end(peer, context):
    _greeted(peer)
    _endless(peer, b"250-" + b"AUTH " * 100 + b"\r\n")


def _dripped_lines(peer, context):
    _greeted(peer)
    _drip(peer, b"250-X\r\n")


def _dripped_bytes(peer, context):
    _greeted(peer)
    peer.raw(b"250-")
    _drip(peer)


def _endless_after_tls(peer, context):
    inner = _until_tls(peer, context)
    inner.raw(b"250-")
    _endless(inner, CHUNK)


def _dripped_handshake(peer, context):
    _until_starttls(peer)
    peer.say("go ahead", code=220)
    peer.raw(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")  # a long ServerHello begins
    _drip(peer, b"\x03")


def _answers_to_auth_without_end(peer, context):
    inner = _until_tls(peer, context)
    inner.say(*PLAIN, "AUTH PLAIN")
    inner.hear()
    _endless(inner, b"334 " + b"A" * 300 + b"\r\n")


def _megabytes_to_quit(peer, context):
    peer.say("mail.example.org", code=220)
    while command := peer.hear():
        if command == "QUIT":
            _endless(peer, CHUNK)
        peer.say(*PLAIN)


def _smuggled_before_tls(peer, context):
    _until_starttls(peer)
    peer.raw(b"220 go ahead\r\n250-mail.example.org\r\n250 AUTH PLAIN\r\n")
    _until_closed(peer)


def _not_utf8(peer, context):
    peer.raw("220 grüß ¿\r\n".encode("utf-16") + b"\xff\xfe\xc3\x28\r\n")
    _until_closed(peer)


def _digits_that_are_none(peer, context):
    peer.raw("\u0662\u0662\u0660 mail\r\n".encode())
    _until_closed(peer)


def _silence(peer, context):
    _until_closed(peer)


def _reset(peer, context):
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.connection.close()


def _odd_certificate(peer, context):
    inner = _until_tls(peer, context)
    inner.say(*PLAIN, "AUTH PLAIN LOGIN")
    inner.converse(PLAIN)


def _until_closed(peer):
    while peer.hear():
        pass


SERVERS = {
    function.__name__.strip("_"): function
    for function in (
        *(_escapes, _line_without_end, _reply_without_end, _dripped_lines, _dripped_bytes),
        *(_endless_after_tls, _dripped_handshake, _answers_to_auth_without_end),
        *(_megabytes_to_quit, _smuggled_before_tls, _not_utf8, _digits_that_are_none),
        *(_silence, _reset, _odd_certificate),
    )
}


def tls_context(directory):
    """Return a server's TLS, whose certificate has names that a terminal obeys, and too many."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "\x1b[2J\u202e\x07")])
    names = [x509.DNSName(f"\x1b[31mx{n}\x07.example.org") for n in range(NAMES_IN_CERTIFICATE)]
    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + 30 * day)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    text = key.private_bytes(pem, form, serialization.NoEncryption())
    path = directory / "both.pem"
    path.write_bytes(text + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@contextlib.contextmanager
def serving(behave, context, address=("127.0.0.1", 0)):
    """Serve like this until the end; gives the port."""
    with socket.create_server(address) as listener:

        def one(connection):
            with connection, contextlib.suppress(OSError, ValueError):
                connection.settimeout(60)
                behave(Peer(connection, []), context)

        def work():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=work, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
