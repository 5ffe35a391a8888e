"""The mark by which minions notice that the modules have changed."""

import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def test_the_mark_is_up_to_date():
    command = [sys.executable, REPOSITORY / "bin" / "stamp", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)
