"""salt-call in a host without the second that Python takes to import Salt.

For each release there is one process, started when it is first wanted, that has Salt imported and
forks for each call; salt_forks.py is its program. It ends when we do.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import socket
import subprocess
import time
from pathlib import Path

from . import images, salt_forks

PROGRAM = Path(salt_forks.__file__)
IN_IMAGE = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'


class Call:
    """A salt-call that runs in a host; it has what host.py uses of subprocess.Popen."""

    def __init__(self, release, leader, cgroup, command, environment, stdin, stdout, stderr):
        self.returncode = None
        self._said = ""
        self._answer, answer = os.pipe()
        with contextlib.ExitStack() as stack:
            files = {
                "stdin": stdin.fileno(),
                "stdout": stdout.fileno(),
                "stderr": stderr.fileno(),
                "answer": answer,
                "procs": _opened(stack, cgroup / "cgroup.procs", os.O_WRONLY),
                "root": _opened(stack, f"/proc/{leader}/root"),
            }
            for name in salt_forks.NAMESPACES:
                files[name] = _opened(stack, f"/proc/{leader}/ns/{name}")
            stack.callback(os.close, answer)
            message = json.dumps({"command": command, "environment": environment}).encode()
            descriptors = [files[name] for name in salt_forks.FILES]
            server, _ = _server(release)
            socket.send_fds(server, [message], descriptors)

    def poll(self):
        """Return the exit status, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout):
        """Return the exit status; raise TimeoutExpired if there is none in so many seconds."""
        deadline = time.monotonic() + timeout
        while self.returncode is None:
            left = max(0, deadline - time.monotonic())
            if not select.select([self._answer], [], [], left)[0]:
                raise subprocess.TimeoutExpired("salt-call", timeout)
            text = os.read(self._answer, 100).decode()
            self._said += text
            if not text:  # both lines are there, or it was killed
                os.close(self._answer)
                self._answer = None
                lines = self._said.splitlines()
                status = int(lines[1]) if len(lines) == 2 else 9
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def kill(self):
        """End it, and what it has forked but for daemons."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(self._said.splitlines()[0]), 9)


def _opened(stack, path, flags=os.O_RDONLY) -> int:
    descriptor = os.open(path, flags)
    stack.callback(os.close, descriptor)
    return descriptor


@functools.cache
def _server(release: str) -> tuple[socket.socket, subprocess.Popen]:
    """Return the process that forks for this release, and before it our end of its socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",  # what Python learns of it at its start is as in a host
            "PYTHONDONTWRITEBYTECODE": "1",  # nothing is ever written to an image
        }
        program = [f"{images.SALT_HOME}/bin/python", "-c", PROGRAM.read_text()]
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", IN_IMAGE, images.image(release), *program],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,  # a Ctrl-C in the terminal is for the test run, not for it
        )
    return ours, process
