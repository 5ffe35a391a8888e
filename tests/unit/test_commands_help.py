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


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--salt", "3009", "unit"], "'3009'? There are 3006, 3007, 3008."),
        (["unit", "--salt"], "There are 3006, 3007, 3008."),
        (["--salt=3006", "fleet"], "the fleet has a minion of each Salt"),
    ],
)
def test_a_salt_that_cannot_be_is_refused_in_one_line(words, reason):
    (command,) = [path for path in COMMANDS if path.name == "test"]
    run = subprocess.run([sys.executable, command, *words], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert reason in run.stderr and run.stderr.count("\n") == 1
