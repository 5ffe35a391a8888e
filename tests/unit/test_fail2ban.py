"""Where fail2ban reads the mail log, and what it says where there is none."""

import socket

import postfix_sasl_daemons
import postfix_sasl_fail2ban
import postfix_sasl_maillog
import pytest
from postfix_sasl_fail2ban import NoMailLog, jail_text, mail_log
from postfix_sasl_settings import check

MAIL_LOG = "/var/log/mail.log"
OWN = "/var/log/postfix.log"


@pytest.fixture
def place(monkeypatch, tmp_path):
    """A function that says what the host has: `place(systemd=..., syslog=..., main_cf=...)`."""
    sockets = []

    def place(systemd=False, syslog=False, main_cf=""):
        (tmp_path / "main.cf").write_text(main_cf)
        path = str(tmp_path / "log")
        if syslog:
            sockets.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            sockets[-1].bind(path)
        monkeypatch.setattr(postfix_sasl_maillog, "_MAIN_CF", str(tmp_path / "main.cf"))
        monkeypatch.setattr(postfix_sasl_fail2ban, "_SYSLOG_SOCKET", path)
        monkeypatch.setattr(postfix_sasl_daemons, "has_systemd", lambda: systemd)

    yield place
    for each in sockets:
        each.close()


def found(**pillar):
    return mail_log(check({"fail2ban": True, **pillar}))


def test_it_is_the_journal_or_what_a_syslog_daemon_writes(place):
    place(systemd=True, syslog=True)
    assert found() is None
    place()
    assert found() == MAIL_LOG


def test_a_host_without_either_is_refused(place):
    place()
    with pytest.raises(NoMailLog, match="nothing on this host writes one"):
        found()


def test_a_socket_that_a_daemon_has_left_is_nobody(place, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as gone:
        gone.bind(str(tmp_path / "log"))
    place()
    with pytest.raises(NoMailLog):
        found()


@pytest.mark.parametrize("systemd", [True, False])
def test_where_postfix_writes_a_file_nobody_else_has_it(place, systemd):
    place(systemd=systemd)
    assert found(main={"maillog_file": OWN}) == OWN
    place(systemd=systemd, main_cf=f"maillog_file = {OWN}\n")
    assert found() == OWN


def test_a_parameter_that_is_to_go_does_not_count(place):
    place(systemd=True, main_cf=f"maillog_file = {OWN}\n")
    assert found(main={"maillog_file": None}) is None
    assert found(purge="remove") is None


@pytest.mark.parametrize("file", ["/dev/stdout", "/var/log/$myhostname.log"])
def test_what_fail2ban_can_not_read_is_refused(place, file):
    place(systemd=True)
    with pytest.raises(NoMailLog, match="can't read"):
        found(main={"maillog_file": file})


def test_the_jail_reads_it(place):
    place(systemd=True)
    assert "backend = systemd\n" in jail_text(None, False, "trixie")
    assert f"backend = auto\nlogpath = {OWN}\n" in jail_text(OWN, False, "trixie")


@pytest.mark.parametrize(
    ("release", "systemd", "has_syslog", "is_moved"),
    [
        ("bookworm", True, True, True),
        ("bookworm", False, False, True),
        ("bookworm", False, True, False),
        ("trixie", False, False, False),
    ],
)
def test_debian_12s_jail_for_ssh_reads_a_file_only_where_one_is_written(
    place, release, systemd, has_syslog, is_moved
):
    place(systemd=systemd)
    assert ("[sshd]\nbackend = systemd\n" in jail_text(OWN, has_syslog, release)) is is_moved
