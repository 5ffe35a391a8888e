"""What a host did not do, with all that is known of why."""

from __future__ import annotations

import shlex


class HostError(RuntimeError):
    """A host did not do what it was told; the message holds what it printed."""


class CommandFailed(HostError):
    """A command inside a host failed, or took too long."""

    def __init__(self, host, argv, why: str, stdout: str = "", stderr: str = ""):
        self.stdout, self.stderr = stdout, stderr
        text = f"{host.release}: {shlex.join(argv)}: {why}"
        for name, output in (("stdout", stdout), ("stderr", stderr)):
            if output:
                text += f"\n--- {name}\n{output.rstrip()}"
        super().__init__(text)
