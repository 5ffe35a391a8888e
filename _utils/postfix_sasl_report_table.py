"""The fleet's report for a terminal."""

import textwrap

import postfix_sasl_report
from postfix_sasl_text import clean, fitted, width

COLUMNS = ("host", "release", "Postfix", "listeners", "AUTH", "TLS", "days left", "drift")
# What a column takes at most; all together, with two blanks between them, fit in 100.
_WIDEST = (26, 9, 8, 15, 12, 7, 9, 5)
_TERMINAL = 100
_TITLES = {"wrong": "Wrong", "attention": "Needs attention"}
_PROBLEMS_SHOWN = 8


def table(data):
    """Return the lines for *data*, which ``postfix_sasl_report.report`` returned."""
    hosts = data["hosts"]
    lines = [postfix_sasl_report.headline(data["summary"])]
    for level, title in _TITLES.items():
        chosen = {name: each for name, each in hosts.items() if each["level"] == level}
        if chosen:
            lines += ["", f"{title}:"]
        for name, each in chosen.items():
            lines += _problems(name, each["problems"])
    rows = [_row(name, each) for name, each in hosts.items()]
    if rows:
        lines += ["", *_aligned([COLUMNS, *rows])]
    if any("!" in cells[3] for cells in rows):
        lines += ["", "! does not answer"]
    if data["summary"]["page"]:
        lines += ["", f"Page: {clean(data['summary']['page'], 4096)}"]
    return lines


def _problems(name, problems):
    if len(problems) > _PROBLEMS_SHOWN:
        more = len(problems) - _PROBLEMS_SHOWN
        problems = [*problems[:_PROBLEMS_SHOWN], f"and {more} more"]
    indent = "    "
    lines = [f"  {name}"]
    for problem in problems:
        lines += textwrap.wrap(
            problem, _TERMINAL, initial_indent=indent, subsequent_indent=indent + "  "
        )
    return lines


def _row(name, each):
    if not each["answered"]:
        return (name, "no answer", *["-"] * (len(COLUMNS) - 2))
    drift = each["drift"] or {"drifted": None}
    days = each["days_left"]
    listeners = each["listeners"]
    return (
        name,
        each["release"] or "-",
        each["postfix"] or "none",
        " ".join(f"{port['port']}{'' if port['open'] else '!'}" for port in listeners) or "-",
        " ".join(each["auth"]) or "-",
        " ".join(each["tls"]) or "-",
        "-" if days is None else "EXPIRED" if days < 0 else str(days),
        {True: "yes", False: "no", None: "?" if each["drift"] else "-"}[drift["drifted"]],
    )


def _aligned(rows):
    widths = [
        min(widest, max(width(row[column]) for row in rows))
        for column, widest in enumerate(_WIDEST)
    ]
    return ["  ".join(map(fitted, row, widths)).rstrip() for row in rows]
