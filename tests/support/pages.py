"""The pages people read, and what the code blocks in them hold: commands, their output, YAML.

A block whose lines begin with `$ ` is a terminal: what follows a command up to the next one is what
it prints. `[...]` stands for what a page leaves out: on a line of its own for any lines, at the end
of a line for the rest of it.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROMPT = "$ "
LEFT_OUT = "[...]"

# What differs from one run or release to the next, wherever it stands. Anything else has to be as
# it is shown.
VOLATILE = (
    (r"\b\d+ days left", "N days left"),
    (r"\bprocess \d+(, \d+)*", "process N"),
    (r"\b\d+ changes;", "N changes;"),  # on a fresh host: a matter of the formula's release
    (r"/proc/\d+/", "/proc/N/"),
    (r"\bpostfix/(\S+)\[\d+\]", r"postfix/\1[N]"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(\+00:00)?", "TIME"),
    (r"\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ", "TIME "),
    (r"\b(Started|Duration|Total run time): .*", r"\1: TIME"),
    (r"\b20\d{18}\b", "JOB"),
    (r"\b(3\.\d+)\.\d+\b", r"\1.N"),  # Debian's updates of Postfix
)
# Lines that nobody's answer has: Salt 3008 tells what it has not closed itself, and a master in
# the tests misses the log server that salt-factories would have.
NOISE = re.compile(r"(\[WARNING \] )?unclosed \w+ <|.* Cannot connect back to log server at ")


@dataclass(frozen=True)
class Command:
    """A command as it is typed, and the lines that a page shows below it."""

    text: str
    shown: tuple[str, ...]

    def difference(self, printed: str) -> str:
        """Return how `printed` differs from what is shown; "" if it does not.

        A command below which nothing is shown may print anything.
        """
        if not self.shown:
            return ""
        lines = [line for line in printed.splitlines() if not NOISE.match(line)]
        real = [_steady(line) for line in "\n".join(lines).rstrip().splitlines()]
        shown = [_steady(line) for line in self.shown]
        if re.fullmatch("".join(map(_pattern, shown)), "".join(f"{line}\n" for line in real)):
            return ""
        return "\n".join(difflib.unified_diff(shown, real, "shown", "printed", lineterm="", n=99))


@dataclass(frozen=True)
class Block:
    """A fenced block: where it is, the language named at its fence, and its text."""

    page: str
    heading: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def path(self) -> str:
        """The path of the file that this is, which its first line names; "" if it is none."""
        named = re.match(r"# (/\S+)\n", self.text)
        return named[1] if named else ""

    @property
    def commands(self) -> list[Command]:
        """The commands typed in this block, in order."""
        found: list[tuple[list[str], list[str]]] = []
        typing = False
        for line in self.text.splitlines():
            if line.startswith(PROMPT):
                found.append(([line.removeprefix(PROMPT)], []))
            elif typing:
                found[-1][0].append(line)
            elif found:
                found[-1][1].append(line)
            typing = line.endswith("\\") and (typing or line.startswith(PROMPT))
        return [
            Command("\n".join(typed), tuple("\n".join(shown).rstrip().splitlines()))
            for typed, shown in found
        ]


def blocks() -> list[Block]:
    """Return every fenced block of every page."""
    paths = [*REPOSITORY.glob("*.md"), *sorted((REPOSITORY / "docs").rglob("*.md"))]
    return [block for path in paths for block in read(path)]


def read(path: Path) -> list[Block]:
    """Return the fenced blocks of one page."""
    found, heading, fence = [], "", None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        mark = re.match(r"\s*(`{3,}|~{3,})(.*)", line)
        if fence is None and mark:
            fence, language, start, inside = mark[1], mark[2].strip(), number, []
            indent = len(line) - len(line.lstrip())
        elif fence is not None and line.strip() == fence:
            page = path.relative_to(REPOSITORY).as_posix()
            found.append(Block(page, heading, start, language, "\n".join(inside) + "\n"))
            fence = None
        elif fence is not None:
            inside.append(line[indent:] if not line[:indent].strip() else line)
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
    return found


def with_commands() -> dict[tuple[str, str], list[Command]]:
    """Return {(page, heading): the commands typed under it} for all pages."""
    found: dict[tuple[str, str], list[Command]] = {}
    for block in blocks():
        if block.commands:
            found.setdefault((block.page, block.heading), []).extend(block.commands)
    return found


def _steady(line: str) -> str:
    for volatile, name in VOLATILE:
        line = re.sub(volatile, name, line)
    return line.rstrip()


def _pattern(line: str) -> str:
    """Return what matches the lines that a shown line stands for."""
    if line.strip() == LEFT_OUT:
        return r"(?:.*\n)*?"
    if line.endswith(LEFT_OUT):
        return re.escape(line.removesuffix(LEFT_OUT)) + r".*\n"
    return re.escape(line) + r"\n"
