"""The state postfix_sasl.checked, through Salt's loader: how it fails."""

import datetime

import pytest

TEMPLATE = "salt://postfix_sasl/files/settings.json.jinja"


@pytest.fixture
def checked(states):
    return lambda settings: states.postfix_sasl.checked(name="check", settings=settings)


@pytest.mark.parametrize("settings", [None, {}, {"tls": {"mode": "none"}}, TEMPLATE])
def test_a_valid_pillar(checked, settings):
    ret = checked(settings)
    assert (ret.result, ret.changes, ret.comment) == (True, {}, "the pillar is valid")


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({"tls": {"mod": "may"}}, ["postfix_sasl:tls:mod: got an unknown key; it takes "]),
        ({"main": {"a": datetime.date(2024, 1, 1)}}, ["postfix_sasl:main:a: got datetime.date("]),
        ({"master": {5: {5: 5}}}, ["postfix_sasl:master:5: takes service/type"]),
        ([], ["postfix_sasl: got a list; it takes a dictionary"]),
        ({"a": 1, "chroot": 2}, ["postfix_sasl:a: got an", "postfix_sasl:chroot: got 2"]),
        ("salt://postfix_sasl/no-such-file", ["settings: there is no file salt://postfix_sasl/no"]),
        ("salt://README.md", ["settings: salt://README.md does not render to JSON"]),
    ],
)
def test_a_bad_one_is_a_line_for_each_problem_and_no_traceback(checked, settings, lines):
    ret = checked(settings)
    assert (ret.result, ret.changes) == (False, {})
    found = ret.comment.split("\n")
    assert len(found) == len(lines)
    for line, start in zip(found, lines, strict=True):
        assert line.startswith(start)


def test_a_rollout_is_for_the_master(states):
    ret = states.postfix_sasl.rolled_out(name="rollout", options={})
    assert (ret.result, ret.changes) == (False, {})
    assert ret.comment.startswith("this runs on the master: salt-run state.orchestrate ")
