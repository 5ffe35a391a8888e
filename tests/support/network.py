"""A network namespace: where a host, or a machine beside it, has its network cards and ports."""

from __future__ import annotations

import contextlib
import ctypes
import shlex
import subprocess

from .errors import HostError

CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


class Network:
    """A network namespace that exists as long as the process `pid`."""

    def __init__(self, pid: int):
        self.pid = pid

    @contextlib.contextmanager
    def network(self):
        """Put the calling thread into this network: its new sockets are there, not here."""
        with open("/proc/thread-self/ns/net") as ours, open(self._namespace()) as theirs:
            _setns(theirs.fileno())
            try:
                yield self
            finally:
                _setns(ours.fileno())

    def ip(self, *argv: str) -> str:
        """Run the command `ip` in this network and return what it prints."""
        command = ["nsenter", f"--net={self._namespace()}", "ip", *argv]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise HostError(f"{shlex.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def _namespace(self) -> str:
        return f"/proc/{self.pid}/ns/net"


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns failed")
