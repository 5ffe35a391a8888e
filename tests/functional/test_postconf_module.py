"""The execution module postconf, through Salt's loader, with the real postconf."""

import os
import time

import pytest
from salt.exceptions import CommandExecutionError


@pytest.fixture
def postconf(modules):
    return modules.postconf


def test_get_gives_what_main_cf_sets(postconf, config_dir):
    assert postconf.get("smtpd_tls_security_level", config_dir=str(config_dir)) == "may"


def test_get_gives_a_default(postconf, config_dir):
    assert postconf.get("biff", config_dir=str(config_dir)) == "yes"


def test_get_expands_on_demand(postconf, config_dir):
    value = postconf.get("mydestination", expand=True, config_dir=str(config_dir))
    assert value == "mail.example.com, localhost"


@pytest.mark.parametrize("name", ["smtpd_tls_security_levl", "smtpd_tls_security_level_"])
def test_get_names_the_nearest_parameter(postconf, config_dir, name):
    with pytest.raises(CommandExecutionError, match=r"did you mean smtpd_tls_security_level\?"):
        postconf.get(name, config_dir=str(config_dir))


@pytest.mark.parametrize("name", ["-e", "", "a b", "biff=no"])
def test_get_takes_nothing_but_a_name(postconf, config_dir, name):
    with pytest.raises(CommandExecutionError, match="parameter name"):
        postconf.get(name, config_dir=str(config_dir))


def test_get_passes_on_what_postconf_complains_of(postconf, config_dir):
    (config_dir / "main.cf").write_text("nonsense\n")
    os.utime(config_dir / "main.cf", (1, 1))
    with pytest.raises(CommandExecutionError, match="missing '='"):
        postconf.get("biff", config_dir=str(config_dir))


def test_show_gives_unknown_names_too(postconf, config_dir):
    with open(config_dir / "main.cf", "a") as stream:
        stream.write("no_such_parameter = 1\n")
    assert postconf.show(config_dir=str(config_dir)) == {
        "compatibility_level": "3.6",
        "myhostname": "mail.example.com",
        "mydestination": "$myhostname,    localhost",
        "smtpd_tls_security_level": "may",
        "no_such_parameter": "1",
    }


def test_set_reports_only_real_changes(postconf, config_dir):
    changes = postconf.set(
        config_dir=str(config_dir), smtpd_tls_security_level="may", biff=False, __pub_fun="x"
    )
    assert changes == {"biff": {"old": None, "new": "no"}}
    assert postconf.get("biff", config_dir=str(config_dir)) == "no"


def test_set_writes_once(postconf, config_dir, monkeypatch):
    renames = []
    rename = os.rename
    monkeypatch.setattr(os, "rename", lambda *names: (renames.append(names), rename(*names)))
    postconf.set(config_dir=str(config_dir), a_1=1, a_2=2, a_3=3)
    assert len(renames) == 1


def test_set_without_a_change_leaves_the_file_alone(postconf, config_dir, snapshot):
    before = snapshot()
    assert postconf.set(config_dir=str(config_dir), smtpd_tls_security_level="may") == {}
    assert snapshot() == before


def test_a_read_after_a_set_does_not_wait_for_the_file_to_cool_down(postconf, config_dir):
    start = time.monotonic()
    for number in range(3):
        postconf.set(config_dir=str(config_dir), smtpd_banner=f"number {number}")
        assert postconf.get("smtpd_banner", config_dir=str(config_dir)) == f"number {number}"
    assert time.monotonic() - start < 1.5


def test_a_value_that_cannot_be_written_is_an_error_and_changes_nothing(postconf, config_dir):
    before = (config_dir / "main.cf").read_bytes()
    with pytest.raises(CommandExecutionError, match=r"mydomain: .*one line"):
        postconf.set(config_dir=str(config_dir), biff=False, mydomain="a\nb = c")
    assert (config_dir / "main.cf").read_bytes() == before


def test_setting_nothing_points_to_reset(postconf, config_dir):
    with pytest.raises(CommandExecutionError, match=r"postconf\.reset"):
        postconf.set(config_dir=str(config_dir), biff=None)


def test_reset_takes_out_what_is_there(postconf, config_dir):
    changes = postconf.reset("myhostname", "biff", config_dir=str(config_dir))
    assert changes == {"myhostname": {"old": "mail.example.com", "new": None}}
    assert "# This host." in (config_dir / "main.cf").read_text()


def test_reset_takes_no_values(postconf, config_dir):
    with pytest.raises(CommandExecutionError, match="takes only names"):
        postconf.reset("biff", myhostname="x", config_dir=str(config_dir))


def test_a_missing_file_says_what_to_install(postconf, tmp_path):
    with pytest.raises(CommandExecutionError, match="install the package postfix"):
        postconf.set(config_dir=str(tmp_path), biff=False)
    with pytest.raises(CommandExecutionError, match="install the package postfix"):
        postconf.show(config_dir=str(tmp_path))
