"""The doctor: follows a login from the client to the password and back, and says where it breaks.

CHECKS is the order: a cause stands before what it drags down. Each check looks for itself, so
that much is known even of a broken host; one that fails while a check it depends on failed is
reported as not looked at, with the name of that one. So one broken link is one failed check.

Nothing is changed. Two logins are tried, with a name that nobody has; they are in the logs.

What a check returns is a Finding: ``ok`` True, False or None, a detail, and a remedy. A remedy is
what to type, a shell command as it stands, or else a sentence. ``ok`` True with a remedy is a
warning: logins work, and something should be seen to.
"""

import functools
import time
from typing import Any, NamedTuple

import postfix_sasl_doctor_config as config
import postfix_sasl_doctor_host as doctor_host
import postfix_sasl_doctor_instances as instances
import postfix_sasl_doctor_login as login
import postfix_sasl_doctor_saslauthd as saslauthd
import postfix_sasl_doctor_smtp as smtp
import postfix_sasl_maillog
import postfix_sasl_probe
from postfix_sasl_doctor_host import Finding
from postfix_sasl_text import plain

_PROBE_SECONDS = 8
_LOG_SECONDS = 3
_HOUR = 3600
_MOST_DETAIL = 600  # characters
_MOST_REMEDY = 1500
_WORDS = {True: "ok", False: "FAIL", None: "-"}


class Check(NamedTuple):
    """One check.

    name
        What people call it.
    function
        Takes a Seen, returns a Finding.
    needs
        The names of the checks whose failure makes this one fail.
    """

    name: str
    function: Any
    needs: tuple = ()


_RUNS = ("packages", "configuration", "postfix")
_CONFIGURED = ("packages", "configuration", "authentication", "smtpd.conf")
_SOCKET = ("packages", "smtpd.conf", "saslauthd", "socket")
_REACHED = (*_SOCKET, "socket directory", "group sasl")

CHECKS = (
    Check("packages", config.packages),
    Check("configuration", config.configuration, ("packages",)),
    Check("parameters", config.parameters, ("packages", "configuration")),
    Check("authentication", config.authentication, ("packages", "configuration")),
    Check("smtpd.conf", config.smtpd_conf, _CONFIGURED[:-1]),
    Check("certificate", config.certificate, ("packages", "configuration")),
    Check("postfix", smtp.running, ("packages", "configuration")),
    Check("listeners", smtp.listeners, _RUNS),
    Check("EHLO", smtp.ehlo, (*_RUNS, "listeners", "smtpd.conf", "authentication")),
    Check("TLS", smtp.tls, (*_RUNS, "listeners", "certificate", "EHLO")),
    Check("AUTH offered", smtp.offered, (*_RUNS, *_CONFIGURED, "listeners", "EHLO", "TLS")),
    Check("saslauthd", saslauthd.running, ("packages",)),
    Check("socket", saslauthd.socket, _SOCKET[:-1]),
    Check("socket directory", saslauthd.directory, _SOCKET),
    Check("group sasl", saslauthd.group, _SOCKET),
    Check("smtpd's groups", saslauthd.running_groups, (*_RUNS, "group sasl")),
    Check("statoverride", saslauthd.statoverride, _SOCKET),
    Check("PAM", config.pam, ("packages",)),
    Check("saslauthd answers", login.at_saslauthd, (*_SOCKET, "PAM")),
    Check(
        "login",
        login.at_smtp,
        (
            *_RUNS,
            *_CONFIGURED,
            *_REACHED,
            *("listeners", "certificate", "EHLO", "TLS", "AUTH offered"),
            *("smtpd's groups", "PAM", "saslauthd answers"),
        ),
    ),
    Check("start at boot", config.boot),
    Check("deferred mail", smtp.queue, ("packages",)),
    Check("log", smtp.log),
)


class Seen:
    """What the checks share: the host, and what answers it gave."""

    def __init__(self):
        self.host = doctor_host.Host()
        self.saslauthd = instances.Saslauthd(self.host)
        self._log = postfix_sasl_maillog.MailLog(_LOG_SECONDS)
        self.wanted = smtp.wanted_of(self.host)
        at_socket, at_port = login.attempts(self.host, self.wanted)
        # The slow ones go on while the files are looked at: PAM lets a wrong password wait.
        self._at_socket, self._at_port = map(login.Background, (at_socket, at_port))
        self._probes = login.Background({"all": self._probe, "log": _log_of_the_hour})
        self._end = time.monotonic() + login.SECONDS + 1
        self.host.after_the_answers = lambda: self.answers

    def _probe(self):
        places = [(address, port, tls) for _key, address, port, tls, _expected in self.wanted]
        return postfix_sasl_probe.probe_all(places, _PROBE_SECONDS)

    def _left(self):
        return max(0.0, self._end - time.monotonic())

    @functools.cached_property
    def problems(self):
        """What validation finds in the configuration in force."""
        return config.Problems(self.host)

    @functools.cached_property
    def _results(self):
        return self._probes.results(self._left(), missing=[])

    @functools.cached_property
    def answers(self):
        """What a client sees, as ``{port, or address and port: result of postfix_sasl_probe}``."""
        results = self._results["all"]
        ports = [result["port"] for result in results]
        return {
            str(port) if ports.count(port) == 1 else f"{result['host']} {port}": result
            for port, result in zip(ports, results, strict=True)
        }

    def compared(self):
        """Return ``[(service/type, result, what is expected)]`` of the listeners asked."""
        pairs = zip(self.wanted, self._results["all"], strict=False)
        return [(wanted[0], result, wanted[4]) for wanted, result in pairs]

    def at_socket(self):
        """Return what saslauthd said, by socket and service."""
        return self._at_socket.results(self._left())

    def at_port(self):
        """Return what SMTP AUTH said, by port."""
        return self._at_port.results(self._left())

    def log_of_the_hour(self):
        """Return the lines of the mail log of the hour before all this."""
        return self._results["log"]

    def log_says(self):
        """Return what the mail log has said of trouble meanwhile, as the end of a sentence."""
        try:
            troubles = self._log.troubles(2)
        except (OSError, ValueError):
            troubles = []
        said = "; ".join(line.strip() for line in troubles)
        return f"; the mail log says: {said}" if said else ""


def _log_of_the_hour():
    return postfix_sasl_maillog.recent(_HOUR)


def examine():
    """Examine this host.

    Returns ``{"healthy", "checks", "report"}``: whether no check failed; the checks, each with
    ``name``, ``ok``, ``detail`` and ``remedy``; and the same as text, a line for each check.
    """
    seen = Seen()
    if not seen.host.has_postfix:
        found = [Finding(False, "Postfix is not installed", "apt-get install postfix sasl2-bin")]
        found += [None] * (len(CHECKS) - 1)
        return answer(CHECKS, found)
    return answer(CHECKS, [_run(check, seen) for check in CHECKS])


def answer(checks, found):
    """Put together what the checks found.

    checks
        The checks, causes first.
    found
        Their Findings; None for what was not looked at since the first check failed.

    Returns what ``examine`` does.
    """
    broken, result = {}, []
    for check, finding in zip(checks, found, strict=True):
        is_seen = finding is not None and finding.ok is not None
        # What was not looked at could not be, where no configuration says what to look at.
        names = check.needs if is_seen else (*check.needs, *_CONFIGURED)
        cause = next((broken[name] for name in names if name in broken), None)
        if finding is None or (not is_seen and cause):
            cause = cause or checks[0].name
            finding = Finding(None, f"not looked at: depends on {cause}")
        elif finding.ok is False and cause:
            finding = Finding(None, f"depends on {cause}: {finding.detail}")
        if finding.ok is False:
            broken[check.name] = check.name
        elif finding.ok is None and cause:
            broken[check.name] = cause
        result.append(
            {
                "name": check.name,
                "ok": finding.ok,
                "detail": plain(finding.detail, _MOST_DETAIL),
                "remedy": _clean_remedy(finding.remedy),
            }
        )
    healthy = not any(one["ok"] is False for one in result)
    return {"healthy": healthy, "checks": result, "report": report(healthy, result)}


def report(healthy, checks):
    """Return the checks as text, a line for each, remedies beneath."""
    width = max(len(check["name"]) for check in checks)
    lines = []
    for check in checks:
        is_warning = check["ok"] and check["remedy"]
        word = "warn" if is_warning else _WORDS[check["ok"]]
        lines.append(f"{word:<4}  {check['name']:<{width}}  {check['detail']}")
        if check["remedy"]:
            lines.append(f"{'':<{width + 8}}=> {check['remedy']}")
    failed = [check["name"] for check in checks if check["ok"] is False]
    warnings = [check["name"] for check in checks if check["ok"] and check["remedy"]]
    lines.append("")
    lines.append("healthy" if healthy else f"NOT healthy: {', '.join(failed)}")
    if warnings:
        lines[-1] += f"; to be seen to: {', '.join(warnings)}"
    return "\n".join(lines)


def _run(check, seen):
    """Run one check; what it can't look at is a failure of its own, never a traceback."""
    try:
        return check.function(seen)
    except PermissionError as error:
        return Finding(False, f"could not be looked at: {error}", "run this as root")
    except Exception as error:  # a broken host must not be able to break its doctor
        text = f"could not be looked at: {type(error).__name__}: {error}"
        return Finding(False, text, "look at what it names")


def _clean_remedy(text):
    """Return a remedy fit for a terminal; one that would not be what it was is not shown."""
    if text is None:
        return None
    shown = plain(text, _MOST_REMEDY)
    return shown if shown == text else "see the detail: its names have characters not shown here"
