"""Who could have read a file at any moment while a command ran: told from its system calls.

strace(1) says in which order files were opened, written, renamed, and given another mode. So a
file that was open to others for a microsecond is noticed as surely as one that still is.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "umask,open,openat,creat,write,pwrite64,writev,chmod,fchmod,fchmodat,rename,renameat,"
    "renameat2,link,linkat,unlink,unlinkat,clone,clone3,fork,vfork"
)
_LINE = re.compile(r"(?P<pid>\d+) +(?P<call>[a-z0-9_]+)\((?P<args>.*)\) += (?P<result>-?\d+)")
_RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)", re.DOTALL)
_UNFINISHED = " <unfinished ...>"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_OF_HANDLE = re.compile(r"^\d+<([^>]*)>")
_MODE = re.compile(r", 0([0-7]+)$")
_OTHERS = 0o077
_OF_GROUP = 0o640  # for the group that has to read it, which is checked where the files are


@dataclass
class _File:
    mode: int
    is_secret: bool = False


class Witness:
    """What became of every file; `open_to_others` has those that others could have read.

    secrets
        Texts, in plain ASCII, that mark what nobody else may read.
    modes
        `{path: mode}` of the files that were there before.
    """

    def __init__(self, secrets: list[str], modes: dict[str, int]):
        self.secrets = secrets
        self.files = {path: _File(mode) for path, mode in modes.items()}
        self.umasks: dict[str, int] = {}
        self.open_to_others: set[str] = set()
        self.with_secrets: set[str] = set()

    def read(self, log: Path) -> Witness:
        """Go through what strace wrote."""
        begun: dict[str, str] = {}
        with open(log, encoding="ascii", errors="replace") as lines:
            for line in lines:
                line = line.rstrip("\n")
                if line.endswith(_UNFINISHED):
                    begun[line.split()[0]] = line.removesuffix(_UNFINISHED)
                    continue
                if resumed := _RESUMED.match(line):
                    line = begun.pop(resumed["pid"], "") + resumed["rest"]
                if call := _LINE.match(line):
                    self._call(call["pid"], call["call"], call["args"], int(call["result"]))
        return self

    def _call(self, pid, name, arguments, result):
        if result < 0:
            return
        handle = _OF_HANDLE.match(arguments)
        paths = _QUOTED.findall(arguments)
        if name == "umask":
            self.umasks[pid] = int(arguments, 8)
        elif name in ("clone", "clone3", "fork", "vfork"):
            self.umasks.setdefault(str(result), self.umasks.get(pid, 0o022))
        elif name in ("open", "openat", "creat"):
            self._opened(pid, paths[0], arguments)
        elif name in ("write", "pwrite64", "writev"):
            self._wrote(handle and handle[1], arguments)
        elif name == "fchmod":
            self._changed(handle[1], int(_MODE.search(arguments)[1], 8))
        elif name in ("chmod", "fchmodat"):
            found = re.search(r'", 0([0-7]+)', arguments)
            self._changed(paths[0], int(found[1], 8))
        elif name.startswith(("rename", "link")):
            # Names are the same file afterwards; of a rename the old one is used no more.
            if paths[0] in self.files:
                self.files[paths[1]] = self.files[paths[0]]
                self._judge(paths[1])
        elif name.startswith("unlink"):
            self.files.pop(paths[0], None)

    def _opened(self, pid, path, arguments):
        mode = _MODE.search(arguments)
        if mode and path not in self.files:
            self.files[path] = _File(int(mode[1], 8) & ~self.umasks.get(pid, 0o022))

    def _changed(self, path, mode):
        self.files.setdefault(path, _File(mode)).mode = mode
        self._judge(path)

    def _wrote(self, path, arguments):
        if path is None or not path.startswith("/") or path.startswith(("/memfd:", "/dev/")):
            return
        if any(secret in arguments for secret in self.secrets):
            # One that was not seen to be made is taken for open to everybody.
            self.files.setdefault(path, _File(0o666)).is_secret = True
            self._judge(path)

    def _judge(self, path):
        file = self.files[path]
        if file.is_secret:
            self.with_secrets.add(path)
            if file.mode & _OTHERS and file.mode != _OF_GROUP:
                self.open_to_others.add(f"{path} {file.mode:04o}")


def watched(host, *argv, log: Path, timeout=300) -> subprocess.CompletedProcess:
    """Run a command on a host and have its system calls, and those of its children, written."""
    strace = ["strace", "-f", "-y", "-qq", "-s", "200000", "-e", f"trace={CALLS}", "-o", str(log)]
    return subprocess.run(
        [*strace, *host.command(*argv)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
