"""The beacon: it compares only where something has changed, and tells each drift once."""

import os

import pytest
from postfix_sasl_parts import Part
from postfix_sasl_things import File
from postfix_sasl_watched import Watch, by, fingerprint, problem

DRIFT = {"a": {"old": 1, "new": 2}}


class Salt(dict):
    """Salt's functions, for a host whose drift is ``changes``; an exception is raised."""

    def __init__(self, path):
        self.changes, self.busy, self.compared = {}, [], 0
        self.watched = {"files": [path], "processes": []}
        super().__init__(
            {"postfix_sasl.drift": self.drift, "state.running": lambda: list(self.busy)}
        )

    def drift(self, watched):
        assert watched
        self.compared += 1
        if isinstance(self.changes, Exception):
            raise self.changes
        return {"changes": self.changes, "watched": self.watched}


@pytest.fixture
def path(tmp_path):
    (tmp_path / "main.cf").write_text("a = 1\n")
    return str(tmp_path / "main.cf")


@pytest.fixture
def salt(path):
    return Salt(path)


@pytest.fixture
def watch(salt):
    """A watch that has looked at the host as it should be."""
    watch = Watch()
    assert [watch.tick(salt) for _ in range(3)] == [[], [], []]
    salt.compared = 0
    return watch


def test_nothing_is_compared_while_nothing_changes(watch, salt):
    assert watch.tick(salt) == [] and salt.compared == 0


@pytest.mark.parametrize("touch", [os.utime, os.unlink, lambda path: os.chmod(path, 0o600)])
def test_a_change_of_any_kind_is_compared(watch, salt, path, touch):
    touch(path)
    assert watch.tick(salt) == [] and salt.compared == 1
    assert watch.tick(salt) == [] and salt.compared == 1


def test_a_process_that_is_another_one_by_now_is_noticed(tmp_path):
    program = os.path.basename(os.readlink("/proc/self/exe"))
    pid_file = tmp_path / "pid"
    watched = {"files": [], "processes": [[str(pid_file), program]]}
    missing = fingerprint(watched)
    pid_file.write_text(f"{os.getpid()}\n")
    assert fingerprint(watched) != missing


def test_drift_is_told_once_and_so_is_its_end(watch, salt, path):
    salt.changes = DRIFT
    os.utime(path)
    assert watch.tick(salt) == [{"tag": "drift", "drifted": True, "changes": DRIFT}]
    os.utime(path)
    assert watch.tick(salt) == []
    salt.changes = {}
    os.utime(path)
    assert watch.tick(salt) == [{"tag": "resolved", "drifted": False}]
    os.utime(path)
    assert watch.tick(salt) == []


def test_another_drift_is_told_again(watch, salt, path):
    for changes in (DRIFT, {**DRIFT, "b": {"old": None, "new": "x"}}):
        salt.changes = changes
        os.utime(path)
        assert [event["changes"] for event in watch.tick(salt)] == [changes]


def test_drift_that_was_there_before_the_minion_is_told(salt):
    salt.changes = DRIFT
    assert Watch().tick(salt) == [{"tag": "drift", "drifted": True, "changes": DRIFT}]


def test_a_state_run_is_waited_for(watch, salt, path):
    salt.busy, salt.changes = ["a state run"], DRIFT
    os.utime(path)
    assert watch.tick(salt) == [] and salt.compared == 0
    salt.busy = []
    assert watch.tick(salt)[0]["tag"] == "drift"


def test_a_comparison_that_fails_is_told_once_and_not_repeated_at_once(watch, salt, path):
    salt.changes = RuntimeError("pillar: no answer")
    os.utime(path)
    assert watch.tick(salt) == [{"tag": "error", "error": "pillar: no answer"}]
    assert watch.tick(salt) == [] and salt.compared == 1
    watch.not_before = 0.0
    assert watch.tick(salt) == [] and salt.compared == 2
    watch.not_before, salt.changes = 0.0, {}
    assert watch.tick(salt) == [{"tag": "resolved", "drifted": False}]


def test_the_files_of_things_are_watched(path):
    watched = by([Part([File(path, "b = 2\n")])])
    assert path in watched["files"] and "/etc/group" in watched["files"]
    assert watched["processes"] == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"interval": 5}, "it takes a list"),
        (["interval"], "it takes a list"),
        ([{"intervall": 5}], "intervall: got an unknown key"),
        ([{"interval": "5"}], "interval: got '5'; it takes seconds"),
        ([{"interval": True}], "interval: got True; it takes seconds"),
        ([{"interval": 0}], "interval: got 0; it takes 1 to 86400"),
    ],
)
def test_a_wrong_configuration_is_explained(config, words):
    line = problem(config)
    assert line.startswith("postfix_sasl: ") and words in line and "\n" not in line


@pytest.mark.parametrize("config", [[], [{"interval": 5}], [{"interval": 5, "enabled": True}]])
def test_a_right_configuration(config):
    assert problem(config) is None
