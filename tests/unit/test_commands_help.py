"""The commands in bin explain themselves to everybody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = sorted((Path(__file__).resolve().parents[2] / "bin").iterdir())
# As root: another user, who may still read this checkout wherever it is.
NOT_ROOT = (
    "setpriv",
    "--reuid=65534",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda path: path.name)
@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_needs_no_root(command, word):
    someone = [] if os.geteuid() else NOT_ROOT
    run = subprocess.run(
        [*someone, sys.executable, command, word], capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert f"bin/{command.name}" in run.stdout.partition("usage: ")[2].splitlines()[0]
