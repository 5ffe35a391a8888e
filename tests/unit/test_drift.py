"""What a look for drift says, and what is remembered from one look to the next."""

import json

import pytest
from postfix_sasl_drift import MODES, Memory, Run, bounded, event, read, says_something, watch
from postfix_sasl_schedule import JOB, job, saved, saved_path
from postfix_sasl_settings import check

MORNING, NOON = "2026-11-24T08:00:00+00:00", "2026-11-24T12:00:00+00:00"
CHANGE = {"old": "no", "new": "yes"}
NOTE = "declared by neither Debian nor the pillar: main.cf: biff"
WARNING = "warning: biff: spelled wrong"


def state(changes=None, result=True, comment="config: already as wanted", number=0):
    return {"changes": changes or {}, "result": result, "comment": comment, "__run_num__": number}


class Salt(dict):
    """Salt's functions, with the state runs there shall be: ``{test: what it returns}``."""

    def __init__(self, runs, busy=(), reached=True):
        self.runs, self.busy, self.events, self.applied = runs, list(busy), [], []
        self.reached = reached
        super().__init__(
            {
                "state.apply": self.apply,
                "state.running": lambda: self.busy.pop(0) if self.busy else [],
                "event.send": self.send,
            }
        )

    def apply(self, sls, test, queue):
        assert (sls, queue) == ("postfix_sasl", False)
        self.applied.append(test)
        result = self.runs[test]
        if isinstance(result, Exception):
            raise result
        return result

    def send(self, tag, data):
        assert tag == "postfix_sasl/drift"
        self.events.append(data)
        return self.reached


@pytest.fixture
def memory(tmp_path):
    return Memory(tmp_path / "memory.json")


class TestMemory:
    def test_knows_since_when_a_thing_differs(self, memory):
        memory.differ(["a"], MORNING)
        memory.differ(["a", "b"], NOON)
        assert memory.since == {"a": MORNING, "b": NOON}

    def test_forgets_what_is_as_wanted_again(self, memory):
        memory.differ(["a"], MORNING)
        memory.differ([], NOON)
        memory.differ(["a"], NOON)
        assert memory.since == {"a": NOON}

    def test_keeps_what_could_not_be_looked_at(self, memory):
        memory.differ(["a"], MORNING)
        memory.differ(["b"], NOON, complete=False)
        assert memory.since == {"a": MORNING, "b": NOON}

    def test_is_the_same_after_a_restart(self, memory):
        memory.differ(["a"], MORNING)
        memory.tell([NOTE], complete=True)
        memory.save()
        again = Memory(memory.path)
        assert (again.since, again.told) == ({"a": MORNING}, [NOTE])
        assert memory.path.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"since": 5, "told": []}', '{"since": {}}'])
    def test_begins_anew_where_its_file_is_broken(self, tmp_path, text):
        path = tmp_path / "memory.json"
        path.write_text(text)
        memory = Memory(path)
        assert (memory.since, memory.told) == ({}, [])

    def test_tells_a_note_once_and_again_after_it_was_gone(self, memory):
        assert memory.untold([NOTE]) == [NOTE]
        memory.tell([NOTE], complete=False)
        assert memory.untold([NOTE]) == []
        memory.tell([], complete=False)
        assert memory.untold([NOTE]) == [NOTE]

    def test_keeps_warnings_while_nobody_looks_for_them(self, memory):
        memory.tell([NOTE, WARNING], complete=True)
        memory.tell([NOTE], complete=False)
        assert memory.untold([NOTE, WARNING]) == []
        memory.tell([NOTE], complete=True)
        assert memory.untold([WARNING]) == [WARNING]


class TestRead:
    def test_takes_changes_errors_and_notes_apart(self):
        result = {
            "b": state(result=False, comment="config: no\nmain.cf: bad", number=2),
            "a": state({"x": CHANGE}, None, f"config: would change x\n{NOTE}", number=1),
            "c": state(result=False, comment="One or more requisite failed: b", number=3),
        }
        assert read(result) == Run({"x": CHANGE}, ["config: no\nmain.cf: bad"], [NOTE])

    @pytest.mark.parametrize("result", [["No matching sls found"], {"queued": True}, None, {}, []])
    def test_takes_a_run_that_could_not_begin_for_an_error(self, result):
        run = read(result)
        assert run.errors and not run.changes

    def test_cuts_and_cleans_what_goes_into_the_event(self):
        assert (
            bounded({"a": ["x" * 3000, "\x1b[2J"], "b": 5})["a"][1]
            == "\N{REPLACEMENT CHARACTER}[2J"
        )
        assert len(bounded("x" * 3000)) < 1100


class TestWatch:
    def test_says_nothing_where_nothing_differs(self, memory):
        salt = Salt({True: {"a": state()}})
        data = watch("report", "mail", salt, memory)
        assert salt.events == [] and not says_something(data)

    def test_reports_at_every_look_with_the_first_time(self, memory):
        salt = Salt({True: {"a": state({"x": CHANGE}, None)}})
        memory.differ(["x"], MORNING)
        for _ in range(2):
            data = watch("report", "mail", salt, memory)
            assert data["changes"] == {"x": {**CHANGE, "since": MORNING}}
        assert salt.events == [data, data] and salt.applied == [True, True]

    def test_tells_notes_once(self, memory):
        salt = Salt({True: {"a": state(comment=f"config: fine\n{NOTE}")}})
        for _ in range(3):
            watch("report", "mail", salt, memory)
        [data] = salt.events
        assert (data["notes"], data["drifted"]) == ([NOTE], False)

    def test_tells_notes_again_where_the_event_did_not_go_out(self, memory):
        salt = Salt({True: {"a": state(comment=f"config: fine\n{NOTE}")}}, reached=False)
        for _ in range(2):
            watch("report", "mail", salt, memory)
        assert [data["notes"] for data in salt.events] == [[NOTE], [NOTE]]

    def test_enforces_only_where_something_differs(self, memory):
        salt = Salt({True: {"a": state()}})
        assert watch("enforce", "mail", salt, memory)["corrected"] == {}
        assert salt.applied == [True]

    def test_says_what_was_really_changed(self, memory):
        other = {"old": "5", "new": "6"}
        dry, real = {"a": state({"x": CHANGE}, None)}, {"a": state({"x": CHANGE, "y": other})}
        data = watch("enforce", "mail", Salt({True: dry, False: real}), memory)
        assert data["corrected"].keys() == {"x", "y"} and data["corrected"]["y"]["new"] == "6"
        assert (data["changes"], data["drifted"], memory.since) == ({}, False, {})

    def test_says_what_was_not_corrected_and_why(self, memory):
        dry = {"a": state({"x": CHANGE, "y": CHANGE}, None)}
        real = {"a": state({"x": CHANGE}), "b": state(result=False, comment="config: no")}
        data = watch("enforce", "mail", Salt({True: dry, False: real}), memory)
        assert data["corrected"].keys() == {"x"} and data["changes"].keys() == {"y"}
        assert data["errors"] == ["config: no"] and memory.since.keys() == {"y"}

    def test_tells_what_the_run_raised(self, memory):
        salt = Salt({True: OSError("no master")})
        assert watch("report", "mail", salt, memory)["errors"] == ["OSError: no master"]
        assert len(salt.events) == 1

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize(
        "busy", [[["a state run"]], [[], ["a state run"]]], ids=["at", "meanwhile"]
    )
    def test_waits_for_another_state_run(self, memory, mode, busy):
        salt = Salt({True: {"a": state({"x": CHANGE}, None)}, False: {}}, busy)
        assert "skipped" in watch(mode, "mail", salt, memory)
        assert salt.events == [] and memory.since == {} and False not in salt.applied

    def test_a_run_that_another_one_kept_out_is_no_error(self, memory):
        salt = Salt({True: ["The function ... is running"]}, [[], ["a state run"]])
        assert "skipped" in watch("report", "mail", salt, memory)
        assert salt.events == []


def test_an_event_of_a_report_has_nothing_on_corrections(memory):
    memory.differ(["x"], NOON)
    data = event("mail", "report", Run({"x": CHANGE}, [], []), {}, memory)
    assert "corrected" not in data and data["changes"]["x"]["since"] == NOON


class TestJob:
    def test_is_what_the_pillar_asks_for(self):
        made = job(check({"drift": {"mode": "enforce", "interval": 60, "splay": 5}}))
        assert made["function"] == "postfix_sasl.watch" and made["kwargs"] == {"mode": "enforce"}
        assert (made["seconds"], made["splay"], made["maxrunning"]) == (60, 5, 1)

    def test_there_is_none_by_default(self):
        assert job(check(None)) is None

    def test_goes_on_in_the_environment_it_came_from(self):
        settings = check({"drift": {"mode": "report"}})
        assert job(settings, "dev")["kwargs"] == {"mode": "report", "saltenv": "dev"}

    def test_is_read_from_the_file_that_the_minion_keeps(self, tmp_path):
        pytest.importorskip("yaml")
        path = saved_path({"conf_file": f"{tmp_path}/minion"})
        assert path == f"{tmp_path}/minion.d/_schedule.conf"
        assert saved(path) is None
        (tmp_path / "minion.d").mkdir()
        for text, found in (
            ("schedule: {other: {seconds: 1}}", None),
            (json.dumps({"schedule": {JOB: {"seconds": 1}}}), {"seconds": 1}),
            (f"schedule: [{JOB}", None),
            (f"{JOB}", None),
        ):
            (tmp_path / "minion.d/_schedule.conf").write_text(text)
            assert saved(path) == found
