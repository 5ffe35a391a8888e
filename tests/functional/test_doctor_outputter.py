"""The doctor's outputter, loaded as Salt loads it."""

import pathlib

import pytest
import salt.config
import salt.output

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "_output"
REPORT = (
    "ok    packages  all there\nFAIL  PAM       gone\n                => put it back\n\nNOT healthy"
)


@pytest.fixture
def shown(tmp_path):
    """A function from what minions returned to what the terminal shows."""
    opts = salt.config.DEFAULT_MINION_OPTS.copy()
    opts |= {"outputter_dirs": [str(OUTPUT)], "extension_modules": str(tmp_path), "color": False}
    return lambda data: salt.output.out_format(data, "postfix_sasl_doctor", opts)


def test_the_report_stands_under_the_name_of_the_minion(shown):
    text = shown({"mail": {"healthy": False, "checks": [], "report": REPORT}})
    assert text.splitlines()[:4] == [
        "mail:",
        "    ok    packages  all there",
        "    FAIL  PAM       gone",
        "                    => put it back",
    ]


def test_every_minion_is_shown(shown):
    said = {"healthy": True, "checks": [], "report": "healthy"}
    assert shown({"one": said, "two": said}) == "one:\n    healthy\ntwo:\n    healthy"


def test_what_a_minion_says_in_place_of_it_is_shown_too(shown):
    text = shown({"one": "Minion did not return. [No response]", "two": {"report": 1}})
    assert "Minion did not return" in text and "report:" in text


def test_a_terminal_is_not_told_what_to_do(shown):
    assert "\x1b" not in shown({"one": {"report": "ok \x1b]0;x\x07 \u202e"}})
