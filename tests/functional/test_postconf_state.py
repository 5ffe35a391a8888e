"""The states postconf.present, .absent and .managed, through Salt's loader."""

import pytest

WANTED = {"biff": False, "myhostname": None, "mynetworks": ["127.0.0.0/8", "[::1]/128"]}
CHANGES = {
    "biff": {"old": None, "new": "no"},
    "myhostname": {"old": "mail.example.com", "new": None},
    "mynetworks": {"old": None, "new": "127.0.0.0/8, [::1]/128"},
}


@pytest.fixture
def postconf(states, config_dir):
    """Call a function of the state module on the scratch directory."""

    def call(function, name, *, test=False, **arguments):
        arguments.setdefault("config_dir", str(config_dir))
        return getattr(states.postconf, function)(name=name, test=test, **arguments)

    return call


def test_managed_changes_many_parameters_at_once(postconf):
    ret = postconf("managed", "all of it", parameters=WANTED)
    assert (ret.result, ret.changes) == (True, CHANGES)


def test_a_dry_run_predicts_the_changes_and_touches_nothing(postconf, snapshot):
    before = snapshot()
    ret = postconf("managed", "all of it", parameters=WANTED, test=True)
    assert (ret.result, ret.changes) == (None, CHANGES)
    assert snapshot() == before


@pytest.mark.parametrize("test", [True, False])
def test_a_second_run_changes_nothing(postconf, snapshot, test):
    postconf("managed", "all of it", parameters=WANTED)
    before = snapshot()
    ret = postconf("managed", "all of it", parameters=WANTED, test=test)
    assert (ret.result, ret.changes) == (True, {})
    assert snapshot() == before


def test_present_sets_one_parameter(postconf):
    ret = postconf("present", "biff", value=False)
    assert ret.changes == {"biff": {"old": None, "new": "no"}}


def test_present_without_a_value_points_to_absent(postconf):
    ret = postconf("present", "biff", value=None)
    assert ret.result is False
    assert "postconf.absent" in ret.comment


def test_absent_takes_one_parameter_out(postconf):
    assert postconf("absent", "myhostname").changes["myhostname"]["new"] is None
    assert postconf("absent", "myhostname").changes == {}


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"biff": False, "mydomain": "a\nb"}, "mydomain: got 'a\\nb'; takes one line"),
        ({"biff": False, "my domain": "a"}, "parameter name: got 'my domain'"),
        (["biff"], "takes a dictionary"),
    ],
)
def test_an_error_is_one_line_and_nothing_is_written(postconf, snapshot, parameters, says, test):
    before = snapshot()
    ret = postconf("managed", "x", parameters=parameters, test=test)
    assert (ret.result, ret.changes) == (False, {})
    assert says in ret.comment
    assert "\n" not in ret.comment
    assert snapshot() == before


def test_without_postfix_it_says_what_to_install(postconf, tmp_path):
    where = str(tmp_path / "nowhere")
    ret = postconf("present", "biff", value=False, config_dir=where)
    assert ret.result is False
    assert "install the package postfix" in ret.comment


def test_a_dry_run_without_postfix_waits_for_an_earlier_state_to_install_it(postconf, tmp_path):
    where = str(tmp_path / "nowhere")
    ret = postconf("present", "biff", value=False, config_dir=where, test=True)
    assert (ret.result, ret.changes) == (None, {})
    assert not (tmp_path / "nowhere").exists()
