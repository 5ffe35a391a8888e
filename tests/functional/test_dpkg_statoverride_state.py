"""The states dpkg_statoverride.present and .absent, with the real dpkg-statoverride."""

import shutil

import pytest

WANTED = {"user": "root", "group": "mail", "mode": "0710"}


@pytest.fixture
def register(tmp_path):
    """The text of a scratch register, as a function that may write it first."""
    admin = tmp_path / "dpkg"
    admin.mkdir()

    def access(text=None):
        if text is not None:
            (admin / "statoverride").write_text(text)
        return (admin / "statoverride").read_text()

    access("root utmp 2755 /usr/lib/utempter\n")
    access.directory = admin
    return access


@pytest.fixture
def path(tmp_path):
    """A directory root:root 0755."""
    path = tmp_path / "run"
    path.mkdir()
    path.chmod(0o755)
    return path


@pytest.fixture
def statoverride(states, register):
    """Call a function of the state module on the scratch register."""

    def call(function, name, *, test=False, **arguments):
        arguments.setdefault("admindir", str(register.directory))
        return getattr(states.dpkg_statoverride, function)(name=str(name), test=test, **arguments)

    return call


@pytest.fixture
def on_disk(tmp_path):
    """All there is to know of the scratch files but who read them when."""

    def look():
        found = {}
        for path in sorted(tmp_path.rglob("*")):
            status = path.stat()
            owner = (status.st_mode, status.st_uid, status.st_gid)
            found[str(path)] = (status.st_ino, *owner, status.st_mtime_ns, status.st_ctime_ns)
        return found

    return look


def test_present_registers_a_path_and_corrects_it(statoverride, register, path):
    ret = statoverride("present", path, **WANTED)
    assert (ret.result, ret.changes) == (True, {str(path): {"old": None, "new": WANTED}})
    assert f"root mail 710 {path}\n" in register()
    assert "root utmp 2755 /usr/lib/utempter\n" in register()
    assert (path.group(), path.stat().st_mode & 0o7777) == ("mail", 0o710)


def test_present_registers_a_path_that_is_not_there(statoverride, register, tmp_path):
    missing = tmp_path / "later"
    assert statoverride("present", missing, **WANTED).result is True
    assert f"root mail 710 {missing}\n" in register()
    assert not missing.exists()
    assert statoverride("present", missing, **WANTED).changes == {}


def test_only_what_differs_in_the_register_is_a_change(statoverride, register, path):
    register(f"root mail 755 {path}\n")
    ret = statoverride("present", path, **WANTED)
    assert ret.changes[str(path)] == {
        "old": {"group": "root", "mode": "0755"},  # the path itself still has the group root
        "new": {"group": "mail", "mode": "0710"},
    }
    assert register() == f"root mail 710 {path}\n"


@pytest.mark.parametrize(
    ("before", "wanted"),
    [("daemon mail 710", "root"), ("root daemon 710", "mail"), ("root mail 2755", "0710")],
)
def test_each_wrong_attribute_is_corrected(statoverride, register, path, before, wanted):
    register(f"{before} {path}\n")
    shutil.chown(path, "root", "mail")
    path.chmod(0o710)
    ret = statoverride("present", path, **WANTED)
    assert list(ret.changes[str(path)]["new"].values()) == [wanted]
    assert register() == f"root mail 710 {path}\n"


def test_a_path_that_strayed_from_its_override_is_corrected(statoverride, path):
    statoverride("present", path, **WANTED)
    shutil.chown(path, "daemon")
    path.chmod(0o777)
    ret = statoverride("present", path, **WANTED)
    assert ret.changes[str(path)] == {
        "old": {"user": "daemon", "mode": "0777"},
        "new": {"user": "root", "mode": "0710"},
    }
    assert (path.owner(), path.stat().st_mode & 0o7777) == ("root", 0o710)


@pytest.mark.parametrize("text", ["", "root mail 755 {path}\n", "daemon daemon 710 {path}\n"])
def test_a_dry_run_predicts_the_changes_and_touches_nothing(
    statoverride, register, path, on_disk, text
):
    register(text.format(path=path))
    before = on_disk()
    dry = statoverride("present", path, test=True, **WANTED)
    assert dry.result is None
    assert on_disk() == before
    assert statoverride("present", path, **WANTED).changes == dry.changes


@pytest.mark.parametrize("test", [True, False])
def test_a_second_run_changes_nothing(statoverride, path, on_disk, test):
    statoverride("present", path, **WANTED)
    before = on_disk()
    ret = statoverride("present", path, test=test, **WANTED)
    assert (ret.result, ret.changes) == (True, {})
    assert on_disk() == before


@pytest.mark.parametrize("mode", ["0710", "710", 710])
@pytest.mark.parametrize("user", ["root", 0, "#0"])
def test_mode_and_owner_may_be_written_in_several_ways(statoverride, path, user, mode):
    statoverride("present", path, **WANTED)
    ret = statoverride("present", path, user=user, group="mail", mode=mode)
    assert (ret.result, ret.changes) == (True, {})


def test_a_number_without_a_name_is_kept_as_a_number(statoverride, register, path):
    new = {"user": "#54321", "group": "mail", "mode": "0710"}
    assert statoverride("present", path, **{**new, "user": 54321}).changes[str(path)]["new"] == new
    assert f"#54321 mail 710 {path}\n" in register()
    assert path.stat().st_uid == 54321
    assert statoverride("present", path, **new).changes == {}


def test_a_path_may_hold_blanks(statoverride, register, tmp_path):
    path = tmp_path / "two words"
    path.mkdir()
    statoverride("present", path, **WANTED)
    assert f"root mail 710 {path}\n" in register()
    assert statoverride("present", path, **WANTED).changes == {}


def test_absent_removes_the_override_and_leaves_the_path(statoverride, register, path):
    statoverride("present", path, **WANTED)
    dry = statoverride("absent", path, test=True)
    assert dry.result is None and str(path) in register()
    ret = statoverride("absent", path)
    assert ret.changes == dry.changes == {str(path): {"old": WANTED, "new": None}}
    assert register() == "root utmp 2755 /usr/lib/utempter\n"
    assert path.stat().st_mode & 0o7777 == 0o710
    assert statoverride("absent", path).changes == {}


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize(
    ("path", "wrong", "says"),
    [
        ("/x", {"mode": "0980"}, "mode: got '0980'; takes up to four octal digits"),
        ("/x", {"mode": "u+x"}, "mode: got 'u+x'"),
        ("/x", {"mode": True}, "mode: got True"),
        ("/x", {"mode": ""}, "mode: got ''"),
        ("/x", {"user": "a b"}, "user: got 'a b'; takes the name of a user, or its number"),
        ("/x", {"group": None}, "group: got None"),
        ("/x", {"group": ""}, "group: got ''"),
        ("x", {}, "got 'x'; takes an absolute path"),
        ("/x/", {}, "takes an absolute path, without a / at the end"),
        ("/x/../y", {}, "takes an absolute path"),
        ("/x\n/y", {}, r"got '/x\n/y'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    statoverride, on_disk, path, wrong, says, test
):
    before = on_disk()
    ret = statoverride("present", path, test=test, **{**WANTED, **wrong})
    assert (ret.result, ret.changes) == (False, {})
    assert says in ret.comment
    assert "\n" not in ret.comment
    assert on_disk() == before


@pytest.mark.parametrize("kind", ["user", "group"])
def test_an_unknown_owner_fails_and_a_dry_run_waits_for_it(statoverride, path, on_disk, kind):
    before = on_disk()
    wanted = {**WANTED, kind: "nobody-here"}
    ret = statoverride("present", path, **wanted)
    assert (ret.result, ret.changes) == (False, {})
    assert f"{kind}: got 'nobody-here'; there is no such {kind} on this host" in ret.comment
    dry = statoverride("present", path, test=True, **wanted)
    assert (dry.result, dry.changes) == (None, {})
    assert "nobody-here" in dry.comment
    assert on_disk() == before


def test_what_dpkg_complains_of_is_one_line(statoverride, path, tmp_path):
    ret = statoverride("present", path, admindir=str(tmp_path / "nowhere"), **WANTED)
    assert ret.result is False
    assert "dpkg-statoverride" in ret.comment and "\n" not in ret.comment
