"""The hooks of pre-commit, in a repository of their own, pass what is good and nothing else."""

import os
import subprocess
import sys

import pytest
from support import checkout

PYTHON_FILE = "_utils/postfix_sasl_text.py"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A copy of this repository, with everything in git's index."""
    return checkout.make(tmp_path_factory.mktemp("hooks") / "copy")


@pytest.fixture
def hooks(repository):
    """Return a function that runs the hooks: (exit status, names of those that failed)."""

    def run():
        command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never"]
        environment = {**os.environ, "PRE_COMMIT_HOME": str(repository.parent / "home")}
        done = subprocess.run(
            command, cwd=repository, env=environment, capture_output=True, text=True, timeout=120
        )
        names = [line.partition("...")[0] for line in done.stdout.splitlines() if "Failed" in line]
        return done.returncode, names

    return run


def test_what_is_good_passes(hooks):
    assert hooks() == (0, [])


@pytest.mark.parametrize(
    ("path", "text", "failed"),
    [
        (PYTHON_FILE, "import os\n", ["ruff, yamllint, salt-lint", "the mark of the modules"]),
        ("pillar.example", "a:   [b]\n", ["ruff, yamllint, salt-lint"]),
        ("postfix_sasl/init.sls", "a:\n  b.c:\n    - mode: 644\n", ["ruff, yamllint, salt-lint"]),
    ],
    ids=["python", "yaml", "sls"],
)
def test_what_is_bad_does_not(hooks, repository, path, text, failed):
    good = (repository / path).read_text()
    (repository / path).write_text(good + text)
    subprocess.run(["git", "add", path], cwd=repository, check=True)
    assert hooks() == (1, failed)
    (repository / path).write_text(good)
    subprocess.run(["git", "add", path], cwd=repository, check=True)
