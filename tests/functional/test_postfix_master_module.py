"""The execution module postfix_master, through Salt's loader."""

import pytest
from salt.exceptions import CommandExecutionError

PICKUP = {
    "command": "pickup",
    "private": "n",
    "unprivileged": "-",
    "chroot": "y",
    "wakeup": "60",
    "process_limit": "1",
    "options": {},
    "args": [],
}


@pytest.fixture
def master(modules):
    return modules.postfix_master


def test_list_gives_all_entries_in_order(master, config_dir):
    entries = master.list(config_dir=str(config_dir))
    assert list(entries) == ["smtp/inet", "pickup/unix", "maildrop/unix"]
    assert entries["smtp/inet"]["options"] == {"smtpd_tls_security_level": "may"}


def test_get_gives_one_entry(master, config_dir):
    assert master.get("pickup/unix", config_dir=str(config_dir)) == PICKUP


def test_get_names_the_nearest_entry(master, config_dir):
    with pytest.raises(CommandExecutionError, match=r"did you mean smtp/inet\?"):
        master.get("smtpd/inet", config_dir=str(config_dir))


def test_set_gives_the_entry_before_and_after(master, config_dir):
    changes = master.set("pickup/unix", wakeup=300, chroot=False, config_dir=str(config_dir))
    after = PICKUP | {"wakeup": "300", "chroot": "n"}
    assert changes == {"pickup/unix": {"old": PICKUP, "new": after}}
    assert master.get("pickup/unix", config_dir=str(config_dir)) == after


def test_set_adds_an_entry(master, config_dir):
    changes = master.set("submission/inet", command="smtpd", config_dir=str(config_dir))
    assert changes["submission/inet"]["old"] is None
    assert changes["submission/inet"]["new"]["private"] == "n"


def test_set_without_a_change_leaves_the_file_alone(master, config_dir, snapshot):
    before = snapshot()
    assert master.set("pickup/unix", wakeup="60", config_dir=str(config_dir)) == {}
    assert snapshot() == before


def test_delete_takes_an_entry_out(master, config_dir):
    assert master.delete("pickup/unix", config_dir=str(config_dir)) == {
        "pickup/unix": {"old": PICKUP, "new": None}
    }
    assert master.delete("pickup/unix", config_dir=str(config_dir)) == {}


def test_a_wrong_field_is_an_error_and_changes_nothing(master, config_dir):
    before = (config_dir / "master.cf").read_bytes()
    with pytest.raises(CommandExecutionError, match=r"smtp/inet: private: .* takes only n"):
        master.set("smtp/inet", private=True, config_dir=str(config_dir))
    assert (config_dir / "master.cf").read_bytes() == before


def test_a_missing_file_says_what_to_install(master, tmp_path):
    for call in (master.list, lambda **where: master.delete("smtp/inet", **where)):
        with pytest.raises(CommandExecutionError, match="install the package postfix"):
            call(config_dir=str(tmp_path))
