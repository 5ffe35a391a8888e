"""The processes that a second apply starts, counted by strace from outside the host."""

import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from support import machine
from support.host import Host

from . import contenders, tables
from .contenders import FLOOR, NAMES, OURS, RELEASE, SALTS_OWN

_STARTED = re.compile(r"\b(?:clone3?|v?fork)\((?!.*CLONE_THREAD)")
_EXEC = re.compile(r'^(?P<pid>\d+) +execve\("(?P<path>[^"]+)".*(?P<end>= 0|<unfinished \.\.\.>)$')
_RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. execve resumed>.*= 0$")


def measure():
    """Return the section of the results."""
    machine.install_missing({"strace": "strace"})
    with contenders.image() as image, Host.boot(RELEASE, layers=image) as host:
        contenders.apply(host, OURS)
        found = {}
        for sls in (FLOOR, SALTS_OWN, OURS):
            contenders.apply(host, sls)
            found[sls] = _traced(host, sls)
    floor_programs = found[FLOOR][1]
    rows = [
        (
            NAMES[sls],
            started,
            programs.total(),
            ", ".join(f"{count} {name}" for name, count in (programs - floor_programs).items()),
        )
        for sls, (started, programs) in found.items()
    ]
    beyond = found[OURS][0] - found[SALTS_OWN][0]
    bar = tables.verdict("processes beyond those of Salt's own states", beyond, 2)
    header = ("second apply", "processes", "programs", "beyond the floor")
    return "\n".join([tables.table(header, rows), "", bar])


def _traced(host, sls):
    """Return (processes started, programs run) by one apply."""
    command = host.command(*contenders.salt_call("state.apply", sls))
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "log"
        strace = ["strace", "-f", "-e", "trace=process", "-s", "200", "-o", str(log)]
        subprocess.run([*strace, *command], check=True, capture_output=True, timeout=300)
        lines = log.read_text(errors="replace").splitlines()
    programs = list(_programs(lines))
    at = next(n for n, path in enumerate(programs) if path.endswith("salt-call"))
    started = sum(bool(_STARTED.search(line)) for line in lines)
    return started, Counter(Path(path).name for path in programs[at + 1 :])


def _programs(lines):
    """Yield the path of each program that was run; strace cuts a call in two when it waits."""
    waiting = {}
    for line in lines:
        if match := _EXEC.match(line):
            if match["end"] == "= 0":
                yield match["path"]
            else:
                waiting[match["pid"]] = match["path"]
        elif (match := _RESUMED.match(line)) and match["pid"] in waiting:
            yield waiting.pop(match["pid"])
