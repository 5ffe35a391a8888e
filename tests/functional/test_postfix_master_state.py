"""The states postfix_master.present and .absent, through Salt's loader."""

import pytest

SUBMISSION = {
    "command": "smtpd",
    "chroot": True,
    "options": {"smtpd_tls_security_level": "encrypt", "smtpd_etrn_restrictions": ["reject"]},
}


@pytest.fixture
def master(states, config_dir):
    """Call a function of the state module on the scratch directory."""

    def call(function, name, *, test=False, **arguments):
        arguments.setdefault("config_dir", str(config_dir))
        return getattr(states.postfix_master, function)(name=name, test=test, **arguments)

    return call


def test_present_adds_an_entry(master, config_dir):
    ret = master("present", "submission/inet", **SUBMISSION)
    assert ret.result is True
    assert ret.changes["submission/inet"]["old"] is None
    assert (
        (config_dir / "master.cf")
        .read_text()
        .endswith(
            "submission inet  n       -       y       -       -       smtpd\n"
            "  -o smtpd_tls_security_level=encrypt\n"
            "  -o smtpd_etrn_restrictions=reject\n"
        )
    )


def test_a_dry_run_predicts_the_changes_and_touches_nothing(master, snapshot):
    before = snapshot()
    dry = master("present", "submission/inet", test=True, **SUBMISSION)
    assert dry.result is None
    assert snapshot() == before
    assert master("present", "submission/inet", **SUBMISSION).changes == dry.changes


@pytest.mark.parametrize("test", [True, False])
def test_a_second_run_changes_nothing(master, snapshot, test):
    master("present", "submission/inet", **SUBMISSION)
    before = snapshot()
    ret = master("present", "submission/inet", test=test, **SUBMISSION)
    assert (ret.result, ret.changes) == (True, {})
    assert snapshot() == before


def test_present_changes_only_what_it_names(master):
    ret = master("present", "smtp/inet", options={"smtpd_tls_security_level": None, "biff": False})
    old, new = ret.changes["smtp/inet"]["old"], ret.changes["smtp/inet"]["new"]
    assert new == old | {"options": {"biff": "no"}}


def test_absent_takes_an_entry_out(master):
    dry = master("absent", "pickup/unix", test=True)
    assert dry.result is None
    assert master("absent", "pickup/unix").changes == dry.changes
    assert master("absent", "pickup/unix").changes == {}


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("x/unix", {}, "x/unix: command: nothing given"),
        ("smtp", {"command": "smtpd"}, "takes service/type"),
        ("smtp/inet", {"chroot": "maybe"}, "smtp/inet: chroot: got 'maybe'; takes y, n or -"),
        ("smtp/inet", {"options": {"a": "b\n"}}, "smtp/inet: -o a: got 'b\\n'; takes one line"),
    ],
)
def test_an_error_is_one_line_and_nothing_is_written(master, snapshot, name, fields, says, test):
    before = snapshot()
    ret = master("present", name, test=test, **fields)
    assert (ret.result, ret.changes) == (False, {})
    assert says in ret.comment
    assert "\n" not in ret.comment
    assert snapshot() == before


def test_without_postfix_it_says_what_to_install(master, tmp_path):
    where = str(tmp_path / "nowhere")
    ret = master("absent", "smtp/inet", config_dir=where)
    assert ret.result is False
    assert "install the package postfix" in ret.comment
    assert master("absent", "smtp/inet", config_dir=where, test=True).result is None
