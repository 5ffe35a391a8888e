"""bin/apply without a machine: what it makes of Salt's answers, pillar files and arguments."""

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "bin/apply"


@pytest.fixture(scope="module")
def apply():
    """The script as a module."""
    loader = SourceFileLoader("bin_apply", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bin_apply", loader))
    before = list(sys.path), sys.dont_write_bytecode
    loader.exec_module(module)
    yield module
    sys.path[:], sys.dont_write_bytecode = before


@pytest.fixture
def lines(apply):
    """Return a function that renders states, given as dictionaries in the order they ran."""

    def render(*states, test=False):
        result = {str(n): {"__run_num__": n, **state} for n, state in enumerate(states)}
        return apply.render(result, test)

    return render


def state(result=True, changes=None, comment="", **more):
    return {"__id__": "an-id", "result": result, "changes": changes, "comment": comment, **more}


def test_changes_are_shown_as_old_and_new(lines):
    changes = {"main.cf broken_sasl_auth_clients": {"old": None, "new": "yes"}}
    assert lines(state(changes=changes)) == (
        ["Changed:", "  main.cf broken_sasl_auth_clients: (none) → yes"],
        True,
    )


def test_a_dry_run_speaks_of_what_would_be(lines):
    shown, good = lines(state(None, {"postfix": {"old": "", "new": "installed"}}), test=True)
    assert good and shown == ["Would change:", "  postfix: (none) → installed"]


def test_nothing_to_change(lines):
    assert lines(state(), state()) == (["Nothing to change: everything is as it should be."], True)


def test_failures_come_first_with_their_comment_and_dependents_are_counted(lines):
    shown, good = lines(
        state(changes={"a": {"old": "1", "new": "2"}}),
        state(False, comment="postfix_sasl:tls:mode is 'maybe'\nsecond line", __id__="settings"),
        state(False, comment="One or more requisite failed: x"),
        state(False, comment="One or more requisite failed: x"),
    )
    assert not good
    assert shown == [
        "FAILED  settings",
        "        postfix_sasl:tls:mode is 'maybe'",
        "        second line",
        "        (2 further steps depend on this and were left out)",
        "Changed:",
        "  a: 1 → 2",
    ]


def test_only_failed_requisites_are_a_failure_too(lines):
    assert lines(state(False, comment="One or more requisite failed: x"))[1] is False


def test_a_state_whose_changes_do_not_name_the_thing_is_named(lines):
    diff = "--- \n+++ \n@@ -1 +1,2 @@\n-a\n+b\n+c\n"
    shown, _ = lines(
        state(changes={"diff": diff, "mode": "0640"}, name="/etc/x"),
        state(changes={"postfix": True}, name="postfix"),
    )
    assert shown[1:] == [
        "  /etc/x diff: 1 lines → 2 lines",
        "  /etc/x mode: 0640",
        "  postfix: true",
    ]


def test_of_structured_values_only_what_differs_is_shown(lines):
    service = {
        "old": {"running": False, "enabled": True},
        "new": {"running": True, "enabled": True},
    }
    file = {"old": None, "new": {"mode": "0644", "text": "a\nb\n", "groups": ["x", "y"]}}
    shown, _ = lines(state(changes={"service x": service, "/etc/x": file}))
    assert shown[1:] == [
        "  service x: running false → true",
        "  /etc/x: (none) → mode 0644, text 2 lines, groups x, y",
    ]


def test_warnings_are_passed_on(lines):
    assert lines(state(warnings=["main.cf holds undeclared foo"]))[0][-1].startswith(
        "Note: main.cf"
    )


def test_long_and_odd_values_stay_on_one_line(lines):
    shown, _ = lines(state(changes={"x\x1b[2J": {"old": ["a", 1], "new": "b\n" * 500}}))
    assert len(shown) == 2 and len(shown[1]) < 200
    assert all(line.isprintable() for line in shown)


def test_an_error_before_any_state(apply):
    shown, good = apply.render(["Rendering SLS 'base:postfix_sasl' failed:\n\nJinja error"], False)
    assert not good
    assert shown == ["FAILED:", "  Rendering SLS 'base:postfix_sasl' failed:", "  Jinja error"]


@pytest.mark.parametrize("out", ["", "Traceback ...", "{", '{"else": 1}', "{} trailing"])
def test_no_result_at_all_is_an_error_not_a_traceback(apply, out):
    errors = apply.read_result(out, "first\nlast words\n", 1)
    assert errors[0] == "Salt gave no result (status 1):" and errors[-1] == "last words"


def test_text_before_the_result_is_passed_over(apply):
    assert apply.read_result('a warning\n{"local": {"x": {}}}', "", 0) == {"x": {}}


def test_requirements_without_extras_and_without_what_needs_a_compiler(apply):
    import private_salt

    listed = ["Jinja2>=3", "timelib>=0.3; python_version > '3'", "x; extra == 'zeromq'", ""]
    assert private_salt.wanted(listed) == ["Jinja2>=3"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("postfix_sasl:\n  tls: [\n", "line 3: not plain YAML: "),
        ("postfix_sasl: {}\npostfix_sasl: {}\n", "not plain YAML: "),
        ("tls:\n  mode: may\n", "belong under a top-level key `postfix_sasl:`"),
        ("- a\n", "belong under a top-level key"),
        ("", "belong under a top-level key"),
        ("{% if x %}\n", "not plain YAML: "),
        ("a: \x07\n", "not plain YAML: "),
        (b"\xff\xfe\xff", "not UTF-8 text"),
    ],
)
def test_a_bad_pillar_file_is_one_line(apply, tmp_path, text, message):
    pytest.importorskip("salt")
    file = tmp_path / "pillar.yml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(apply.Problem) as problem:
        apply.load_pillar(file)
    assert message in str(problem.value) and str(problem.value).isprintable()


def test_a_good_pillar_file(apply, tmp_path):
    pytest.importorskip("salt")
    file = tmp_path / "pillar.yml"
    file.write_text("postfix_sasl:\n  tls: {mode: encrypt}\n")
    assert apply.load_pillar(file) == {"postfix_sasl": {"tls": {"mode": "encrypt"}}}


@pytest.mark.parametrize(
    "arguments", [["--prepare", "--test"], ["--wrong"], ["word"], ["--pillar"]]
)
def test_wrong_usage_is_status_2_and_one_line(apply, capsys, arguments):
    with pytest.raises(SystemExit) as exit_:
        apply.main(arguments)
    assert exit_.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_help_shows_every_option(apply, capsys):
    assert apply.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(option in shown for option in ("--pillar", "--test", "--prepare"))


def test_who_is_not_root_is_told_so(apply, monkeypatch):
    monkeypatch.setattr(apply.os, "geteuid", lambda: 1000)
    with pytest.raises(apply.Problem, match="must run as root"):
        apply.main([])
