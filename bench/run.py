"""Run parts of the benchmark and put what they find into RESULTS.md."""

import importlib
import os
import platform
import re
from pathlib import Path

import private_salt

from .contenders import RELEASE

RESULTS = Path(__file__).with_name("RESULTS.md")
MODULES = {
    "applies": "applies",
    "processes": "processes",
    "growth": "growth",
    "compile": "compiling",
    "fleet": "fleet",
}
INTRODUCTION = """\
# How fast it is

Written by `sudo bin/bench`. Ratios hold from one machine to another, roughly; seconds are those
of one run. Contenders take turns, and each number is the median of its rounds.
"""


def parts(names):
    """Measure these parts, print and save their tables; return 1 if a bar is missed, else 0."""
    missed = False
    for name in names:
        print(f"measuring: {name} ...", flush=True)
        section = importlib.import_module(f"bench.{MODULES[name]}").measure()
        missed = missed or "missed" in section
        text = f"{section}\n\nMeasured on {_machine()}.\n"
        print(f"\n{text}", flush=True)
        _save(name, text)
    return 1 if missed else 0


def _machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} processors ({platform.machine()}) with {memory:.0f} GB; hosts: Debian "
        f"{RELEASE}, Salt {private_salt.SALT}; load when it ended: {os.getloadavg()[0]:.0f}"
    )


def _save(name, text):
    """Put the section of one part in place of the one that was there."""
    old = RESULTS.read_text() if RESULTS.exists() else ""
    sections = dict(re.findall(r"^## (\w+)\n\n(.*?)(?=^## |\Z)", old, re.MULTILINE | re.DOTALL))
    sections[name] = f"{text}\n"
    body = "".join(f"## {part}\n\n{sections[part]}" for part in MODULES if part in sections)
    RESULTS.write_text(f"{INTRODUCTION}\n{body.rstrip()}\n")
