"""Do the listeners answer as they are configured? Asked from outside, as a client would."""

import ipaddress
import struct
import time

import postfix_sasl_probe
import postfix_sasl_services

_PATIENCE_SECONDS = 10
_POLL_SECONDS = 0.05
# A fatal error makes master(8) sleep for a second before it ends: msg_fatal in Postfix.
_FATAL_PAUSE_SECONDS = 1.3
_WILDCARDS = ("0.0.0.0", "::")


def expectations(main, entries, mechanisms):
    """Return what a client should see of each smtpd listener.

    main
        main.cf as ``{parameter: value}``.
    entries
        master.cf as ``{service/type: fields}``.
    mechanisms
        The SASL mechanisms smtpd.conf allows.

    Returns ``[(service/type, address, port, tls to try, expected)]``; ``expected`` is what
    ``postfix_sasl_probe.checks`` takes.
    """
    found = []
    for key, fields in entries.items():
        place = postfix_sasl_services.endpoint(key)
        if place is None or not postfix_sasl_services.is_smtpd(fields) or place[1] is None:
            continue
        options = {**main, **fields["options"]}
        # A proxy, or a client that may pass, would be needed to hear an answer there.
        if (
            options.get("smtpd_upstream_proxy_protocol")
            or options.get("smtpd_delay_reject") == "no"
        ):
            continue
        expected = _expected(options, mechanisms)
        tls = {"implicit": "implicit", "none": "none"}.get(expected["tls"], "starttls")
        found.append((key, _address(place[0], main), place[1], tls, expected))
    return found


def mismatches(main, entries, mechanisms, daemon, since):
    """Return what is wrong with the listeners, in words, once they have had time to come up.

    main, entries, mechanisms
        As for ``expectations``.
    daemon
        The Postfix daemon, see ``postfix_sasl_daemons``.
    since
        What ``uptime`` returned before Postfix was told about the configuration.
    """
    wanted = expectations(main, entries, mechanisms)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        wrong = _once(main, wanted, daemon)
        if not wrong and wanted and not daemon.has_child_since(since):
            wrong = ["Postfix does not start new processes"]
        if not wrong:
            break
        if time.monotonic() > deadline or not _keeps_running(daemon):
            break
        time.sleep(_POLL_SECONDS)
    if not wrong and not wanted:
        time.sleep(_FATAL_PAUSE_SECONDS)
    return wrong if daemon.running() else ["Postfix's master has died", *wrong]


def is_bound_otherwise(main, entries):
    """Return whether Postfix has listeners on other addresses than main.cf names.

    That is so after an edit of inet_interfaces that Postfix was only reloaded for.
    """
    bound = listening()
    wanted = expectations(main, entries, [])
    open_already = [listener for listener in wanted if listener[2] in bound]
    return bool(wrongly_bound(main, open_already))


def uptime():
    """Return the seconds since the kernel started, the clock by which processes are dated."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def listening():
    """Return ``{port: {address, ...}}`` of every TCP socket that listens, from proc(5)."""
    found = {}
    for name, size in (("tcp", 8), ("tcp6", 32)):
        try:
            with open(f"/proc/net/{name}", encoding="ascii") as table:
                rows = [line.split() for line in table][1:]
        except FileNotFoundError:
            continue
        for row in rows:
            if row[3] == "0A":
                address, port = row[1].split(":")
                found.setdefault(int(port, 16), set()).add(_readable(address, size))
    return found


def _once(main, wanted, daemon):
    if not daemon.running():
        return ["Postfix does not run"]
    wrong = wrongly_bound(main, wanted)
    if wrong:
        return wrong
    results = postfix_sasl_probe.probe_all(
        [(address, port, tls) for _key, address, port, tls, _expected in wanted], timeout=8
    )
    return [
        f"{key}: {text}"
        for (key, _address, _port, _tls, expected), result in zip(wanted, results, strict=True)
        for text in postfix_sasl_probe.checks(result, expected)
    ]


def wrongly_bound(main, wanted):
    """Return the listeners that are open to more, or fewer, addresses than configured."""
    interfaces = main.get("inet_interfaces", "all").strip()
    words = interfaces.replace(",", " ").split()
    is_ipv6_only = main.get("inet_protocols", "all").strip() == "ipv6"
    named = {word for word in words if _is_address(word) and ":" not in word and not is_ipv6_only}
    bound = listening()
    wrong = []
    for key, address, port, _tls, _expected in wanted:
        addresses = bound.get(port, set())
        seen = ", ".join(sorted(addresses))
        everywhere = bool(addresses & set(_WILDCARDS))
        if not addresses:
            wrong.append(f"{key}: port {port} is closed; expected it to be open")
        elif postfix_sasl_services.endpoint(key)[0]:
            if not everywhere and _is_address(address) and address not in addresses:
                wrong.append(f"{key}: port {port} is open on {seen}; expected {address}")
        elif everywhere != (interfaces == "all") or not (everywhere or named <= addresses):
            expected = f"inet_interfaces = {interfaces}"
            wrong.append(f"{key}: port {port} is open on {seen}; expected {expected}")
    return wrong


def _is_address(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _keeps_running(daemon):
    """Return False once Postfix has been gone for longer than a restart takes."""
    deadline = time.monotonic() + _FATAL_PAUSE_SECONDS
    while not daemon.running():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _expected(options, mechanisms):
    level = options.get("smtpd_tls_security_level", "")
    if options.get("smtpd_tls_wrappermode") == "yes":
        tls = "implicit"
    else:
        tls = {"may": "optional", "encrypt": "required"}.get(level, "none")
    offered = mechanisms if options.get("smtpd_sasl_auth_enable") == "yes" else []
    hidden = tls != "none" and options.get("smtpd_tls_auth_only") == "yes"
    expected = {"tls": tls}
    # Other security options leave out mechanisms in ways that only Cyrus SASL knows.
    plain = options.get("smtpd_sasl_security_options", "noanonymous").strip() == "noanonymous"
    if hidden or not offered:
        expected["auth_before_tls"] = []
    elif plain and tls in ("none", "optional"):
        expected["auth_before_tls"] = offered
    if tls != "none" and (plain or not offered):
        expected["auth_after_tls"] = offered
    return expected


def _address(host, main):
    if host:
        return host
    interfaces = main.get("inet_interfaces", "all").replace(",", " ").split()
    if not interfaces or interfaces[0] in ("all", "loopback-only"):
        six_only = main.get("inet_protocols", "all").strip() == "ipv6"
        return "::1" if six_only else "127.0.0.1"
    return interfaces[0].strip("[]")


def _readable(address, size):
    """Return the address that proc(5) writes as words of hexadecimal digits, host byte order."""
    words = [int(address[at : at + 8], 16) for at in range(0, size, 8)]
    return str(ipaddress.ip_address(b"".join(struct.pack("=I", word) for word in words)))
