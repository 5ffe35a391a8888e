"""Processes on a host, as /proc has them (proc(5)): which run, and what each is."""

import os


def process_of(pid_file, program):
    """Return the process id in *pid_file* if that process runs *program*, else None."""
    try:
        # Its directory may be the daemon's own, who might put a pipe there that nobody writes to.
        handle = os.open(pid_file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            pid = int(os.read(handle, 32).split()[0])
        finally:
            os.close(handle)
        target = os.readlink(f"/proc/{pid}/exe")
    except (OSError, ValueError, IndexError):
        return None
    # The name of a program that was upgraded under a running process ends in " (deleted)".
    return pid if os.path.basename(target.removesuffix(" (deleted)")) == program else None


def processes(program, uid=None):
    """Return the ids of the processes that run *program*, those of the user *uid* if given.

    Those inside of containers, which have ids of their own, are not counted.
    """
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            target = os.readlink(f"/proc/{pid}/exe")
            owner = uid if uid is None else os.stat(f"/proc/{pid}").st_uid
            if not os.path.samefile(f"/proc/{pid}/ns/pid", "/proc/self/ns/pid"):
                continue
        except OSError:
            continue
        if owner == uid and os.path.basename(target.removesuffix(" (deleted)")) == program:
            found.append(int(pid))
    return sorted(found)


def command_of(pid):
    """Return the words a process was started with; none where it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as words:
            return words.read().rstrip("\0").split("\0")
    except OSError:
        return []


def state_of(pid):
    """Return a process's state, a letter of proc(5) such as ``T`` for stopped; None for none."""
    return _status_of(pid, "State")[:1] or None


def groups_of(pid):
    """Return the groups of a process, as a set of numbers."""
    return {int(word) for word in f"{_status_of(pid, 'Groups')} {_status_of(pid, 'Gid')}".split()}


def program_of(pid):
    """Return the name of a process's program, 15 bytes of it at most; "" for none."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as name:
            return name.read().rstrip("\n")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def start_of(pid):
    """Return when a process started, in seconds of uptime; -1 for none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            after_name = stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return -1.0
    # proc(5): the 22nd field of stat.
    return int(after_name[19]) / os.sysconf("SC_CLK_TCK")


def _status_of(pid, name):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith(f"{name}:"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""
