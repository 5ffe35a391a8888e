"""The execution module dpkg_statoverride, with the real dpkg-statoverride."""

import subprocess

import pytest
from salt.exceptions import CommandExecutionError


@pytest.fixture
def admindir(tmp_path):
    """A scratch directory for the register, which does not exist yet."""
    directory = tmp_path / "dpkg"
    directory.mkdir()
    return str(directory)


@pytest.fixture
def statoverride(modules):
    return modules.dpkg_statoverride


def test_list_is_empty_without_a_register(statoverride, admindir):
    assert statoverride.list(admindir=admindir) == {}


def test_list_gives_all_or_one_as_dpkg_has_them(statoverride, admindir):
    for owner, path in (("root mail 4711", "/a b"), ("daemon root 0644", "/c")):
        command = ["dpkg-statoverride", "--admindir", admindir, "--add", *owner.split(), path]
        subprocess.run(command, check=True, capture_output=True)
    first = {"/a b": {"user": "root", "group": "mail", "mode": "4711"}}
    second = {"/c": {"user": "daemon", "group": "root", "mode": "0644"}}
    assert statoverride.list(admindir=admindir) == {**first, **second}
    assert statoverride.list("/a b", admindir=admindir) == first
    assert statoverride.list("/d", admindir=admindir) == {}


def test_set_and_remove_give_the_changes_and_then_none(statoverride, admindir):
    wanted = {"user": "root", "group": "mail", "mode": "0710"}
    set_ = {"/nowhere/x": {"old": None, "new": wanted}}
    assert statoverride.set("/nowhere/x", "root", "mail", "0710", admindir=admindir) == set_
    assert statoverride.set("/nowhere/x", "root", "mail", 710, admindir=admindir) == {}
    removed = {"/nowhere/x": {"old": wanted, "new": None}}
    assert statoverride.remove("/nowhere/x", admindir=admindir) == removed
    assert statoverride.remove("/nowhere/x", admindir=admindir) == {}


def test_set_says_which_user_is_unknown(statoverride, admindir):
    with pytest.raises(CommandExecutionError, match="user: got 'nobody-here'; there is no such"):
        statoverride.set("/nowhere/x", "nobody-here", "root", "0710", admindir=admindir)


def test_remove_takes_only_a_path(statoverride, admindir):
    with pytest.raises(CommandExecutionError, match="absolute path"):
        statoverride.remove("--list", admindir=admindir)
