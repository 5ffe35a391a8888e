"""The machine that the tests run on, for what a page tells to type where the repository is."""

from __future__ import annotations

import os
import subprocess


class ThisMachine:
    """Takes the place of a host in `walk.follow`.

    `typed` is what a command reads, `environment` what it finds in its own beside that of the test
    run, and `enter` returns the command that runs another one where it shall run.
    """

    def __init__(self, typed: str = "", environment: dict | None = None, enter=None):
        self._typed = typed
        self._environment = environment or {}
        self._enter = enter or (lambda *argv: argv)

    def run(self, *argv, check=True, timeout=60, env=None):
        """Run a command like `Host.run`, with the programs that this test run has."""
        environment = {**os.environ, **(env or {}), **self._environment}
        environment["PATH"] = os.environ["PATH"]
        return subprocess.run(
            self._enter(*argv),
            check=check,
            timeout=timeout,
            env=environment,
            input=self._typed,
            capture_output=True,
            text=True,
        )
