"""Files replaced together: whoever looks, at whatever moment, sees the old ones or the new ones."""

import os

import postfix_sasl_swap
import postfix_sasl_things
import pytest
from postfix_sasl_swap import Swap, open_journal

OLD = {"main.cf": "old main\n", "master.cf": "old master\n", "new.conf": None}
NEW = {"main.cf": "new main\n", "master.cf": "new master\n", "new.conf": "brand new\n"}

STEPS = ("rename", "link", "symlink", "unlink", "mkdir", "chmod", "open", "fsync", "chown")


class Killed(BaseException):
    """The process ends here: no handler may run."""


@pytest.fixture
def place(tmp_path):
    for name, text in OLD.items():
        if text is not None:
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o640)
    return tmp_path


def swap_of(place):
    return Swap(str(place / "journal"), {str(place / name): text for name, text in NEW.items()})


def seen(place):
    """Return what a reader sees."""
    return {name: (place / name).read_text() if (place / name).exists() else None for name in OLD}


def test_all_new_files_are_in_place(place):
    swap = swap_of(place)
    swap.prepare()
    assert seen(place) == OLD
    swap.put()
    assert seen(place) == NEW
    swap.finish()
    assert seen(place) == NEW
    assert sorted(os.listdir(place)) == sorted(NEW)
    assert not any((place / name).is_symlink() for name in NEW)


def test_all_old_files_come_back_as_they_were(place):
    inode = (place / "main.cf").stat().st_ino
    swap = swap_of(place)
    swap.prepare()
    swap.put()
    swap.take_back()
    assert seen(place) == OLD
    assert (place / "main.cf").stat().st_ino == inode
    swap.finish()
    assert sorted(os.listdir(place)) == ["main.cf", "master.cf"]


def test_the_new_file_has_the_mode_of_the_old_one(place):
    swap = swap_of(place)
    swap.prepare()
    swap.put()
    swap.finish()
    assert (place / "main.cf").stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_stays_one(place):
    (place / "elsewhere").mkdir()
    (place / "main.cf").rename(place / "elsewhere/main.cf")
    (place / "main.cf").symlink_to("elsewhere/main.cf")
    swap = swap_of(place)
    swap.prepare()
    swap.put()
    swap.finish()
    assert (place / "main.cf").is_symlink()
    assert (place / "elsewhere/main.cf").read_text() == NEW["main.cf"]


def test_what_can_not_be_prepared_changes_nothing(place, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(postfix_sasl_swap.postfix_sasl_textfile, "write", full)
    with pytest.raises(OSError, match="No space left"):
        swap_of(place).prepare()
    assert seen(place) == OLD
    assert sorted(os.listdir(place)) == ["main.cf", "master.cf"]


def run_until_killed(place, monkeypatch, step, back):
    """Swap, and take back if asked, but end at the system call number *step*; tell if it did."""
    count = 0

    def counted(call):
        def wrapper(*args, **kwargs):
            nonlocal count
            count += 1
            if count == step:
                raise Killed
            return call(*args, **kwargs)

        return wrapper

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, counted(getattr(os, name)))
        patch.setattr(os, "fsync", counted(lambda _handle: None))
        # A killed process cleans nothing up.
        patch.setattr(postfix_sasl_swap.shutil, "rmtree", counted(postfix_sasl_swap.shutil.rmtree))
        try:
            swap = swap_of(place)
            swap.prepare()
            swap.put()
            if back:
                swap.take_back()
            swap.finish()
        except Killed:
            return True
    return False


@pytest.mark.parametrize("back", [False, True], ids=["put", "taken back"])
def test_a_kill_at_any_step_leaves_a_whole_set_that_the_next_run_makes_plain(
    tmp_path, monkeypatch, back
):
    step = 0
    killed = True
    while killed:
        step += 1
        place = tmp_path / str(step)
        place.mkdir()
        for name, text in OLD.items():
            if text is not None:
                (place / name).write_text(text)
        killed = run_until_killed(place, monkeypatch, step, back)
        after = seen(place)
        assert after in (OLD, NEW), f"step {step}"
        left = open_journal(str(place / "journal"))
        assert seen(place) == after, f"step {step}"
        assert not any((place / name).is_symlink() for name in NEW), f"step {step}"
        if left:
            left.take_back()
            assert seen(place) == OLD, f"step {step}"
            left.finish()
        assert not (place / "journal").exists()
    assert step > 50


@pytest.mark.parametrize("step", range(1, 16))
def test_an_error_while_the_files_are_put_in_place_can_be_taken_back(place, monkeypatch, step):
    swap = swap_of(place)
    swap.prepare()
    count = 0

    def failing(call):
        def wrapper(*args, **kwargs):
            nonlocal count
            count += 1
            if count == step:
                raise OSError(28, "No space left on device")
            return call(*args, **kwargs)

        return wrapper

    with monkeypatch.context() as patch:
        for name in ("rename", "link", "symlink", "unlink", "fsync"):
            patch.setattr(os, name, failing(getattr(os, name)))
        with pytest.raises(OSError, match="No space left"):
            swap.put()
            swap.take_back()
    swap.take_back()
    swap.finish()
    assert seen(place) == OLD
    assert sorted(os.listdir(place)) == ["main.cf", "master.cf"]


def test_no_file_is_left_as_a_link_into_a_journal_that_goes(place):
    swap = swap_of(place)
    swap.prepare()
    for path, name in swap._entries():
        swap._link(path, name)
    swap.finish()
    assert seen(place) == OLD
    assert not any((place / name).is_symlink() for name in NEW)


def test_putting_in_place_needs_no_more_space(place, monkeypatch):
    """Links take an inode on some file systems: all are made before anything is in place."""

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    swap = swap_of(place)
    swap.prepare()
    for name in ("link", "symlink", "mkdir"):
        monkeypatch.setattr(os, name, full)
    swap.put()
    assert seen(place) == NEW
    swap.take_back()
    assert seen(place) == OLD
    swap.finish()
    assert seen(place) == OLD


def test_a_secret_is_never_where_others_can_read_it(tmp_path, monkeypatch):
    """Not the old one, nor the new one, at no step, whatever mode the file had before."""
    secrets = {"old": "the old secret", "new": "the new secret"}
    live = tmp_path / "password"
    live.write_text(secrets["old"])
    live.chmod(0o600)
    fresh = tmp_path / "key"
    swap = Swap(
        str(tmp_path / "journal"),
        {str(live): secrets["new"], str(fresh): secrets["new"]},
        {str(path): (0o600, os.getuid(), os.getgid()) for path in (live, fresh)},
    )
    seen_steps = 0

    def look():
        nonlocal seen_steps
        seen_steps += 1
        for path in tmp_path.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o077:
                assert not any(secret in path.read_text() for secret in secrets.values()), path

    def watched(call):
        def wrapper(*args, **kwargs):
            look()
            result = call(*args, **kwargs)
            look()
            return result

        return wrapper

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, watched(getattr(os, name)))
        swap.prepare()
        swap.put()
        swap.take_back()
        swap.put()
        swap.finish()
    assert seen_steps > 50
    assert [path.stat().st_mode & 0o777 for path in (live, fresh)] == [0o600] * 2
    assert live.read_text() == secrets["new"]


def test_a_file_that_was_open_is_closed_with_its_new_text(tmp_path):
    path = tmp_path / "password"
    path.write_text("old")
    owned = {str(path): (0o600, os.getuid(), os.getgid())}
    swap = Swap(str(tmp_path / "journal"), {str(path): "new"}, owned)
    swap.prepare()
    swap.put()
    swap.finish()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("before", [None, "pwcheck_method: auxprop\n"])
def test_a_link_that_a_killed_run_has_left_is_no_file_of_others(before, tmp_path, monkeypatch):
    """A run that is killed between the links and the switch: the next one has to go on."""
    monkeypatch.setattr(postfix_sasl_swap, "JOURNAL", str(tmp_path / "journal"))
    path = tmp_path / "smtpd.conf"
    if before:
        path.write_text(before)
    swap = Swap(postfix_sasl_swap.JOURNAL, {str(path): "wanted\n"})
    swap.prepare()
    swap._link(*swap._entries()[0])
    assert path.is_symlink()
    ours = postfix_sasl_things.File(str(path), "wanted\n")
    assert set(ours.changes()) == {str(path)}
    path.unlink()
    (tmp_path / "theirs").write_text("x")
    path.symlink_to(tmp_path / "theirs")
    with pytest.raises(postfix_sasl_things.NotOurs):
        ours.changes()
