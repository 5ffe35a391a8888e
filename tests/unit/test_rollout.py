"""A rollout's plan, its judgement of answers, and what it does with minions of every kind."""

import postfix_sasl_answers as answers
import postfix_sasl_rollout as rollouts
import postfix_sasl_rollout_plan as planning
import pytest

TEN = [f"host{number}" for number in range(10)]


def state(result=True, changes=None, comment=""):
    return {"result": result, "changes": changes or {}, "comment": comment}


DONE = {"postfix_sasl_|-a_|-a_|-applied": state(changes={"package postfix": {}})}
SAME = {"postfix_sasl_|-a_|-a_|-applied": state()}
BROKEN = {
    "one": state(False, comment="config: it was taken back: 587: closed"),
    "two": state(False, comment="One or more requisite failed: one"),
}


class TestOptions:
    def test_nothing_is_needed(self):
        assert planning.check(None) == planning.check({})
        assert planning.check({})["target"] == "*"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("canary", value) for value in (1, 3, "host1", ["host1", "host2"])),
            *(("batch", value) for value in (1, 200, "1%", "100%")),
            *(("target", value) for value in ("mail*", ["a", "b"])),
            *(("tls", value) for value in (None, "implicit")),
        ],
    )
    def test_valid(self, name, value):
        assert planning.check({name: value})[name] == value

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("canary", value) for value in (0, -1, True, 1.5, "", [], [1], None)),
            *(("batch", value) for value in (0, True, "0%", "101%", "5", "%", "-1%", "²%")),
            *(("target", value) for value in ("", None, [], {})),
            *(("port", value) for value in (0, 65536, "587", None)),
            *(("timeout", value) for value in (0, None, 86401)),
            *(("verify", value) for value in ("yes", None)),
            *(("tls", "TLSv1.3"), ("tgt_type", "nodes"), ("verifier", 1), ("skip_silent", 1)),
        ],
    )
    def test_invalid(self, name, value):
        with pytest.raises(planning.BadRollout, match=f"^rollout:{name}: got .*; it takes "):
            planning.check({name: value})

    def test_every_mistake_has_a_line(self):
        with pytest.raises(planning.BadRollout) as error:
            planning.check({"batsh": 1, "port": 0})
        first, second = str(error.value).splitlines()
        assert "did you mean batch?" in first and second.startswith("rollout:port: ")

    @pytest.mark.parametrize("given", [[], "batch", 5])
    def test_no_dictionary(self, given):
        with pytest.raises(planning.BadRollout, match="it takes a dictionary"):
            planning.check(given)


class TestPlan:
    @pytest.mark.parametrize(
        ("canary", "batch", "sizes"),
        [
            (1, 3, [1, 3, 3, 3]),
            (1, "25%", [1, 2, 2, 2, 2, 1]),
            (1, "1%", [1] * 10),
            (2, "100%", [2, 8]),
            (10, 5, [10]),
            (99, 5, [10]),
        ],
    )
    def test_sizes(self, canary, batch, sizes):
        found = planning.plan(reversed(TEN), canary, batch)
        assert [len(each) for each in found] == sizes
        assert [name for each in found for name in each] == TEN

    @pytest.mark.parametrize("canary", ["host7", ["host7"], ["host7", "host7"]])
    def test_a_canary_by_name(self, canary):
        found = planning.plan(TEN, canary, 5)
        assert found[0] == ["host7"]
        assert sorted(name for each in found for name in each) == TEN

    def test_a_canary_that_is_not_there(self):
        with pytest.raises(
            planning.BadRollout, match=r"hots7 is none of the 10 hosts; did .*host7"
        ):
            planning.plan(TEN, "hots7")


@pytest.mark.parametrize(
    ("grains", "name", "address"),
    [
        ({"ip_interfaces": {"lo": ["127.0.0.1"], "eth0": ["192.0.2.1"]}}, None, "192.0.2.1"),
        ({"ip_interfaces": {"docker0": ["172.17.0.1"], "ens3": ["192.0.2.1"]}}, None, "192.0.2.1"),
        ({"ip_interfaces": {"eth0": ["2001:db8::1", "192.0.2.1"]}}, None, "192.0.2.1"),
        ({"ip_interfaces": {"eth0": ["fe80::1", "2001:db8::1"]}}, None, "2001:db8::1"),
        ({"ip_interfaces": {"lo": ["127.0.0.1"]}}, None, None),
        ({}, None, None),
        ({"fqdn": "mail.example.org"}, "fqdn", "mail.example.org"),
        ({"public": ["192.0.2.9"]}, "public", "192.0.2.9"),
        ({"fqdn": ""}, "fqdn", None),
        ({"fqdn": "-o evil\n"}, "fqdn", None),
    ],
)
def test_where_a_host_is_reached(grains, name, address):
    assert planning.address(grains, name) == address


class TestAnswers:
    def test_changed(self):
        assert answers.judge(DONE) == (True, ("package postfix",), ())

    def test_the_state_that_failed_is_quoted_and_not_those_that_needed_it(self):
        verdict = answers.judge(BROKEN)
        assert not verdict.ok
        assert verdict.reason == ("config: it was taken back: 587: closed",)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (["The function is running"], "The function is running"),
            ("Traceback\nNameError: x", "NameError: x"),
            ({}, "it answered nothing"),
            (None, "it answered nothing"),
            (False, "it answered nothing"),
            ({"a": 1}, "no list of states"),
            ({"a": {"result": False}}, "None"),
            ({"a": state(None)}, "dry run"),
            ({"a": state(False, ["a change"], "b")}, "b"),
        ],
    )
    def test_anything_else_is_a_failure_with_a_reason(self, answer, words):
        verdict = answers.judge(answer)
        assert not verdict.ok and words in "\n".join(verdict.reason)

    def test_a_dry_run_may_have_found_something(self):
        assert answers.judge({"a": state(None, {"x": {}})}, test=True) == (True, ("x",), ())

    def test_text_from_hosts_is_bounded_and_cleaned(self):
        lines = answers.lines("\x1b[2Ja\u202eb\n" + "x" * 1000 + "\n" * 50 + "\n".join("y" * 99))
        assert lines[0] == "?[2Ja?b"
        assert all(len(line) < 310 for line in lines) and len(lines) == 12


class Minions:
    """Minions with answers made up; notes what they were asked."""

    def __init__(self, states, silent=(), logins=None):
        self.states, self.silent, self.logins, self.asked = states, silent, logins or {}, []

    def ask(self, target, function, arguments=(), named=None, seconds=60, tgt_type="list"):
        names = target if isinstance(target, list) else sorted(self.states)
        self.asked.append((function, names))
        give = {
            "grains.item": lambda name: {"ip_interfaces": {"eth0": [f"2001:db8::{name[4:]}"]}},
            "state.apply": lambda name: self.states[name],
            "postfix_sasl.try_login": lambda name: {
                address: self.logins.get(address, {"code": 535, "wrong": None})
                for address in arguments[0]
            },
        }.get(function, lambda name: True)
        answering = [name for name in names if name not in self.silent]
        return names, {name: give(name) for name in answering}

    def applied(self):
        return [names for function, names in self.asked if function == "state.apply"]

    def logged_in(self):
        return [names for function, names in self.asked if function.endswith("try_login")]


def roll(minions, test=False, **options):
    rollout = rollouts.Rollout(planning.check(options), minions, test)
    rollout.run()
    return rollout


def fleet(**others):
    """Return the states of ten hosts, all done but the others."""
    return {**dict.fromkeys(TEN, DONE), **others}


class TestRollout:
    def test_all_go_well(self):
        minions = Minions(fleet(host3=SAME))
        rollout = roll(minions, batch=5)
        assert minions.applied() == [TEN[:1], TEN[1:6], TEN[6:]]
        assert minions.logged_in() == [["host1"], ["host0"], ["host0"]]
        assert not rollout.failed() and set(rollout.changes()) == set(TEN) - {"host3"}
        assert rollout.report()[0] == "Rolled out to 10 of 10 hosts."
        assert "  host3  nothing to change; login from host0: 535, as it should be" in (
            rollout.report()
        )

    def test_only_who_logs_in_first_is_synced_before_its_turn(self):
        minions = Minions(fleet())
        roll(minions, batch=5)
        assert [names for function, names in minions.asked if "sync" in function] == [["host1"]]

    def test_canaries_try_each_other(self):
        minions = Minions(fleet())
        roll(minions, canary=2)
        assert sorted(minions.logged_in()[:2]) == [["host0"], ["host1"]]
        assert not [names for function, names in minions.asked if "sync" in function]

    @pytest.mark.parametrize("answer", [BROKEN, [], ["it is running"], "Traceback"])
    def test_a_failure_stops_after_its_batch(self, answer):
        minions = Minions(fleet(host2=answer))
        rollout = roll(minions, batch=3)
        assert minions.applied() == [["host0"], ["host1", "host2", "host3"]]
        lines = rollout.report()
        assert lines[0] == "Stopped, since host2 failed; 3 of 10 hosts are done."
        assert "not touched: host4, host5, host6, host7, host8, host9" in lines

    def test_a_login_that_fails_is_a_failure(self):
        wrong = {"code": 454, "wrong": "587: 454 4.7.0 no; expected 535"}
        minions = Minions(fleet(), logins={"2001:db8::0": wrong})
        rollout = roll(minions)
        assert minions.applied() == [["host0"]]
        shown = "\n".join(rollout.report())
        assert "login from host1 to 2001:db8::0, port 587: 454 4.7.0 no" in shown
        assert "its new configuration is in force" in shown

    @pytest.mark.parametrize("junk", [None, 5, "x", {}, {"code": 235}, ["wrong"]])
    def test_an_answer_that_is_none_is_no_login(self, junk):
        rollout = roll(Minions(fleet(), logins={"2001:db8::0": junk}))
        assert rollout.report()[0].startswith("Stopped, since host0 failed")

    def test_one_minion_that_goes_silent_is_a_failure(self):
        minions = Minions(fleet())
        rollout = rollouts.Rollout(planning.check({"batch": 5}), minions)
        rollout.say = lambda line: setattr(minions, "silent", ["host4"] * ("batch 1" in line))
        rollout.run()
        assert rollout.report()[0] == "Stopped, since host4 failed; 5 of 10 hosts are done."
        assert "no answer within 900 s" in "\n".join(rollout.report())

    def test_a_silent_minion_is_named_and_nothing_is_done(self):
        minions = Minions(fleet(), silent=["host9"])
        with pytest.raises(planning.BadRollout, match=r"^host9 did not answer within .* nothing"):
            roll(minions)
        assert minions.applied() == []

    def test_silent_minions_can_be_left_out(self):
        rollout = roll(Minions(fleet(), silent=["host9"]), skip_silent=True)
        assert rollout.report()[0] == "Rolled out to 9 of 9 hosts."
        assert "silent, left out: host9" in rollout.report()

    def test_all_of_them_silent_is_no_success(self):
        with pytest.raises(planning.BadRollout, match="and 2 more did not answer"):
            roll(Minions(fleet(), silent=TEN), skip_silent=True)

    def test_nobody_there(self):
        with pytest.raises(planning.BadRollout, match="no minion matches 'x'"):
            roll(Minions({}), target="x")

    def test_a_verifier_by_name_never_tries_itself(self):
        minions = Minions(fleet())
        roll(minions, verifier="host5", batch=5)
        assert minions.logged_in() == [["host5"], ["host5"], ["host0"], ["host5"]]

    def test_a_dry_run_looks_at_all_and_tries_none(self):
        minions = Minions(fleet(host0=BROKEN))
        rollout = roll(minions, test=True, batch=5)
        assert minions.applied() == [TEN[:1], TEN[1:6], TEN[6:]]
        assert minions.logged_in() == []
        lines = rollout.report()
        assert lines[0] == "Dry run on 10 hosts, nothing was touched: host0 would fail."
        assert f"would change on {', '.join(TEN[1:])}: package postfix" in lines

    def test_the_master_that_goes_away_leaves_a_report(self):
        minions = Minions(fleet())
        ask = minions.ask

        def fail(target, function, *rest, **named):
            if function == "state.apply" and "host1" in target:
                raise RuntimeError("state.apply: no master")
            return ask(target, function, *rest, **named)

        minions.ask = fail
        lines = roll(minions, batch=5).report()
        assert lines[0].startswith("Stopped, since host1, ")
        assert lines[0].endswith("; 1 of 10 hosts are done.")
