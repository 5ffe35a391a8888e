"""saslauthd asked at its socket whether a login is good, as Cyrus SASL asks it.

The protocol is that of Cyrus SASL, ``saslauthd/ipc_unix.c``: login name, password, service and
realm, each with its length in two bytes in front, the first one first; the answer is one such
text that begins with OK or NO. It is bounded in time and raises nothing.
"""

import socket
import struct
import time

from postfix_sasl_text import plain

_MOST = 1000  # bytes of saslauthd's answer


def ask(path, user, password, service="smtp", timeout=10.0):
    """Ask saslauthd whether a login is good.

    path
        Its socket.

    user, password
        What to log in with.

    service
        The PAM service.

    timeout
        Seconds for the whole exchange.

    Returns ``(True, "OK ...")``, ``(False, "NO ...")``, or None and what went wrong.
    """
    deadline = time.monotonic() + timeout
    words = [word.encode() for word in (user, password, service, "")]
    request = b"".join(struct.pack(">H", len(word)) + word for word in words)
    received = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout)
            sock.connect(path)
            sock.sendall(request)
            while len(received) < 2 or len(received) < 2 + _length(received):
                sock.settimeout(max(0.01, deadline - time.monotonic()))
                more = sock.recv(_MOST)
                if not more or len(received) > _MOST:
                    return None, "it closed the connection without an answer"
                received += more
    except TimeoutError:
        return None, f"no answer within {timeout:g} s"
    except OSError as error:
        return None, error.strerror or str(error)
    said = plain(received[2:])
    if said[:2] in ("OK", "NO"):
        return said.startswith("OK"), said
    return None, f"not an answer: {said}"


def _length(received):
    return struct.unpack(">H", received[:2])[0]
