"""A real master with many real minions: wall time, and what each minion costs the master."""

import os
import tempfile
import time
from pathlib import Path

from support.errors import HostError
from support.fleet import Fleet

from . import contenders, tables
from .contenders import FLOOR, OURS, RELEASE

# A host with its minion takes 150 MB, and some processor to start.
MINIONS = min(20, int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") / 2**30 * 2))
BATCH = 5
TIMEOUT = 900


def measure():
    """Return the section of the results."""
    rows = []
    with contenders.image() as image:
        for batch in (None, BATCH):
            rows += _runs(image, batch)
    header = ("run", "seconds", "master's processor", "for each minion")
    text = (
        f"{MINIONS} minions on one machine with their master: they share its processors, so the "
        "seconds are mostly those that the minions compute. The packages are there."
    )
    return "\n".join([text, "", tables.table(header, rows)])


def _runs(image, batch):
    """Return the rows of a fresh fleet: the floor, a first apply, two that change nothing."""
    minions = {
        f"minion{number:02}": {"release": RELEASE, "layers": image} for number in range(MINIONS)
    }
    how = f"batches of {batch}" if batch else "all at once"
    with tempfile.TemporaryDirectory() as directory, Fleet(Path(directory), minions) as fleet:
        (fleet.formula / "floor.sls").write_text((contenders.STATES / "floor.sls").read_text())
        _apply(fleet, FLOOR, batch)
        return [
            _row(f"{what}, {how}", *_apply(fleet, sls, batch))
            for what, sls in (
                ("Salt's floor", FLOOR),
                ("first apply", OURS),
                ("second apply", OURS),
                ("third apply", OURS),
            )
        ]


def _apply(fleet, sls, batch):
    """Apply an SLS everywhere; return (seconds, seconds of the master's processor)."""
    options = [f"--timeout={TIMEOUT}", *([f"--batch-size={batch}"] if batch else [])]
    before, started = _cpu_inside(fleet.pid), time.perf_counter()
    done = fleet.salt("state.apply", sls, *options)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise HostError(f"{sls}: salt ended with {done.returncode}\n{done.stdout[-3000:]}")
    return seconds, _cpu_inside(fleet.pid) - before


def _row(what, seconds, cpu):
    return what, f"{seconds:.1f}", f"{cpu:.2f}", f"{cpu / MINIONS:.3f}"


def _cpu_inside(pid):
    """Return the seconds of processor that all in the process namespace of *pid* have used."""
    wanted = os.readlink(f"/proc/{pid}/ns/pid_for_children")
    ticks = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(path / "ns/pid") == wanted:
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                ticks += sum(map(int, fields[11:15]))  # its own, and of children that ended
        except OSError:  # it has ended, or is not for us to see
            continue
    return ticks / os.sysconf("SC_CLK_TCK")
