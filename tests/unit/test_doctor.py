"""How the doctor puts its findings together; what it finds is tested on real hosts."""

import os
import types

import postfix_sasl_doctor as doctor
import postfix_sasl_doctor_config as doctor_config
import postfix_sasl_doctor_host as doctor_host
import postfix_sasl_doctor_saslauthd as doctor_saslauthd
import postfix_sasl_doctor_smtp as doctor_smtp
import postfix_sasl_processes as processes
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postfix_sasl_doctor_host import Finding, several

NAMES = [check.name for check in doctor.CHECKS]


def answer(**found):
    """Return the doctor's answer where all is well but what is given."""
    name_of = {name.replace(" ", "_").replace(".", "_").replace("'", ""): name for name in NAMES}
    given_ = {name_of[name]: finding for name, finding in found.items()}
    return doctor.answer(doctor.CHECKS, [given_.get(name, Finding(True, "fine")) for name in NAMES])


def check(said, name):
    (found,) = [one for one in said["checks"] if one["name"] == name]
    return found


class TestTheOrder:
    def test_every_cause_stands_before_what_depends_on_it(self):
        for at, one in enumerate(doctor.CHECKS):
            assert set(one.needs) <= set(NAMES[:at]), one.name

    def test_names_are_given_once(self):
        assert len(set(NAMES)) == len(NAMES)


class TestTheAnswer:
    def test_all_well(self):
        said = answer()
        assert said["healthy"] is True
        assert [one["name"] for one in said["checks"]] == NAMES
        assert said["report"].endswith("\n\nhealthy")

    def test_a_failure_drags_down_what_depends_on_it(self):
        said = answer(
            saslauthd=Finding(False, "does not run", "start it"),
            socket=Finding(False, "is not there", "make it"),
            login=Finding(False, "454", "look"),
        )
        assert said["healthy"] is False
        assert [one["name"] for one in said["checks"] if one["ok"] is False] == ["saslauthd"]
        assert check(said, "socket") == {
            "name": "socket",
            "ok": None,
            "detail": "depends on saslauthd: is not there",
            "remedy": None,
        }
        assert check(said, "login")["detail"] == "depends on saslauthd: 454"
        assert check(said, "PAM")["ok"] is True

    def test_the_first_cause_is_named_through_others(self):
        said = answer(
            postfix=Finding(False, "dead", "start it"),
            listeners=Finding(False, "closed", "reload"),
            EHLO=Finding(False, "silent", "look"),
        )
        assert check(said, "EHLO")["detail"] == "depends on postfix: silent"

    def test_two_failures_that_have_nothing_to_do_with_each_other_are_two(self):
        said = answer(
            certificate=Finding(False, "expired", "new"), PAM=Finding(False, "gone", "back")
        )
        assert [one["name"] for one in said["checks"] if one["ok"] is False] == [
            "certificate",
            "PAM",
        ]

    def test_a_warning_is_true_with_a_remedy(self):
        said = answer(deferred_mail=Finding(True, "7 messages wait", "postqueue -p"))
        assert said["healthy"] is True
        assert "\nwarn  deferred mail" in said["report"]
        assert "=> postqueue -p" in said["report"]
        assert said["report"].endswith("healthy; to be seen to: deferred mail")

    def test_what_does_not_apply_is_no_failure(self):
        said = answer(saslauthd=Finding(None, "does not apply"))
        assert said["healthy"] is True
        assert check(said, "saslauthd")["detail"] == "does not apply"

    def test_a_remedy_with_hidden_characters_is_not_offered_as_a_command(self):
        said = answer(PAM=Finding(False, "gone", "rm /tmp/\x1b]0;x\x07"))
        assert check(said, "PAM")["remedy"].startswith("see the detail")

    @settings(deadline=None)  # machines that test have much else to do
    @given(
        st.lists(st.tuples(st.sampled_from([True, False, None]), st.text(), st.none() | st.text()))
    )
    def test_nothing_breaks_the_report_or_the_terminal(self, raw):
        found = [Finding(*one) for one in raw][: len(NAMES)]
        found += [Finding(True, "fine")] * (len(NAMES) - len(found))
        said = doctor.answer(doctor.CHECKS, found)
        assert said["report"].isascii()
        assert said["report"].replace("\n", "").isprintable()
        remedies = sum(bool(one["remedy"]) for one in said["checks"])
        assert len(said["report"].split("\n")) == len(NAMES) + remedies + 2
        assert said["healthy"] == all(one["ok"] is not False for one in said["checks"])


def test_a_check_that_breaks_is_a_failure_without_a_traceback():
    def broken(_seen):
        raise ValueError("bad \x1b[31m bytes")

    finding = doctor._run(doctor.Check("socket", broken), None)
    assert finding.ok is False and "ValueError" in finding.detail


def test_several():
    assert several(["a", "b", "a"]) == "a; b"
    assert several(["a", "b", "c", "d", "e"]) == "a; b; c (and 2 more)"


def host_of(main, entries):
    """Return a Host with this configuration, whose Postfix can't be asked."""
    host = doctor_host.Host.__new__(doctor_host.Host)
    host.main, host.entries, host.known = main, entries, None
    return host


def smtpd(chroot="y", **options):
    return {
        **dict.fromkeys(("private", "unprivileged", "wakeup", "process_limit"), "-"),
        "chroot": chroot,
        "command": "smtpd",
        "options": options,
        "args": [],
    }


class TestWhatTheConfigurationComesTo:
    def test_tls_by_the_old_parameters(self):
        host = host_of({"smtpd_use_tls": "yes"}, {})
        assert host.answering()["smtpd_tls_security_level"] == "may"
        host = host_of({"smtpd_use_tls": "yes", "smtpd_enforce_tls": "yes"}, {})
        assert host.answering()["smtpd_tls_security_level"] == "encrypt"
        host = host_of({"smtpd_use_tls": "yes", "smtpd_tls_security_level": "none"}, {})
        assert host.answering()["smtpd_tls_security_level"] == "none"

    def test_values_are_expanded_and_options_win(self):
        host = host_of({"a": "yes", "smtpd_sasl_auth_enable": "$a"}, {})
        assert host.is_yes("smtpd_sasl_auth_enable")
        assert not host.is_yes("smtpd_sasl_auth_enable", {"a": "no"})

    @pytest.mark.parametrize(
        ("chroot", "level", "is_chrooted"),
        [
            ("y", "3.9", True),
            ("n", "3.9", False),
            ("-", "3.9", False),
            ("-", "0", True),
            ("-", "", True),
        ],
    )
    def test_the_chroot_decides_where_the_socket_is(self, chroot, level, is_chrooted):
        main = {"smtpd_sasl_auth_enable": "yes", "compatibility_level": level}
        (found,) = host_of(main, {"smtp/inet": smtpd(chroot)}).logins
        root = "/var/spool/postfix" if is_chrooted else ""
        assert found.socket == f"{root}/var/run/saslauthd/mux"

    def test_dovecot_is_not_cyrus(self):
        main = {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot"}
        assert host_of(main, {"smtp/inet": smtpd()}).logins == []

    @settings(deadline=None)  # machines that test have much else to do
    @given(
        st.dictionaries(
            st.sampled_from(
                "smtpd_sasl_auth_enable smtpd_tls_security_level smtpd_tls_auth_only "
                "smtpd_sasl_path cyrus_sasl_config_path inet_interfaces queue_directory".split()
            ),
            st.text() | st.sampled_from(["yes", "no", "may", "$a", "${a", "all"]),
        ),
        st.text(st.characters(exclude_characters="/\0"), max_size=8),
    )
    def test_any_values_come_to_something(self, main, name):
        main = {key: value.replace("\0", "") for key, value in main.items()}
        host = host_of(main, {f"{name}/inet": smtpd(), "25/inet": smtpd("-", **main)})
        for key, address, port, tls, expected in doctor_smtp.wanted_of(host):
            assert key in host.entries and 0 < port < 65536 and address.isprintable()
            assert tls in ("none", "starttls", "implicit") and expected


class TestWhoMayPass:
    """A real directory and a real socket's place; what nobody may, another may."""

    @pytest.fixture
    def way(self, tmp_path):
        place = tmp_path / "spool" / "run"
        place.mkdir(parents=True, mode=0o755)
        (tmp_path / "spool").chmod(0o755)
        host = types.SimpleNamespace(queue_directory=str(tmp_path / "spool"))
        login = types.SimpleNamespace(socket=str(place / "mux"), is_chrooted=True)
        return types.SimpleNamespace(place=place, host=host, login=login)

    @pytest.mark.parametrize(("mode", "passes"), [(0o755, True), (0o710, False), (0o700, False)])
    def test_a_stranger(self, way, mode, passes):
        way.place.chmod(mode)
        blocked = doctor_saslauthd._blocked(way.login, way.host, 65534, {65534})
        assert (blocked is None) == passes
        if blocked:
            assert blocked == (str(way.place), False)

    @pytest.mark.parametrize(("mode", "passes"), [(0o755, True), (0o710, True), (0o700, False)])
    def test_a_member_of_the_group(self, way, mode, passes):
        way.place.chmod(mode)
        gid = os.stat(way.place).st_gid
        blocked = doctor_saslauthd._blocked(way.login, way.host, 65534, {65534, gid})
        assert (blocked is None) == passes

    def test_the_directory_above_is_named(self, way):
        way.place.parent.chmod(0o700)
        path, is_socket = doctor_saslauthd._blocked(way.login, way.host, 65534, {65534})
        assert (path, is_socket) == (str(way.place.parent), False)


@pytest.mark.parametrize(("days", "is_told"), [(22, False), (21, True), (0, True)])
def test_a_certificate_is_told_of_from_21_days_on(days, is_told):
    shown = {"days_left": days, "not_after": "2030-01-02", "names": [], "self_signed": True}
    seen = types.SimpleNamespace(
        host=types.SimpleNamespace(value=lambda name: "mail.example.com", told="postfix reload"),
        problems=types.SimpleNamespace(certificate=[]),
        answers={587: {"certificate": {**shown, "subject": "CN=x"}}},
    )
    found = doctor_config.certificate(seen)
    assert found.ok is True
    assert (f"in {days} days" in found.detail) == is_told == bool(found.remedy)


def test_processes_of_our_own():
    program = os.path.basename(os.path.realpath("/proc/self/exe"))
    assert os.getpid() in processes.processes(program)
    assert processes.state_of(os.getpid()) in ("R", "S")
    assert processes.groups_of(os.getpid()) == {*os.getgroups(), os.getgid()}
    assert processes.command_of(os.getpid())[0]
    assert processes.state_of(2**22 + 1) is None
