"""What a mail client sees on an SMTP port: greeting, EHLO words, TLS, certificate, AUTH mechanisms.

The other side is not trusted. Its lines are bounded in length and number and cleaned of control
characters, the whole conversation has one deadline, and whatever goes wrong ends up in the result's
`error`. smtplib cannot promise that: it collects reply lines without end, and its timeout begins
anew with every byte. So the few commands needed are spoken here.

Nothing is sent but EHLO, RSET, STARTTLS and QUIT: never AUTH, never mail, and QUIT even after an
odd answer, so that the server logs an orderly end.

Commands and replies: RFC 5321; STARTTLS: RFC 3207; AUTH in EHLO: RFC 4954 section 3; port 465:
RFC 8314. Certificates are read by `cryptography`, which every Salt since 3006 depends on (the
standard library decodes only certificates that it has verified); a Python without it still
gets everything but the certificate's details.
"""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
import time

MODES = ("none", "starttls", "implicit")
MAX_LINE = 1000  # bytes; RFC 5321 section 4.5.3.1.5 says 512, some servers say more
MAX_LINES = 100  # in one reply
MAX_TEXT = 200  # characters kept of any text
MAX_NAMES = 20  # names kept of a certificate
GOODBYE = 2.0  # seconds to wait for the answer to QUIT

COLUMNS = ("port", "connection", "TLS", "AUTH before TLS", "AUTH after TLS", "certificate")


class Failure(Exception):
    """The conversation cannot go on; the text says why."""


def default_tls(port):
    """Return how TLS starts on a port: `implicit` on 465, `starttls` (if offered) elsewhere."""
    return "implicit" if port == 465 else "starttls"


def probe(host, port, tls=None, timeout=10.0):
    """Talk to one SMTP port and return what it shows.

    host, port -- where to connect
    tls        -- `none`, `starttls` (taken where it is offered) or `implicit`; None: by the port
    timeout    -- seconds for the whole conversation

    Returns a dictionary:
      host, port       as given
      tls              how TLS was tried: `none`, `starttls`, `implicit`
      connected, error whether the port accepted the connection; what went wrong, or None
      banner           the greeting's text
      ehlo, auth       EHLO lines and AUTH mechanisms without TLS
      starttls         whether STARTTLS is among those lines; that alone proves nothing
      starttls_required  whether other commands are refused before STARTTLS; None: not asked
      tls_version, cipher, certificate  of a handshake that succeeded, else None
      ehlo_tls, auth_tls  EHLO lines and AUTH mechanisms inside TLS

    Raises ValueError for arguments that make no sense, and nothing else.
    """
    check_arguments(host, port, tls, timeout)
    result = nothing_seen(host, port)

    def look(session):
        open_session(session, result, tls or default_tls(port))
        session.quit()

    talk(result, timeout, look)
    return result


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


def probe_all(endpoints, timeout=10.0):
    """Probe several (host, port, tls) at once; return the results in the same order.

    Returns after little more than `timeout` whatever the peers, or name servers, do.
    Raises ValueError as `probe` does.
    """
    endpoints = list(endpoints)
    for endpoint in endpoints:
        check_arguments(*endpoint, timeout)
    results = [None] * len(endpoints)

    def work(index, host, port, tls):
        results[index] = probe(host, port, tls, timeout)

    # daemon threads: one that hangs in a name server's hands must not keep the program alive
    threads = [
        threading.Thread(target=work, args=(index, *endpoint), daemon=True)
        for index, endpoint in enumerate(endpoints)
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + timeout + 1
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return [
        result or nothing_seen(host, port) | {"error": "no connection: no answer in time"}
        for result, (host, port, _) in zip(results, endpoints, strict=True)
    ]


def checks(result, expected):
    """Compare what was seen with what is configured; return a list of mismatches in plain words.

    expected -- `tls`: `none`, `optional` (STARTTLS offered), `required` (and demanded) or
                `implicit`; `auth_before_tls`, `auth_after_tls`: lists of mechanisms.
                What is left out is not checked.
    Raises ValueError for another `tls`.
    """
    tls = expected.get("tls")
    if tls not in (None, "none", "optional", "required", "implicit"):
        raise ValueError(f"tls must be none, optional, required or implicit, not {tls!r}")
    port = result["port"]
    if not result["connected"] or result["error"]:
        return [f"{port}: {result['error'] or 'no connection'}"]
    found = []
    if tls == "none" and (result["starttls"] or result["tls_version"]):
        found.append("TLS is offered; expected none")
    elif tls in ("optional", "required"):
        if not result["starttls"]:
            found.append("STARTTLS is not offered")
        elif not result["tls_version"]:
            found.append("STARTTLS is offered but was not tried")
        if tls == "required" and result["starttls_required"] is False:
            found.append("commands are accepted before STARTTLS; expected a demand for TLS")
        if tls == "optional" and result["starttls_required"]:
            found.append("TLS is demanded; expected it to be optional")
    elif tls == "implicit" and not (result["tls"] == "implicit" and result["tls_version"]):
        found.append("TLS does not start with the first byte")
    for key, seen, when in (
        ("auth_before_tls", result["auth"], "before TLS"),
        ("auth_after_tls", result["auth_tls"], "after TLS"),
    ):
        # mechanisms are names in upper case, RFC 4422 section 3.1; their order means nothing
        if key in expected and set(map(str.upper, expected[key])) != set(seen):
            offered = f"AUTH {' '.join(seen)} is offered" if seen else "AUTH is not offered"
            wanted = " ".join(sorted(expected[key])) or "none"
            found.append(f"{offered} {when}; expected {wanted}")
    return [f"{port}: {text}" for text in found]


def summary(result):
    """Return one result as a table row: a tuple of short texts, in the order of COLUMNS."""
    port = str(result["port"])
    if not result["connected"]:
        return (port, _short(result["error"]), "-", "-", "-", "-")
    tls = result["tls_version"] or "-"
    if result["tls_version"]:
        tls += {"implicit": ", from the start", "starttls": ", STARTTLS"}[result["tls"]]
        tls += ", demanded" if result["starttls_required"] else ""
    certificate = result["certificate"]
    if not certificate:
        shown = "-"
    elif certificate["days_left"] is None:
        shown = "(unreadable)"
    else:
        name = (certificate["names"] or [certificate["subject"]])[0]
        left = certificate["days_left"]
        days = f"{left} days left" if left >= 0 else "EXPIRED"
        shown = f"{_short(name)}, {'self-signed, ' if certificate['self_signed'] else ''}{days}"
    before, after = (_short(" ".join(result[key]) or "none") for key in ("auth", "auth_tls"))
    return (
        port,
        _short(result["error"] or "open"),
        tls,
        "-" if result["tls"] == "implicit" else before,
        after if result["tls_version"] else "-",
        shown,
    )


def _short(text, limit=60):
    """Return text cut to what fits a table's column."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def table(results):
    """Return the lines of a terminal table, header first, for a list of results."""
    rows = [COLUMNS, *map(summary, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def check_arguments(host, port, tls, timeout):
    """Raise ValueError for arguments that make no sense."""
    if not isinstance(host, str) or not host or not host.isprintable() or " " in host:
        raise ValueError(f"host must be a name or an address, not {host!r}")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"port must be a number from 1 to 65535, not {port!r}")
    if tls is not None and tls not in MODES:
        raise ValueError(f"tls must be one of {', '.join(MODES)}, not {tls!r}")
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < 3600:
        raise ValueError(f"timeout must be a number of seconds, not {timeout!r}")


def nothing_seen(host, port):
    """Return a result in which nothing has been seen yet."""
    return {
        "host": host,
        "port": port,
        "tls": "none",
        "connected": False,
        "error": None,
        "banner": "",
        "ehlo": [],
        "starttls": False,
        "starttls_required": None,
        "tls_version": None,
        "cipher": None,
        "certificate": None,
        "ehlo_tls": [],
        "auth": [],
        "auth_tls": [],
    }


def open_session(session, result, tls):
    """Connect, greet and begin TLS, and note in `result` what is seen, as far as it goes.

    result -- as made by `nothing_seen`
    Raises OSError, Failure.
    """
    session.connect(result["host"], result["port"])
    result["connected"] = True
    if tls == "implicit":
        result["tls"] = "implicit"
        session.start_tls(result)
    code, lines = session.reply("greeting")
    result["banner"] = lines[0]
    if code != 220:
        session.quit()
        raise Failure(f"greeting: {code} {lines[0]}")
    if tls == "implicit":
        result["ehlo_tls"], result["auth_tls"] = _ehlo(session)
    else:
        result["ehlo"], result["auth"] = _ehlo(session)
        result["starttls"] = "STARTTLS" in (line.upper() for line in result["ehlo"])
    if tls == "starttls" and result["starttls"]:
        # A server that demands TLS refuses all but a few commands before it (RFC 3207 section 4);
        # RSET is the harmless one among the refused.
        result["starttls_required"] = session.command("RSET")[0] == 530
        result["tls"] = "starttls"
        code, lines = session.command("STARTTLS")
        if code != 220:
            session.quit()
            raise Failure(f"STARTTLS: {code} {lines[0]}")
        session.start_tls(result)
        result["ehlo_tls"], result["auth_tls"] = _ehlo(session)


def _ehlo(session):
    """Say EHLO; return (the lines after the first, the AUTH mechanisms among them)."""
    code, lines = session.command(f"EHLO {session.name}")
    if code != 250:
        session.quit()
        raise Failure(f"EHLO: {code} {lines[0]}")
    words = [line.upper().split() for line in lines[1:]]
    # only `AUTH `: the older `AUTH=` line repeats the same list for old clients
    return lines[1:], [name for word in words if word[:1] == ["AUTH"] for name in word[1:]]


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


def plain(text, most=MAX_TEXT):
    """Return a peer's text or bytes fit for a terminal: printable ASCII, at most so many."""
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    shown = "".join(c if " " <= c <= "~" else "?" for c in text.strip())
    return shown if len(shown) <= most else shown[: most - 3] + "..."


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
