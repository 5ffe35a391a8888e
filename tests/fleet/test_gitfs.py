"""The formula from a git repository that the master reads: a fresh minion, and a new commit."""

import subprocess
import time

import pytest
import yaml
from support import mail, pages, wait, walk
from support.fleet import Fleet
from support.layers import PASSWORD, USER
from support.minion import StateRun

PAGE = "docs/gitfs.md"
SERVER = "https://git.example.org/"
MINION = "trixie"
BRANCH = "main"
AUTHOR = ("-c", "user.name=test", "-c", "user.email=test@example.com")
NEW_DEFAULT = """
OPTIONS["main"] = OPTIONS["main"]._replace(default={"message_size_limit": "7654321"})
"""


class GitFleet(Fleet):
    """A fleet whose master has no files of its own, only a bare repository to fetch from.

    Its configuration is that of the page.
    """

    def __init__(self, directory, minions):
        self.repository = directory / "postfix_sasl.git"
        [config] = [block.text for block in pages.read(pages.REPOSITORY / PAGE) if block.path]
        here = {"gitfs_provider": "gitpython", "file_roots": {}}
        super().__init__(directory, minions, yaml.safe_load(config) | here)

    def _meanwhile(self):
        git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", self.repository)
        git("init", "--quiet", f"--initial-branch={BRANCH}", self.formula)
        self.push("first")
        super()._meanwhile()

    def push(self, message):
        """Commit what the formula's directory holds, and push it to the repository."""
        here = ("-C", self.formula)
        git(*here, "add", "--all")
        git(*here, *AUTHOR, "commit", "--quiet", f"--message={message}")
        git(*here, "push", "--quiet", self.repository, BRANCH)


def git(*words):
    subprocess.run(["git", *map(str, words)], check=True, timeout=60)


@pytest.fixture(scope="module")
def git_fleet(tmp_path_factory):
    """A master that has the formula from git, and one minion without any mail software."""
    minions = {MINION: {"release": MINION}}
    directory = tmp_path_factory.mktemp("gitfs")
    with pytest.MonkeyPatch.context() as patch:
        # For git the server of the page is that directory.
        patch.setenv("GIT_CONFIG_COUNT", "1")
        patch.setenv("GIT_CONFIG_KEY_0", f"url.file://{directory}/.insteadOf")
        patch.setenv("GIT_CONFIG_VALUE_0", SERVER)
        with GitFleet(directory, minions) as fleet:
            fleet.hosts[MINION].add_user(USER, PASSWORD)
            yield fleet


def test_a_fresh_minion_applies_and_then_a_new_commit_takes_effect(git_fleet):
    first = git_fleet.apply()
    assert first.succeeded, first
    with git_fleet.network():
        answer = mail.login(587, USER, PASSWORD, host=git_fleet.addresses[MINION])
    assert answer.code == 235

    git_fleet.release("_utils/postfix_sasl_options.py", NEW_DEFAULT)
    git_fleet.push("another default")
    since = time.time()
    walk.follow(git_fleet.terminal, "docs/gitfs.md", is_written=True)
    [answer] = wait.until(lambda: applies(git_fleet, since))
    changes = StateRun(answer["retcode"], answer["return"]).changes
    assert list(changes) == ["message_size_limit"]
    assert changes["message_size_limit"]["new"] == "7654321"


def applies(fleet, since):
    """Return what the minion has answered to applies; a slow one is also asked whether it runs."""
    answers = fleet.events(f"salt/job/*/ret/{MINION}", since)
    return [answer for answer in answers if answer["fun"] == "state.apply"]
