"""Tables in Markdown, and verdicts on the bars."""

import statistics


def table(header, rows):
    """Return a Markdown table; the first column is text, the others are numbers."""
    cells = [list(map(str, row)) for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths) for row in cells]
    rule = [
        "-" * width if number == 0 else "-" * (width - 1) + ":"
        for number, width in enumerate(widths)
    ]
    return "\n".join([lines[0], _line(rule, widths), *lines[1:]])


def _line(row, widths):
    first, *rest = zip(row, widths, strict=True)
    words = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]
    return f"| {' | '.join(words)} |"


def verdict(name, value, bar, most=True, unit=""):
    """Return one line that says whether *value* keeps to the bar: at most, or at least, *bar*."""
    met = value <= bar if most else value >= bar
    words = "at most" if most else "at least"
    return f"- {name}: {value:.3g}{unit}, {words} {bar}{unit}: {'met' if met else 'missed'}"


def median(values):
    """Return the median."""
    return statistics.median(values)
