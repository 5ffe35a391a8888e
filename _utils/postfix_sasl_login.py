"""A login tried from outside: the way through smtpd, its chroot, the socket, saslauthd and PAM.

Without a known account a random one is tried, which must be refused: a 535 comes from the end of
that way, while a broken way gives 454 or no AUTH at all. A known account proves all of it.

Nothing is sent in the clear unless the caller says `none`, and certificates are not verified.
The name and password are in no result.

AUTH: RFC 4954; PLAIN: RFC 4616; 535 and 454: RFC 4954 section 6.
"""

import base64
import os

import postfix_sasl_probe as probing
from postfix_sasl_smtp import Failure, at_once, talk

ACCEPTED, REFUSED = 235, 535
# What Cyrus SASL says where no mechanism could have accepted anyone.
_NO_MECHANISM = "no mechanism available"


def attempt(host, port, tls=None, user=None, password=None, timeout=10.0):
    """Try to log in once.

    host, port      -- where to connect
    tls             -- `starttls` (and no login without it), `implicit`, or `none` for a login in
                       the clear; None: by the port
    user, password  -- the account; without both a random one
    timeout         -- seconds for the whole conversation

    Returns a dictionary:
      host, port   as given
      code, text   the answer to the login; None and "" if it did not come to one
      error        what went wrong before, or None
      tls_version  of the connection, or None

    Raises ValueError for arguments that make no sense, and nothing else.
    """
    _check([host], port, tls, user, password, timeout)
    if user is None:
        user, password = f"nobody-{os.urandom(8).hex()}", os.urandom(16).hex()
    seen = probing.nothing_seen(host, port)
    result = {"host": host, "port": port, "code": None, "text": "", "error": None}
    result["tls_version"] = None

    def log_in(session):
        wanted = tls or probing.default_tls(port)
        probing.open_session(session, seen, wanted)
        result["tls_version"] = seen["tls_version"]
        if wanted == "starttls" and not seen["tls_version"]:
            session.quit()
            raise Failure("STARTTLS is not offered, and a login is not sent without it")
        offered = seen["auth_tls"] if seen["tls_version"] else seen["auth"]
        result["code"], result["text"] = _authenticate(session, offered, user, password)
        session.quit()

    talk(result, timeout, log_in)
    return result


def visit(hosts, port, tls=None, user=None, password=None, timeout=10.0):
    """Try to log in to several hosts at once; return ``{host: result of attempt}``.

    Each result has the key ``wrong`` besides: what `judge` says. Takes the other arguments of
    `attempt`, and raises ValueError as it does.
    """
    _check(hosts, port, tls, user, password, timeout)

    def try_one(host):
        result = attempt(host, port, tls, user, password, timeout)
        return result | {"wrong": judge(result, user is not None)}

    found = at_once(try_one, hosts, timeout + 1)
    late = {"code": None, "wrong": f"{port}: no answer within {timeout:g} s"}
    return {host: found.get(host) or {"host": host, "port": port, **late} for host in hosts}


def judge(result, known):
    """Return why the result of `attempt` is not what it must be, in words; None if it is.

    known -- whether the account was a known one, that must be accepted
    """
    if result["error"]:
        return f"{result['port']}: {result['error']}"
    answer = f"{result['port']}: {result['code']} {result['text']}"
    if known and result["code"] != ACCEPTED:
        return f"{answer}; expected {ACCEPTED}, since the account is a known one"
    if known:
        return None
    if result["code"] == ACCEPTED:
        return f"{answer}; expected {REFUSED}, since nobody has that name and password"
    if result["code"] != REFUSED or _NO_MECHANISM in result["text"].lower():
        return f"{answer}; expected {REFUSED} from saslauthd, which was not reached"
    return None


def _check(hosts, port, tls, user, password, timeout):
    """Raise ValueError for arguments that make no sense."""
    for host in hosts:
        probing.check_arguments(host, port, tls, timeout)
    if (user is None) != (password is None):
        raise ValueError("user and password go together")
    for name, value in (("user", user), ("password", password)):
        if value is not None and (not isinstance(value, str) or not value or "\0" in value):
            raise ValueError(f"{name} must be a text without NUL characters")


def _authenticate(session, offered, user, password):
    """Say AUTH; return the answer's (code, text) without what was sent."""
    both = _base64(f"\0{user}\0{password}")
    if "PLAIN" in offered:
        code, lines = session.command(f"AUTH PLAIN {both}")
    elif "LOGIN" in offered:
        code, lines = session.command("AUTH LOGIN")
        for word in (user, password):
            if code != 334:
                break
            code, lines = session.say(_base64(word), "AUTH")
    else:
        session.quit()
        names = " ".join(offered) or "no AUTH"
        raise Failure(f"AUTH: {names} is offered; this login speaks PLAIN and LOGIN")
    text = lines[0]
    # A server might say back what it was told; the reply may be cut in the middle of it.
    if any(secret[:6] in text for secret in (both, _base64(password), password)):
        text = "(it repeats what it was told)"
    return code, text


def _base64(text):
    return base64.b64encode(text.encode()).decode()
