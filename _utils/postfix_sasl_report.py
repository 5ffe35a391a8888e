"""The fleet's report as data: one row for each host, what is wrong first.

What the hosts say is not trusted: a row holds only short, clean texts and numbers, whatever the
answer is.
"""

from postfix_sasl_certificate import EXPIRES_NOW, EXPIRES_SOON
from postfix_sasl_text import clean

# From the worst to what needs no look.
LEVELS = ("wrong", "attention", "fine", "none")
_MOST = 20  # of anything that a host lists
_FOREVER = 10**6


def report(expected, answers, moment, page=None):
    """Make the report of what the minions answered to ``postfix_sasl.status``.

    expected
        The names of all minions that were asked.
    answers
        ``{minion: answer}`` of those that did.
    moment
        When they were asked, a datetime with its time zone.
    page
        The path of the HTML page that goes with it, or None.

    Returns ``{"summary": {...}, "hosts": {name: row}}``, and ``"retcode": 1`` where a host is
    wrong. See ``postfix_sasl.report`` for a row.
    """
    found = [(clean(name, 100), row(name, answers.get(name), name in answers)) for name in expected]
    found.sort(key=_order)
    hosts = {}
    for name, each in found:
        while name in hosts:  # names that differ only in what can't be shown
            name += "'"
        hosts[name] = each
    levels = [each["level"] for each in hosts.values()]
    counts = {level: levels.count(level) for level in LEVELS}
    summary = {"time": moment.isoformat(timespec="seconds"), "hosts": len(hosts), **counts}
    summary["page"] = page
    data = {"summary": summary, "hosts": hosts}
    # Only where it is due, since Salt takes a dictionary of dictionaries for a success.
    return {**data, "retcode": 1} if counts["wrong"] else data


def _order(item):
    name, each = item
    days = each["days_left"]
    return LEVELS.index(each["level"]), _FOREVER if days is None else days, name


def row(name, answer, answered=True):
    """Make one host's row of its *answer*, which may be anything."""
    found = {
        "level": "wrong",
        "answered": answered,
        "problems": [],
        "release": "",
        "debian": "",
        "postfix": None,
        "listeners": [],
        "auth": [],
        "tls": [],
        "certificate": None,
        "days_left": None,
        "drift": None,
    }
    if not answered:
        return {**found, "problems": ["did not answer"]}
    if not isinstance(answer, dict) or "postfix" not in answer:
        return {**found, "problems": [_no_status(name, answer)]}
    found["release"], found["debian"] = (
        _text(answer.get(key), 30) for key in ("release", "debian")
    )
    if answer["postfix"] is None:
        return {**found, "level": "none"}
    found["postfix"] = _text(answer["postfix"], 20) or "?"
    listeners = found["listeners"] = [
        _listener(each) for each in _list(answer.get("listeners")) if isinstance(each, dict)
    ]
    found["auth"] = _union(each["auth"] for each in listeners)
    found["tls"] = sorted({each["tls"] for each in listeners if each["tls"]})
    certificates = {
        (each["certificate"]["name"], each["certificate"]["days_left"]): each["certificate"]
        for each in listeners
        if each["certificate"] and each["certificate"]["days_left"] is not None
    }
    if certificates:
        found["certificate"] = min(certificates.values(), key=lambda each: each["days_left"])
        found["days_left"] = found["certificate"]["days_left"]
    wrong = [_text(text) for text in _list(answer.get("wrong"))]
    attention = []
    for certificate in certificates.values():
        days, text = certificate["days_left"], _expiry(certificate)
        if days <= EXPIRES_NOW:
            wrong.append(text)
        elif days <= EXPIRES_SOON:
            attention.append(text)
    found["drift"], text = _drift(answer.get("drift"))
    if text:
        attention.append(text)
    found["problems"] = wrong + attention
    found["level"] = "wrong" if wrong else "attention" if attention else "fine"
    return found


def _no_status(name, answer):
    if not isinstance(answer, str):
        return "gave an answer that says nothing of its mail server"
    if "postfix_sasl.status" in answer and "is not available" in answer:
        return f"lacks this formula's modules; type: salt '{clean(name, 100)}' saltutil.sync_all"
    lines = answer[-4000:].split("\n") if "Traceback" in answer else answer[:4000].split("\n")
    said = [line for line in lines if line.strip()] or ["nothing"]
    return f"could not say: {_text(said[-1] if 'Traceback' in answer else ' '.join(said))}"


def _listener(given):
    certificate = given.get("certificate")
    if isinstance(certificate, dict):
        self_signed = certificate.get("self_signed")
        certificate = {
            "name": _text(certificate.get("name"), 100),
            "days_left": _number(certificate.get("days_left")),
            "not_after": _text(certificate.get("not_after"), 30)[:10],
            "self_signed": self_signed if isinstance(self_signed, bool) else None,
        }
    else:
        certificate = None
    return {
        "name": _text(given.get("name"), 60),
        "port": _number(given.get("port")),
        "open": given.get("open") is True,
        "auth": [_text(name, 30) for name in _list(given.get("auth"))],
        "tls": _text(given.get("tls"), 20) or None,
        "certificate": certificate,
    }


def _drift(given):
    """Return the row's ``drift``, and the sentence about it, or None."""
    if not isinstance(given, dict):
        return None, None
    things = [_text(thing, 100) for thing in _list(given.get("things"))]
    if isinstance(given.get("drifted"), bool):
        drift = {"drifted": given["drifted"], "things": things, "error": None}
        text = f"differs from its pillar: {', '.join(things) or 'it does not say where'}"
        return drift, text if given["drifted"] else None
    error = _text(given.get("error"), 300) or "it does not say why"
    drift = {"drifted": None, "things": [], "error": error}
    return drift, f"could not be compared with its pillar: {error}"


def _expiry(certificate):
    name, days = certificate["name"] or "without a name", certificate["days_left"]
    return f"certificate {name} {expiry_words(days)}"


def expiry_words(days):
    """Return when a certificate expires in words: ``expires in 5 days``."""
    if days < 0:
        return f"expired {_days(-days)} ago"
    return f"expires in {_days(days)}" if days else "expires today"


def _days(number):
    return "1 day" if number == 1 else f"{number} days"


def expiry_level(days):
    """Return the level of a certificate with so many days left."""
    return "wrong" if days <= EXPIRES_NOW else "attention" if days <= EXPIRES_SOON else "fine"


def headline(summary):
    """Return the report in one sentence."""
    hosts = summary["hosts"]
    parts = [
        (summary["wrong"], "wrong", "wrong"),
        (summary["attention"], "needs attention", "need attention"),
        (summary["fine"], "fine", "fine"),
        (summary["none"], "without Postfix", "without Postfix"),
    ]
    said = ", ".join(
        f"{count} {one if count == 1 else more}" for count, one, more in parts if count
    )
    return f"{'1 host' if hosts == 1 else f'{hosts} hosts'}: {said or 'nothing to report'}"


def _union(lists):
    return list(dict.fromkeys(name for each in lists for name in each))


def _text(value, limit=200):
    return clean(value, limit) if isinstance(value, str) else ""


def _number(value):
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and abs(value) < _FOREVER else None


def _list(value):
    return value[:_MOST] if isinstance(value, list) else []
