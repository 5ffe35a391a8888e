"""What contributors are told to type, typed on this machine, in a checkout of its own.

Tests that are started here are collected and not run: they are part of the run that this is in.
Only the one for which a shell is to be opened runs.
"""

import pytest
from support import checkout, pages, walk
from support.here import ThisMachine

COLLECTED = {"PYTEST_ADDOPTS": "--collect-only"}
SHELL = "root@mail:/# "
MADE_TO_FAIL = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call():
    yield
    raise AssertionError("made to fail")
"""


@pytest.fixture
def clone(tmp_path):
    return checkout.make(tmp_path / "clone")


def test_from_a_clone_to_a_green_test(clone):
    here = ThisMachine(environment=COLLECTED)
    walk.follow(here, "CONTRIBUTING.md", "From a clone to a green test", clone)


@pytest.mark.timeout(400)  # it lints, collects 3,000 tests and makes a host
def test_while_you_work(clone):
    here = ThisMachine(environment=COLLECTED)
    walk.follow(here, "CONTRIBUTING.md", "While you work", clone)
    assert "pre-commit" in (clone / ".git/hooks/pre-commit").read_text()


def test_a_shell_where_a_test_fails(clone, tmp_path):
    (tmp_path / "made_to_fail.py").write_text(MADE_TO_FAIL)
    environment = {"PYTEST_ADDOPTS": "-p made_to_fail", "PYTHONPATH": str(tmp_path)}
    here = ThisMachine(typed_in_the_shell(), environment)
    heading = "When a test on a host fails"
    walk.follow(here, "CONTRIBUTING.md", heading, clone, fails="sudo bin/test")


def typed_in_the_shell():
    """Return what the page types into the shell that opens."""
    blocks = pages.read(pages.REPOSITORY / "CONTRIBUTING.md")
    lines = [line for block in blocks for line in block.text.splitlines()]
    typed = [line.removeprefix(SHELL) for line in lines if line.startswith(SHELL)]
    assert typed
    return "\n".join(["set -e", *typed, ""])


def test_the_pages_are_built(clone):
    walk.follow(ThisMachine(), "docs/development.md", "The pages", clone)
