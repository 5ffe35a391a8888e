"""The fleet's report as one HTML page, for people who don't use a terminal.

The page is whole by itself: no script, no font, no picture, no style from elsewhere, and its
Content-Security-Policy allows the browser nothing but the one style sheet in it. All that came
from hosts is escaped.
"""

import base64
import contextlib
import hashlib
import html
import os
import tempfile

import postfix_sasl_report as report
from postfix_sasl_certificate import EXPIRES_NOW, EXPIRES_SOON
from postfix_sasl_report_style import CSS
from postfix_sasl_text import clean, fitted

_MODE = 0o644
_TITLE = "Mail servers"
_LEVELS = {
    "wrong": "wrong",
    "attention": "needs attention",
    "fine": "fine",
    "none": "without Postfix",
}
_COLUMNS = (
    ("State", ""),
    ("Release", ""),
    ("Postfix", ""),
    ("Listeners", "ports"),
    ("AUTH", ""),
    ("TLS", ""),
    ("Certificate", "name"),
    ("Days left", "number"),
    ("Differs from pillar", ""),
)
_NOTHING = "&ndash;"
_SCALE = 90  # days that the picture shows; more is as good as any
_MARKS = (0, EXPIRES_NOW, EXPIRES_SOON, 30, 60)
_BARS = 30
_NAME_COLUMNS = 24  # beside a bar's label, also on a telephone
_BAR_HEIGHT = 40
_STYLE_HASH = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
)


def target(path):
    """Return the absolute path to write a page to; raise ValueError where that can't be done.

    path
        As the user typed it, from the directory they are in.
    """
    if not isinstance(path, str) or not path or "\0" in path:
        raise ValueError(f"html: got {clean(path)!r}; takes the name of a file to write")
    path = os.path.abspath(os.path.expanduser(path))
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        raise ValueError(f"html: there is no directory {directory}; make it, or take another")
    if os.path.isdir(path):
        raise ValueError(f"html: {path} is a directory; takes the name of a file to write")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ValueError(f"html: the directory {directory} can't be written to")
    return path


def write(path, text):
    """Put *text* into the file *path* at once, readable by everybody; raise OSError.

    It is for a web server, or to be mailed, and holds no secret.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=".report-", dir=os.path.dirname(path))
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(descriptor, _MODE)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def page(data):
    """Return the page for *data*, which ``postfix_sasl_report.report`` returned."""
    summary, hosts = data["summary"], data["hosts"]
    title = f"{_TITLE}: {summary['wrong']} wrong" if summary["wrong"] else f"{_TITLE}: none wrong"
    moment = summary["time"][:16].replace("T", " ")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_escaped(_POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{_escaped(title)}</title>
<style>{CSS}</style>
</head>
<body>
<header>
<h1>{_TITLE}</h1>
<p class="headline">{_escaped(report.headline(summary))}</p>
<p class="quiet">As the hosts answered on {_escaped(moment)} UTC.</p>
</header>
<main>
{_tiles(summary)}
{_problems(hosts)}
{_expiry(hosts)}
{_table(hosts)}
</main>
<footer><p>Wrong: no answer, not answering clients as configured, or a certificate with
{EXPIRES_NOW} days left or fewer. Needs attention: a certificate with
{EXPIRES_SOON} days left or fewer, or a host that is not as its pillar says.</p></footer>
</body>
</html>
"""


def _escaped(value):
    """Escape any value for text and for attributes in double quotes."""
    return html.escape(clean(value, 4096), quote=True)


def _section(name, title, content):
    heading = f'<h2 id="{name}">{title}</h2>'
    return f'<section aria-labelledby="{name}">\n{heading}\n{content}\n</section>'


def _tiles(summary):
    tiles = "".join(
        f'<div class="tile {level}{" some" if summary[level] else ""}">'
        f"<dt>{words}</dt><dd>{summary[level]}</dd></div>\n"
        for level, words in _LEVELS.items()
    )
    return f'<dl class="tiles">\n{tiles}</dl>'


def _level(level):
    return f'<span class="level {level}">{_LEVELS[level]}</span>'


def _problems(hosts):
    items = "".join(
        f'<li class="{each["level"]}">'
        f'<strong><a href="#host-{number}">{_escaped(name)}</a></strong>'
        f"{_level(each['level'])}<ul>"
        + "".join(f"<li>{_escaped(problem)}</li>" for problem in each["problems"])
        + "</ul></li>\n"
        for number, (name, each) in enumerate(hosts.items())
        if each["problems"]
    )
    content = f'<ul class="problems">\n{items}</ul>' if items else "<p>Nothing.</p>"
    return _section("wrong", "What is wrong", content)


def _expiry(hosts):
    """Return the picture of the certificates' days, the soonest first."""
    dated = [(each["days_left"], name, each) for name, each in hosts.items()]
    dated = sorted((item for item in dated if item[0] is not None), key=lambda item: item[:2])
    if dated:
        content = _figure(dated)
    else:
        content = "<p>No host has shown a certificate.</p>"
    return _section("expiry", "When certificates expire", content)


def _figure(dated):
    shown, rest = dated[:_BARS], dated[_BARS:]
    top = 24
    height = top + len(shown) * _BAR_HEIGHT
    marks = "".join(
        f'<line x1="{_percent(day)}" x2="{_percent(day)}" y1="{top}" y2="{height}"/>'
        f'<text class="axis" x="{_percent(day)}" y="12"{_anchor(day)}>{day}</text>\n'
        for day in _MARKS
    )
    marks += '<text class="axis" x="100%" y="12" text-anchor="end">90+</text>\n'
    bars = "".join(_bar(number, top, *item) for number, item in enumerate(shown))
    days, name, _ = shown[0]
    first = f"First: {name}, whose certificate {report.expiry_words(days)}."
    if rest:
        hosts = "1 more host has" if len(rest) == 1 else f"{len(rest)} more hosts have"
        first += f" Not shown: {hosts} {rest[0][0]} days or more left."
    return (
        f'<figure><svg role="img" aria-labelledby="expiry-title expiry-text" width="100%" '
        f'height="{height}">\n<title id="expiry-title">Days left of each certificate</title>\n'
        f'<desc id="expiry-text">{_escaped(first)} The table below has them all.</desc>\n'
        f"{marks}{bars}</svg>\n<figcaption>{_escaped(first)}</figcaption></figure>"
    )


def _percent(days):
    return f"{100 * min(max(days, 0), _SCALE) / _SCALE:.2f}%"


def _anchor(day):
    return ' text-anchor="middle"' if day else ""


def _bar(number, top, days, name, each):
    y = top + number * _BAR_HEIGHT
    level = report.expiry_level(days)
    date = each["certificate"]["not_after"]
    words = f"{days} days" if days > 1 else report.expiry_words(days)
    date = f'<tspan class="date">, {_escaped(date)}</tspan>' if date else ""
    # An expired one is shown in full, so that nobody takes it for one with nothing to show.
    length = "100%" if days < 0 else _percent(max(days, 0.5))
    return (
        f'<text x="0" y="{y + 16}">{_escaped(fitted(name, _NAME_COLUMNS).rstrip())}</text>'
        f'<text class="{level}" x="100%" y="{y + 16}" text-anchor="end">{words}{date}</text>'
        f'<rect class="track" x="0" y="{y + 22}" width="100%" height="8" rx="4"/>'
        f'<rect class="{level}" x="0" y="{y + 22}" width="{length}" height="8" rx="4"/>\n'
    )


def _table(hosts):
    head = "".join(
        f'<th scope="col" role="columnheader"{_class(kind)}>{name}</th>' for name, kind in _COLUMNS
    )
    rows = "".join(_row(number, *item) for number, item in enumerate(hosts.items()))
    content = (
        '<div class="scroll">\n<table role="table">\n'
        "<caption>All hosts, what is wrong first</caption>\n"
        '<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">Host</th>'
        f'{head}</tr></thead>\n<tbody role="rowgroup">\n{rows}</tbody>\n</table>\n</div>'
    )
    return _section("hosts", "All hosts", content)


def _class(name):
    return f' class="{name}"' if name else ""


def _row(number, name, each):
    cells = (
        _level(each["level"]),
        _escaped(" ".join(filter(None, (each["release"], each["debian"])))) or _NOTHING,
        _escaped(each["postfix"] or "") or _NOTHING,
        " ".join(map(_listener, each["listeners"])) or _NOTHING,
        _escaped(" ".join(each["auth"])) or _NOTHING,
        _escaped(" ".join(each["tls"])) or _NOTHING,
        _certificate(each["certificate"]),
        _days(each["days_left"]),
        _drift(each["drift"]),
    )
    row = "".join(
        f'<td role="cell" data-label="{label}"{_class(kind)}>{cell}</td>'
        for (label, kind), cell in zip(_COLUMNS, cells, strict=True)
    )
    heading = f'<th scope="row" role="rowheader">{_escaped(name)}</th>'
    return f'<tr role="row" id="host-{number}">{heading}{row}</tr>\n'


def _listener(each):
    port = _escaped(each["port"])
    if each["open"]:
        return f'<span class="port">{port}</span>'
    return f'<span class="port closed">{port} (no answer)</span>'


def _certificate(certificate):
    if not certificate:
        return _NOTHING
    kind = ", self-signed" if certificate["self_signed"] else ""
    return f"{_escaped(certificate['name'] or 'without a name')}{kind}"


def _days(days):
    if days is None:
        return _NOTHING
    level = report.expiry_level(days)
    text = "expired" if days < 0 else str(days)
    return text if level == "fine" else f'<span class="level {level}">{text}</span>'


def _drift(drift):
    if drift is None:
        return _NOTHING
    if drift["drifted"] is None:
        return "not known"
    return f"yes, in {len(drift['things'])}" if drift["drifted"] else "no"
