"""Files replaced in one step."""

import os
import stat
import threading
import time

import pytest
from postfix_sasl_textfile import read, update, write


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "main.cf"
    path.write_bytes(b"a = 1\n")
    return path


def looks(path):
    """Tell all there is to know of a file but who read it when."""
    found = os.stat(path)
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize("content", [b"a\r\nb", b"\xff\xfe\n", b"\0", b"", "ü\n".encode()])
def test_bytes_come_back_as_they_were(path, content):
    path.write_bytes(content)
    write(path, read(path) + "x")
    assert path.read_bytes() == content + b"x"


def test_the_same_content_is_not_written(path):
    before = looks(path)
    assert write(path, "a = 1\n") is False
    assert looks(path) == before


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o644])
def test_an_existing_file_keeps_its_mode(path, bits):
    path.chmod(bits)
    assert write(path, "b\n", mode=0o666) is True
    assert mode(path) == bits


only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@only_root
def test_an_existing_file_keeps_its_owner_and_group(path):
    os.chown(path, 1234, 2345)
    write(path, "b\n")
    assert (os.stat(path).st_uid, os.stat(path).st_gid) == (1234, 2345)


@only_root
def test_a_new_file_has_its_owner_and_mode_before_it_has_its_name(path, monkeypatch):
    seen = []
    rename = os.rename

    def watch(source, target):
        seen.append((mode(source), os.stat(source).st_gid))
        rename(source, target)

    monkeypatch.setattr(os, "rename", watch)
    write(path.with_name("secret"), "x\n", mode=0o640, uid=0, gid=2345)
    assert seen == [(0o640, 2345)]


def test_a_new_files_mode_does_not_depend_on_the_umask(path):
    before = os.umask(0o077)
    try:
        write(path.with_name("new"), "x\n", mode=0o644)
    finally:
        os.umask(before)
    assert mode(path.with_name("new")) == 0o644


def test_a_symbolic_link_stays_and_its_target_changes(path, tmp_path):
    (tmp_path / "etc").mkdir()
    link = tmp_path / "etc" / "main.cf"
    link.symlink_to("../main.cf")
    write(link, "b\n")
    assert link.is_symlink()
    assert path.read_text() == "b\n"


def test_a_failure_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(path, "b\n")
    assert os.listdir(path.parent) == ["main.cf"]
    assert path.read_text() == "a = 1\n"


def test_text_that_cannot_be_encoded_leaves_nothing_behind(path):
    with pytest.raises(UnicodeEncodeError):
        write(path, "\ud800")
    assert os.listdir(path.parent) == ["main.cf"]


def test_a_written_file_looks_old_enough_for_postfix_to_read_it_at_once(path):
    write(path, "b\n")
    assert 2 < time.time() - os.stat(path).st_mtime < 10


def test_the_age_can_be_chosen(path):
    write(path, "b\n", age=0)
    assert time.time() - os.stat(path).st_mtime < 2


def plan(text, wanted):
    return ({"x": wanted} if wanted else {}), text + wanted


def test_an_update_writes_what_the_plan_says(path):
    assert update(path, plan, "b\n") == {"x": "b\n"}
    assert path.read_text() == "a = 1\nb\n"


def test_a_dry_run_touches_nothing(path):
    before = looks(path), looks(path.parent)
    assert update(path, plan, "b\n", test=True) == {"x": "b\n"}
    assert (looks(path), looks(path.parent)) == before


def test_an_update_without_changes_touches_nothing(path):
    before = looks(path), looks(path.parent)
    assert update(path, plan, "") == {}
    assert (looks(path), looks(path.parent)) == before


def test_a_missing_file_says_what_to_install(tmp_path):
    with pytest.raises(FileNotFoundError, match="install the package postfix"):
        update(tmp_path / "main.cf", plan, "b\n")


def test_updates_at_the_same_time_lose_nothing(path):
    threads = [
        threading.Thread(target=update, args=(path, plan, f"{number}\n")) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.read_text().split()[3:]) == [str(number) for number in range(8)]
