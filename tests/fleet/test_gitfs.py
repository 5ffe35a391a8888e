"""The formula from a git repository that the master reads: a fresh minion, and a new commit."""

import subprocess

import pytest
from support import mail
from support.fleet import Fleet
from support.layers import PASSWORD, USER

MINION = "trixie"
BRANCH = "main"
AUTHOR = ("-c", "user.name=test", "-c", "user.email=test@example.com")
NEW_DEFAULT = """
OPTIONS["main"] = OPTIONS["main"]._replace(default={"message_size_limit": "7654321"})
"""


class GitFleet(Fleet):
    """A fleet whose master has no files of its own, only a bare repository to fetch from."""

    def __init__(self, directory, minions):
        self.repository = directory / "postfix_sasl.git"
        config = {
            "fileserver_backend": ["gitfs"],
            "gitfs_provider": "gitpython",
            "gitfs_remotes": [{f"file://{self.repository}": [{"base": BRANCH}]}],
            "file_roots": {},
        }
        super().__init__(directory, minions, config)

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
    with GitFleet(tmp_path_factory.mktemp("gitfs"), minions) as fleet:
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
    git_fleet.run("fileserver.update")
    upgraded = git_fleet.apply()
    assert upgraded.succeeded, upgraded
    assert list(upgraded[MINION].changes) == ["message_size_limit"]
    assert upgraded[MINION].changes["message_size_limit"]["new"] == "7654321"
