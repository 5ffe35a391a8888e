"""A conversation with an SMTP server that is not trusted.

Its lines are bounded in length and number and cleaned of control characters, the whole conversation
has one deadline, and whatever goes wrong ends up in the result's `error`. smtplib cannot promise
that: it collects reply lines without end, and its timeout begins anew with every byte. So the few
commands needed are spoken here.

Commands and replies: RFC 5321; STARTTLS: RFC 3207. Certificates are read by `cryptography`, which
every Salt since 3006 depends on (the standard library decodes only certificates that it has
verified); a Python without it still gets everything but the certificate's details.
"""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
import time

from postfix_sasl_text import plain

MAX_LINE = 1000  # bytes; RFC 5321 section 4.5.3.1.5 says 512, some servers say more
MAX_LINES = 100  # in one reply
MAX_NAMES = 20  # names kept of a certificate
GOODBYE = 2.0  # seconds to wait for the answer to QUIT


class Failure(Exception):
    """The conversation cannot go on; the text says why."""


def talk(result, timeout, conversation):
    """Lead a conversation; what goes wrong in it ends up in `result["error"]`, and nothing raises.

    conversation -- is called with a Session that is not connected yet
    timeout      -- seconds for all of it
    """
    session = Session(time.monotonic() + timeout)
    try:
        conversation(session)
    except Failure as failure:
        result["error"] = str(failure)
    except TimeoutError:
        result["error"] = f"{session.step}: no answer within {timeout:g} s"
    except OSError as error:
        # OpenSSL's reasons are names such as WRONG_VERSION_NUMBER
        reason = (getattr(error, "reason", None) or "").replace("_", " ").lower()
        result["error"] = plain(f"{session.step}: {reason or error.strerror or error}")
    except Exception as error:  # a peer must not be able to break the caller in any way
        result["error"] = plain(f"{session.step}: {type(error).__name__}: {error}")
    finally:
        session.close()


def at_once(function, cases, seconds):
    """Call a function with each of some cases; return `{case: result}` of those done in time.

    seconds -- how long it takes at most, whatever the peers, or name servers, do
    """
    results = {}

    def work(case):
        results[case] = function(case)

    # daemon threads: one that hangs in a name server's hands must not keep the program alive
    threads = [threading.Thread(target=work, args=(case,), daemon=True) for case in cases]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(results)


class Session:
    """A connection with a deadline, on which every wait draws."""

    def __init__(self, deadline):
        self.deadline = deadline
        self.step = "no connection"  # what a failure is reported against
        self.name = "localhost"
        self.host = ""
        self.sock = None
        self.buffer = b""

    def _wait_at_most(self, seconds=3600.0):
        """Give the socket what is left of the time. Raises TimeoutError when nothing is."""
        left = min(self.deadline - time.monotonic(), seconds)
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)

    def connect(self, host, port):
        """Connect to the first address that answers. Raises OSError."""
        self.host = host
        failure = OSError("no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        ):
            self.sock = socket.socket(family, kind, protocol)
            try:
                self._wait_at_most()
                self.sock.connect(address)
            except OSError as error:
                self.sock.close()
                failure = error
                continue
            # a client with no name of its own gives its address, RFC 5321 section 4.1.3
            own = self.sock.getsockname()[0].partition("%")[0]
            self.name = f"[IPv6:{own}]" if ":" in own else f"[{own}]"
            return
        raise failure

    def start_tls(self, result):
        """Make the connection TLS and note its properties. Raises OSError, Failure."""
        self.step = "TLS handshake"
        if self.buffer:
            # what came in the clear must not pass for an answer from inside TLS (CVE-2011-0411)
            raise Failure("STARTTLS: more text followed the answer")
        # This machine's own idea of acceptable versions and ciphers holds, as for its clients;
        # the certificate is to be looked at, so it need not be trusted.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._wait_at_most()
        self.sock = context.wrap_socket(self.sock, server_hostname=_server_name(self.host))
        result["tls_version"] = self.sock.version()
        result["cipher"] = self.sock.cipher()[0]
        result["certificate"] = _certificate(self.sock.getpeercert(binary_form=True))

    def command(self, line):
        """Send a command; return the reply's (code, lines). Raises OSError, Failure."""
        return self.say(line, line.split()[0])

    def say(self, line, step):
        """Send a line; return the reply's (code, lines). Raises OSError, Failure.

        step -- what a failure is reported against, which the line itself may be too secret for
        """
        self.step = step
        self._wait_at_most()
        self.sock.sendall(line.encode("ascii") + b"\r\n")
        return self.reply(step)

    def reply(self, step):
        """Read a reply, perhaps of many lines; return (code, list of texts).

        Raises OSError, or Failure for what is not a reply or too long for one.
        """
        self.step = step
        texts = []
        while len(texts) < MAX_LINES:
            line = self._line()
            code, mark = line[:3], line[3:4]
            if not (code.isdigit() and code.isascii() and mark in (b"", b" ", b"-")):
                raise Failure(f"{step}: not an SMTP reply: {plain(line)}")
            texts.append(plain(line[4:]))
            if mark != b"-":
                return int(code), texts
        raise Failure(f"{step}: a reply of more than {MAX_LINES} lines")

    def _line(self):
        """Return one line without its end. Raises OSError, Failure."""
        while b"\n" not in self.buffer:
            if len(self.buffer) > MAX_LINE:
                raise Failure(f"{self.step}: a line of more than {MAX_LINE} bytes")
            self._wait_at_most()
            received = self.sock.recv(MAX_LINE)
            if not received:
                raise Failure(f"{self.step}: the server closed the connection")
            self.buffer += received
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def quit(self):
        """Take leave, so that the server does not log a lost connection; never raises."""
        self.deadline = min(self.deadline, time.monotonic() + GOODBYE)
        with contextlib.suppress(OSError, Failure):
            self.command("QUIT")

    def close(self):
        """Close the connection, if there is one."""
        if self.sock:
            self.sock.close()


def _server_name(host):
    """Return the name for the handshake's SNI; None for an address (RFC 6066 section 3)."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return None


def _certificate(der):
    """Return what a certificate says (RFC 5280), as texts and numbers; None when there is none.

    self_signed tells that issuer and subject are the same name. One that cannot be read, or
    a Python without `cryptography`, gives empty texts and `days_left` None.
    """
    if not der:
        return None
    seen = {
        "subject": "",
        "issuer": "",
        "not_before": "",
        "not_after": "",
        "days_left": None,
        "names": [],
        "self_signed": None,
    }
    try:
        from cryptography import x509  # optional, and 50 ms that only TLS has to pay

        certificate = x509.load_der_x509_certificate(der)
        start, end = (_utc(certificate, key) for key in ("not_valid_before", "not_valid_after"))
        seen["subject"] = plain(certificate.subject.rfc4514_string())
        seen["issuer"] = plain(certificate.issuer.rfc4514_string())
        seen["self_signed"] = certificate.issuer == certificate.subject
        seen["not_before"], seen["not_after"] = start.isoformat(), end.isoformat()
        seen["days_left"] = (end - datetime.datetime.now(datetime.timezone.utc)).days
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = [plain(str(name.value)) for name in alternative.value]
        seen["names"] = names[:MAX_NAMES]
    except Exception:  # no cryptography, no such extension, or a certificate made to break readers
        pass
    return seen


def _utc(certificate, key):
    """Return one end of a certificate's validity; `cryptography` before 42 has no `..._utc`."""
    aware = getattr(certificate, key + "_utc", None)
    return aware or getattr(certificate, key).replace(tzinfo=datetime.timezone.utc)
