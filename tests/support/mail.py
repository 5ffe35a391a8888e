"""What a mail client does, as plain functions, for tests to say what they mean.

Each call is one connection to 127.0.0.1 unless `host` says otherwise; use them inside
`with host.network():`. Certificates are not verified: hosts sign their own.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import secrets
import smtplib
import socket
import ssl
from email.message import EmailMessage
from typing import NamedTuple

_SCRAM = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}
CLIENT = "client.example.com"
# The ports for mail clients, and how TLS begins there.
LISTENERS = ((25, "starttls"), (587, "starttls"), (465, "implicit"))
TIMEOUT = 20


class Reply(NamedTuple):
    """What a server answered."""

    code: int
    text: str


def login(port, user, password, mechanism="PLAIN", tls="starttls", host="127.0.0.1") -> Reply:
    """Try to log in, whether or not the server offers it, and return its answer."""
    with connection(port, tls, host) as smtp:
        return _login(smtp, user, password, mechanism)


def logins(user, password, host="127.0.0.1") -> list[int]:
    """Return the codes of a login on each of LISTENERS."""
    return [login(port, user, password, tls=tls, host=host).code for port, tls in LISTENERS]


def ehlo(port, tls=None, host="127.0.0.1") -> dict[str, list[str]]:
    """Return what the server offers: each EHLO keyword with its words."""
    with connection(port, tls, host) as smtp:
        lines = smtp.ehlo_resp.decode().splitlines()[1:]
        return {line.split()[0].upper(): line.split()[1:] for line in lines if line.strip()}


def mechanisms(port, tls=None, host="127.0.0.1") -> set[str]:
    """Return the login mechanisms offered; none if AUTH isn't."""
    return set(ehlo(port, tls, host).get("AUTH", ()))


def tls_version(port, tls="starttls", host="127.0.0.1") -> str:
    """Return the TLS version a handshake really ends in."""
    with connection(port, tls, host) as smtp:
        return smtp.sock.version()


def certificate(port, tls="starttls", host="127.0.0.1") -> bytes:
    """Return the server's certificate, DER encoded."""
    with connection(port, tls, host) as smtp:
        return smtp.sock.getpeercert(binary_form=True)


def send(
    port,
    sender,
    recipient,
    *,
    user=None,
    password=None,
    tls="starttls",
    subject="test",
    body="Hello.",
    host="127.0.0.1",
) -> Reply:
    """Send one message, after logging in if there is a user; return the deciding answer.

    That is the first refusal, of whichever step, or else the answer to the message itself.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message.set_content(body)
    with connection(port, tls, host) as smtp:
        if user is not None:
            answer = _login(smtp, user, password, "PLAIN")
            if answer.code != 235:
                return answer
        for command in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>"):
            answer = _reply(smtp.docmd(command))
            if answer.code >= 400:
                return answer
        return _reply(smtp.data(message.as_bytes()))


def relay_attempt(port, *, tls="starttls", host="127.0.0.1", user=None, password=None) -> Reply:
    """Ask the server to take mail for a stranger's domain, and return what it says to RCPT."""
    with connection(port, tls, host) as smtp:
        if user is not None:
            answer = _login(smtp, user, password, "PLAIN")
            if answer.code != 235:
                return answer
        answer = _reply(smtp.docmd("MAIL FROM:<someone@example.net>"))
        if answer.code >= 400:
            return answer
        return _reply(smtp.docmd("RCPT TO:<someone@example.org>"))


def is_open(port, host="127.0.0.1") -> bool:
    """Tell whether anything listens there."""
    try:
        socket.create_connection((host, port), TIMEOUT).close()
        return True
    except OSError:
        return False


@contextlib.contextmanager
def connection(port, tls=None, host="127.0.0.1"):
    """Yield an smtplib connection on which EHLO has been said.

    `tls` is None, "starttls" or "implicit"; a server that refuses either raises an error.
    """
    options = {"local_hostname": CLIENT, "timeout": TIMEOUT}
    if tls == "implicit":
        smtp = smtplib.SMTP_SSL(host, port, context=_context(), **options)
    elif tls in (None, "starttls"):
        smtp = smtplib.SMTP(host, port, **options)
    else:
        raise ValueError(f"tls is None, 'starttls' or 'implicit', not {tls!r}")
    try:
        smtp.ehlo()
        if tls == "starttls":
            answer = _reply(smtp.starttls(context=_context()))
            if answer.code != 220:
                raise smtplib.SMTPResponseException(*answer)
            smtp.ehlo()
        yield smtp
        with contextlib.suppress(smtplib.SMTPException, OSError):
            smtp.quit()
    finally:
        smtp.close()


def _login(smtp: smtplib.SMTP, user: str, password: str, mechanism: str) -> Reply:
    """Say AUTH ourselves: smtplib would try other mechanisms and hide the first answer."""
    if mechanism == "PLAIN":
        return _reply(smtp.docmd("AUTH", f"PLAIN {_base64(f'{chr(0)}{user}{chr(0)}{password}')}"))
    if mechanism == "CRAM-MD5":
        return _cram_md5(smtp, user, password)
    if mechanism in _SCRAM:
        return _scram(smtp, user, password, mechanism)
    if mechanism != "LOGIN":
        raise ValueError(f"mechanism: got {mechanism!r}; takes PLAIN, LOGIN, CRAM-MD5, SCRAM-...")
    answer = _reply(smtp.docmd("AUTH", "LOGIN"))
    for word in (user, password):
        if answer.code != 334:
            break
        answer = _reply(smtp.docmd(_base64(word)))
    return answer


def _cram_md5(smtp: smtplib.SMTP, user: str, password: str) -> Reply:
    """RFC 2195: the password proves itself on a challenge, and is not sent."""
    answer = _reply(smtp.docmd("AUTH", "CRAM-MD5"))
    if answer.code != 334:
        return answer
    digest = hmac.new(password.encode(), base64.b64decode(answer.text), "md5").hexdigest()
    return _reply(smtp.docmd(_base64(f"{user} {digest}")))


def _scram(smtp: smtplib.SMTP, user: str, password: str, mechanism: str) -> Reply:
    """RFC 5802, without channel binding; the server has to prove itself, too."""
    name = _SCRAM[mechanism]
    first = f"n={user},r={secrets.token_hex(12)}"
    answer = _reply(smtp.docmd("AUTH", f"{mechanism} {_base64('n,,' + first)}"))
    if answer.code != 334:
        return answer
    challenge = base64.b64decode(answer.text).decode()
    said = dict(part.split("=", 1) for part in challenge.split(","))
    salt, rounds = base64.b64decode(said["s"]), int(said["i"])
    salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, rounds)
    without_proof = f"c={_base64('n,,')},r={said['r']}"
    whole = f"{first},{challenge},{without_proof}".encode()
    key = hmac.digest(salted, b"Client Key", name)
    signature = hmac.digest(hashlib.new(name, key).digest(), whole, name)
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    last = f"{without_proof},p={base64.b64encode(proof).decode()}"
    answer = _reply(smtp.docmd(_base64(last)))
    if answer.code != 334:
        return answer
    servers = hmac.digest(hmac.digest(salted, b"Server Key", name), whole, name)
    assert base64.b64decode(answer.text) == b"v=" + base64.b64encode(servers)
    return _reply(smtp.docmd(""))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _reply(answer: tuple[int, bytes]) -> Reply:
    return Reply(answer[0], answer[1].decode(errors="replace"))


def _context() -> ssl.SSLContext:
    """Return a client that takes any certificate, and any TLS version still compiled in."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
