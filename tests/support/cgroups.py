"""The control groups of this machine, by which hosts are held apart and found again."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from .errors import HostError

NAME_PREFIX = "pfsasl"
INOTIFY_LIMIT, INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances"), 1024


def cgroup_root() -> Path:
    """Return where this machine has its unified control groups."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    raise HostError("this machine has no unified control groups (cgroup2)")


def make_room_for_hosts() -> None:
    """Let root watch more files until the machine is restarted: each systemd takes some of it.

    Linux allows 128 inotify instances by itself, which is what some 20 hosts need; one more does
    not start, without a word.
    """
    if int(INOTIFY_LIMIT.read_text()) < INOTIFY_INSTANCES:
        INOTIFY_LIMIT.write_text(str(INOTIFY_INSTANCES))


def remove_leftovers() -> list[str]:
    """Remove what hosts of test runs that are dead may have left, and return their names."""
    removed = []
    for group in cgroup_root().glob(f"{NAME_PREFIX}-*-*"):
        pid = group.name.split("-")[1]
        if Path(f"/proc/{pid}").exists():
            continue
        with contextlib.suppress(OSError):
            (group / "cgroup.kill").write_text("1")
        for _ in range(100):
            for directory in sorted(group.rglob("*/"), reverse=True):
                with contextlib.suppress(OSError):
                    directory.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
            if not group.exists():
                removed.append(group.name)
                break
            time.sleep(0.05)
    return removed
