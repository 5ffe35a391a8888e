"""The machine that the tests run on, for what a page tells to type where the repository is."""

from __future__ import annotations

import os
import subprocess


class ThisMachine:
    """Takes the place of a host in `walk.follow`; `typed` is what a command then reads."""

    def __init__(self, typed: str = ""):
        self._typed = typed

    def run(self, *argv, check=True, timeout=60, env=None):
        """Run a command like `Host.run`, with the programs that this test run has."""
        environment = {**os.environ, **(env or {}), "PATH": os.environ["PATH"]}
        return subprocess.run(
            argv,
            check=check,
            timeout=timeout,
            env=environment,
            input=self._typed,
            capture_output=True,
            text=True,
        )
