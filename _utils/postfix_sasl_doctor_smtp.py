"""The doctor's checks of Postfix as it runs: its processes, what clients see, mail that waits."""

import os
import re
import time

import postfix_sasl_doctor_host as doctor_host
import postfix_sasl_maillog
import postfix_sasl_probe
import postfix_sasl_processes
import postfix_sasl_services
import postfix_sasl_verify
from postfix_sasl_doctor_host import Finding, several

_NAME = re.compile(r"[A-Za-z0-9_.:%-]+")
_COUNT_AT_MOST = 10_000
_COUNT_SECONDS = 1.0
_SILENT = "no listener comes that far"
_TLS_STEPS = ("TLS handshake", "STARTTLS")
_UNKNOWN = "?"  # for the mechanisms of a server that is not asked, such as Dovecot
_FATAL = re.compile(r"\b(?:fatal|panic): ")
# What tells of a broken path to the passwords; a password that was wrong does not.
_BROKEN = re.compile(
    r"cannot connect to saslauthd|SASL \S+ authentication failed: (?:generic|temporary)"
    r"|no SASL authentication mechanisms|SASL.*(?:fatal|error)|(?:fatal|error).*SASL"
    r"|Temporary authentication failure",
    re.IGNORECASE,
)


def running(seen):
    """master(8) runs, whatever the unit says."""
    host, daemon = seen.host, seen.host.postfix
    pid = daemon.pid()
    if pid is not None:
        state = postfix_sasl_processes.state_of(pid)
        if state == "T":
            return Finding(False, f"master (process {pid}) is stopped", f"kill -CONT {pid}")
        return Finding(True, f"master runs (process {pid})")
    fatal = [line for line in seen.log_of_the_hour() if _FATAL.search(line)]
    why = f"; the mail log says last: {fatal[-1].strip()}" if fatal else ""
    text = f"Postfix does not run: there is no process of its master, whatever its unit says{why}"
    return Finding(False, text, doctor_host.control("restart", host.postfix.unit()))


def listeners(seen):
    """Every inet entry is bound, and where it should be."""
    host = seen.host
    wanted = []
    for key in host.entries:
        place = postfix_sasl_services.endpoint(key)
        if place and place[1]:
            wanted.append((key, place[0], place[1], None, None))
    if not wanted:
        return Finding(
            False, "master.cf has no listener at all", "salt-call state.apply postfix_sasl"
        )
    wrong = postfix_sasl_verify.wrongly_bound(host.answering(), wanted)
    if wrong:
        is_closed = all(" is closed; " in text for text in wrong)
        restart = doctor_host.control("restart", host.postfix.unit())
        return Finding(False, several(wrong), host.told if is_closed else restart)
    return Finding(True, f"open: {', '.join(str(port) for _, _, port, _, _ in wanted)}")


def ehlo(seen):
    """Every smtpd listener greets, and answers EHLO."""
    answers = seen.answers
    if not answers:
        return Finding(None, "not looked at: no smtpd listener can be asked from this machine")
    wrong = [
        f"port {port}: {result['error']}"
        for port, result in answers.items()
        if result["error"] and not result["error"].startswith(_TLS_STEPS)
    ]
    if wrong and seen.host.is_throttled():
        text = f"{several(wrong)}; master(8) lets smtpd wait for a minute since it died"
        return Finding(False, text + seen.log_says(), seen.host.told)
    if wrong:
        return Finding(False, several(wrong) + seen.log_says(), seen.host.mail_log())
    return Finding(True, f"answered by {_ports(answers)}")


def tls(seen):
    """TLS where it is configured: a handshake that comes to its end."""
    if _is_silent(seen):
        return Finding(False, _SILENT)
    wrong, versions = [], {}
    for key, result, expected in seen.compared():
        if result["error"] and not result["error"].startswith(_TLS_STEPS):
            continue
        wrong += _mismatches(key, result, {"tls": expected["tls"]})
        if result["tls_version"]:
            versions.setdefault(result["tls_version"], []).append(str(result["port"]))
    if wrong:
        return Finding(False, several(wrong) + seen.log_says(), seen.host.told)
    shown = "; ".join(f"{name} on {', '.join(ports)}" for name, ports in versions.items())
    return Finding(True, shown or "no listener has TLS, and none is configured to")


def offered(seen):
    """AUTH is offered where it should be, with these mechanisms, and nowhere else."""
    if _is_silent(seen):
        return Finding(False, _SILENT)
    wrong, right = [], []
    for key, result, expected in seen.compared():
        if result["error"]:
            continue
        expected = {name: value for name, value in expected.items() if name != "tls"}
        found = _mismatches(key, result, expected)
        wrong += found
        if not found and (result["auth"] or result["auth_tls"]):
            right.append(f"{result['port']} {' '.join(result['auth_tls'] or result['auth'])}")
    if wrong:
        hidden = [
            name
            for name in ("smtpd_sasl_exceptions_networks", "smtpd_discard_ehlo_keywords")
            if seen.host.value(name)
        ]
        if hidden:
            text = f"{several(wrong)}; {', '.join(hidden)} may hide it from this machine"
            return Finding(True, text, "ask from another machine")
        return Finding(False, several(wrong) + seen.log_says(), seen.host.told)
    return Finding(True, several(right, 5) or "by no listener that could be asked")


def queue(seen):
    """How many messages wait for another try."""
    count, is_all = _count(f"{seen.host.queue_directory}/deferred")
    if not count:
        return Finding(True, "no message waits for another try")
    are = "message waits" if count == 1 else "messages wait"
    text = f"{count}{'' if is_all else ' or more'} {are} for another try"
    return Finding(True, text, "postqueue -p  # says of each message why")


def log(seen):
    """What the mail log says of SASL in the last hour; wrong passwords are no errors."""
    lines = [line for line in seen.log_of_the_hour() if _BROKEN.search(line)]
    if not lines:
        return Finding(True, "no SASL errors in the last hour")
    are = "1 SASL error" if len(lines) == 1 else f"{len(lines)} SASL errors"
    text = f"{are} in the last hour, the last one: {lines[-1].strip()}"
    files = postfix_sasl_maillog.files()
    if files:
        command = f"grep -i sasl {files[0]}"
    else:
        command = "journalctl SYSLOG_FACILITY=2 --since=-1h | grep -i sasl"
    return Finding(True, text, command)


def wanted_of(host):
    """Return what a client should see of each smtpd listener, as postfix_sasl_verify has it."""
    entries = {}
    mechanisms = {}
    for key, fields in host.smtpds.items():
        entries[key] = {**fields, "options": host.answering(fields["options"])}
    for login in host.logins:
        mechanisms[login.key] = (login.conf or {}).get("mech_list", "").upper().split()
    found = []
    for key, fields in entries.items():
        names = mechanisms.get(key) or [_UNKNOWN]
        expected = postfix_sasl_verify.expectations(host.answering(), {key: fields}, names)
        if key in mechanisms or host.is_yes("smtpd_sasl_auth_enable", fields["options"]):
            expected = [(*one[:4], _what_can_be_told(one[4], names)) for one in expected]
        found += expected
    # What is no place at all is for the check of the configuration to say.
    return [one for one in found if 0 < one[2] < 65536 and _NAME.fullmatch(one[1])]


def _what_can_be_told(expected, mechanisms):
    """Leave out what only Cyrus SASL, or another server, knows."""
    if mechanisms and set(mechanisms) <= {"PLAIN", "LOGIN"}:
        return expected
    return {name: value for name, value in expected.items() if name == "tls" or not value}


def _is_silent(seen):
    return bool(seen.answers) and all(result["error"] for result in seen.answers.values())


def _mismatches(key, result, expected):
    found = postfix_sasl_probe.checks(result, expected)
    return [f"{key}: port {text}" for text in found]


def _ports(answers):
    return ", ".join(str(port) for port in answers)


def _count(directory):
    """Return (how many files are below, whether that is all of them)."""
    count, end = 0, time.monotonic() + _COUNT_SECONDS
    for _, _, files in os.walk(directory):
        count += len(files)
        if count >= _COUNT_AT_MOST or time.monotonic() > end:
            return count, False
    return count, True
