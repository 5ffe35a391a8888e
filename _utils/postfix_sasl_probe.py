"""What a mail client sees on an SMTP port: greeting, EHLO words, TLS, certificate, AUTH mechanisms.

Nothing is sent but EHLO, RSET, STARTTLS and QUIT: never AUTH, never mail, and QUIT even after an
odd answer, so that the server logs an orderly end.

AUTH in EHLO: RFC 4954 section 3; port 465: RFC 8314.
"""

from postfix_sasl_smtp import Failure, at_once, talk

MODES = ("none", "starttls", "implicit")

COLUMNS = ("port", "connection", "TLS", "AUTH before TLS", "AUTH after TLS", "certificate")


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


def probe_all(endpoints, timeout=10.0):
    """Probe several (host, port, tls) at once; return the results in the same order.

    Returns after little more than `timeout` whatever the peers, or name servers, do.
    Raises ValueError as `probe` does.
    """
    endpoints = list(endpoints)
    for endpoint in endpoints:
        check_arguments(*endpoint, timeout)
    done = at_once(lambda n: probe(*endpoints[n], timeout), range(len(endpoints)), timeout + 1)
    return [
        done.get(n) or nothing_seen(host, port) | {"error": "no connection: no answer in time"}
        for n, (host, port, _) in enumerate(endpoints)
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
