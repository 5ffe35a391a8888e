"""A server's certificate and key: there, readable, of one pair, and in date.

smtpd(8) starts with a certificate it cannot use and only logs "disabling TLS support": STARTTLS
is then offered to nobody, or answered with an error, and with smtpd_tls_auth_only there are no
logins. An expired one is served as it is; clients turn away.

PEM is RFC 7468; the dates are taken from the DER inside by RFC 5280 section 4.1, since Python's
ssl module tells them only of a certificate that it has verified.
"""

import base64
import binascii
import contextlib
import datetime
import os
import re
import ssl
import stat

EXPIRES_NOW, EXPIRES_SOON = 7, 21  # days: when to hurry, when to think of a new one
_PEM = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.*?)-----END", re.DOTALL | re.ASCII
)
_ANY_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)

_SEQUENCE, _INTEGER, _VERSION = 0x30, 0x02, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18


class _Broken(ValueError):
    """These bytes are no certificate."""


class _Encrypted(Exception):
    """The key wants a pass phrase."""


def problems(certificate, key):
    """Check a certificate file and the file of its key.

    certificate, key
        Paths; they may be the same.

    Returns a list of ``(is_error, text)``, with the most telling one first. A file that only
    this process may not read is not judged.
    """
    paths = (certificate, key)
    found = [text for path in dict.fromkeys(paths) if (text := _unreadable(path))]
    if found:
        return [(True, text) for text in found]
    if not all(map(_may_read, paths)):
        return []
    try:
        found = _dates(_read(certificate), certificate)
        mismatch = _mismatch(*paths, *paths)
        found_open = _open_to_all(key)
    except OSError as error:  # it was there a moment ago
        return [(True, f"{certificate}, {key}: {error.strerror}")]
    if mismatch:
        found.insert(0, (True, mismatch))
    return found + found_open


def text_problems(text, certificate, key):
    """Check a certificate and its key that are not in files of their own.

    text
        The key and the certificate with its chain, bytes in PEM format.
    certificate, key
        What to call them.

    Returns a list of ``(is_error, text)``, with the most telling one first.
    """
    with _in_memory(text) as path:
        mismatch = _mismatch(path, path, certificate, key)
    found = [(True, mismatch)] if mismatch else []
    return found + _dates(text, certificate)


def chain_problems(paths):
    """Check the files of ``smtpd_tls_chain_files``: keys, each followed by its certificates.

    paths
        The files, in their order.

    Returns a list of ``(is_error, text)``. Where one may not be read by this process, none is
    judged.
    """
    found = [text for path in paths if (text := _unreadable(path))]
    if found:
        return [(True, text) for text in found]
    if not all(map(_may_read, paths)):
        return []
    groups = []
    try:
        for path in paths:
            for is_key, block in blocks(_read(path)):
                if is_key:
                    groups.append([])
                elif not groups:
                    return [(True, f"{path} has a certificate before its key; put the key first")]
                groups[-1].append((path, block))
        keys = dict.fromkeys(group[0][0] for group in groups)
        found = [one for key in keys for one in _open_to_all(key)]
    except OSError as error:  # it was there a moment ago
        return [(True, f"{', '.join(paths)}: {error.strerror}")]
    if not groups:
        return [(True, f"{', '.join(paths)}: it takes keys and their certificates, in PEM format")]
    for group in reversed(groups):
        text = b"".join(block for _path, block in group)
        found = text_problems(text, group[:2][-1][0], group[0][0]) + found
    return found


def blocks(data):
    """Yield (whether it is a key, bytes) for each key and certificate in PEM format in *data*.

    One that was cut off goes to the end of the data.
    """
    for block in _ANY_PEM.finditer(data):
        is_key = block[1].endswith(b"PRIVATE KEY")
        if is_key or block[1].endswith(b"CERTIFICATE"):
            yield is_key, block[0] + b"\n"


def _open_to_all(key):
    if not os.stat(key).st_mode & stat.S_IROTH:
        return []
    return [(False, f"{key} can be read by every user of this machine; chmod o-r {key}")]


@contextlib.contextmanager
def _in_memory(data):
    """Give OpenSSL, which reads files alone, a file that no disk ever sees."""
    with open(os.memfd_create("pem"), "wb") as file:
        file.write(data)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _read(path):
    with open(path, "rb") as file:
        return file.read(1_000_000)


def _unreadable(path):
    """Say why nobody, not even root, could read a file; None where root can."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return f"{path} is not a file; it takes a file in PEM format"
    except PermissionError:
        return None
    except OSError as error:
        return f"{path}: {error.strerror}; put the file there, or correct the path"
    return None


def _may_read(path):
    return os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)


def _dates(data, path):
    found = _PEM.search(data)
    if not found:
        return [(True, f"{path} holds no certificate; it takes one in PEM format")]
    try:
        start, end = validity(base64.b64decode(found[1]))
    except (_Broken, binascii.Error):
        return [(True, f"{path} holds a certificate that cannot be read; put a new one there")]
    now = datetime.datetime.now(datetime.timezone.utc)
    if now > end:
        return [(True, f"{path} expired on {end:%Y-%m-%d}; put a new certificate there")]
    if now < start:
        text = f"{path} is valid only from {start:%Y-%m-%d %H:%M} UTC; is the clock right?"
        return [(True, text)]
    if now > end - datetime.timedelta(days=EXPIRES_NOW):
        return [(False, f"{path} expires on {end:%Y-%m-%d}; have a new certificate ready")]
    return []


def _mismatch(certificate_path, key_path, certificate, key):
    """Say why OpenSSL does not take two files as a pair, calling them so; None where it does."""

    def no_pass_phrase():
        raise _Encrypted

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # How strong it must be is for the configuration to say; this machine's own idea is not asked.
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        context.load_cert_chain(certificate_path, key_path, password=no_pass_phrase)
    except _Encrypted:
        return f"{key} wants a pass phrase, which Postfix cannot give; store the key without one"
    except ssl.SSLError as error:
        # The second is what OpenSSL says where one is RSA and the other is not.
        if error.reason in ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
            return f"{key} is not the key of {certificate}; put the two that belong together there"
        reason = (error.reason or "no certificate and key in PEM format").replace("_", " ").lower()
        return f"{certificate} and {key} cannot be used together: {reason}"
    return None


def validity(der):
    """Read from when to when a certificate is valid.

    der
        The certificate's bytes.

    Returns two moments. Raises ValueError for what is not a certificate.
    """
    _, whole, _ = _element(der, 0, _SEQUENCE)
    _, body, _ = _element(whole, 0, _SEQUENCE)
    at = 0
    if body[:1] == bytes([_VERSION]):
        at = _element(body, 0)[2]
    at = _element(body, at, _INTEGER)[2]  # serial number
    at = _element(body, at, _SEQUENCE)[2]  # signature algorithm
    at = _element(body, at, _SEQUENCE)[2]  # issuer
    _, dates, _ = _element(body, at, _SEQUENCE)
    kind, start, at = _element(dates, 0)
    start = _moment(kind, start)
    kind, end, _ = _element(dates, at)
    return start, _moment(kind, end)


def _element(data, at, expected=None):
    """Take one element from DER: its tag, its content, and where the next one begins."""
    head = data[at : at + 2]
    if len(head) < 2 or (expected is not None and head[0] != expected):
        raise _Broken("not a certificate")
    at += 2
    length = head[1]
    if length & 0x80:
        more = length & 0x7F
        length = int.from_bytes(data[at : at + more], "big")
        at += more
    if at + length > len(data):
        raise _Broken("not a whole certificate")
    return head[0], data[at : at + length], at + length


def _moment(kind, text):
    try:
        text = text.decode("ascii")
        if kind == _UTC_TIME:  # RFC 5280 section 4.1.2.5.1: years from 50 on are 19..
            text = ("19" if text[:2] >= "50" else "20") + text
        elif kind != _GENERALIZED_TIME:
            raise _Broken("not a time")
        moment = datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ")
    except ValueError as error:
        raise _Broken("not a time") from error
    return moment.replace(tzinfo=datetime.timezone.utc)
