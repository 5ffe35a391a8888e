"""fetchmail takes mail from a POP3 and an IMAP server and hands it to the listener made for it."""

import json
import stat

import pytest
from support import layers, mail, wait
from support.host import Host

PORT = 40025
LISTENER = f"127.0.0.1:{PORT}"
RCFILE = "/etc/fetchmailrc"
UNIT = "/etc/systemd/system/fetchmail.service"
# Difficult ones; each has a plain piece that no way of quoting could hide.
PASSWORDS = {"popper": "pö \"sesame1\\1' # }", "mapper": '#im\\"ap $HOME "ß sesame2'}
PIECES = ("sesame1", "sesame2")
OTHER_PASSWORD = 'neŵ \\042 "pass#word'


def server(protocol, remote, local, password=None):
    """Return one entry of the poll list; our dovecot's certificate is nobody's, hence no ssl."""
    user = {"remote": remote, "password": password or PASSWORDS[remote], "local": local}
    return {"server": "127.0.0.1", "protocol": protocol, "ssl": False, "users": [user]}


def pillar(*poll):
    return {
        "tls": {"mode": "encrypt"},
        "fetchmail": {"enabled": True, "interval": 1, "poll": list(poll)},
    }


PILLAR = pillar(server("pop3", "popper", "carol"), server("imap", "mapper", "dave"))
FETCHED = (("popper", "carol"), ("mapper", "dave"))


@pytest.fixture
def mail_server(boot, release):
    """A fresh host with Debian's postfix and dovecot, and the users of PILLAR."""
    host = boot(layers=layers.with_dovecot(release))
    add_users(host)
    return host


@pytest.fixture(scope="module")
def fetching(release):
    """One host with PILLAR applied, for all tests of this file: they may not break it."""
    with Host.boot(release, layers=layers.with_dovecot(release)) as host:
        add_users(host)
        run = host.apply(PILLAR)
        assert run.succeeded, run
        yield host


def add_users(host):
    for name in ("carol", "dave"):
        host.add_user(name, "unused")
    for name, password in PASSWORDS.items():
        host.add_user(name, password)


def assert_fetches(host, mailboxes=FETCHED):
    """Put a message into each mailbox the host polls, and see it arrive in the local one."""
    for remote, local in mailboxes:
        subject = f"{remote} {host.read('/proc/sys/kernel/random/uuid').strip()}"
        host.run("sendmail", remote, input=f"Subject: {subject}\n\nHello.\n")
        wait.for_mail(host, local, subject)


def process(host):
    return host.run("pgrep", "-x", "fetchmail", check=False).stdout


class TestFetching:
    def test_mail_of_a_pop3_mailbox_comes_to_a_local_user(self, fetching):
        assert_fetches(fetching, [("popper", "carol")])

    def test_mail_of_an_imap_mailbox_comes_to_a_local_user(self, fetching):
        assert_fetches(fetching, [("mapper", "dave")])

    def test_it_comes_through_the_listener_though_port_25_demands_tls(self, fetching):
        with fetching.network():
            assert mail.send(25, "", "carol@mail.example.com", tls=None).code == 530
        assert_fetches(fetching)
        journal = fetching.run("journalctl", "--no-pager", "-t", "postfix/fetchmail/smtpd").stdout
        assert "client=localhost[127.0.0.1]" in journal

    def test_a_second_apply_changes_and_restarts_nothing(self, fetching):
        before = process(fetching)
        again = fetching.apply(PILLAR)
        assert again.succeeded, again
        assert again.changes == {}
        assert process(fetching) == before != ""

    def test_it_goes_on_after_a_reboot(self, fetching):
        fetching.reboot()
        assert_fetches(fetching)
        assert fetching.apply(PILLAR, test=True).changes == {}


class TestTheListener:
    def test_is_on_the_loopback_address_alone(self, fetching):
        lines = fetching.run("ss", "-Hltn", f"sport = :{PORT}").stdout.splitlines()
        assert [line.split()[3] for line in lines] == [LISTENER]

    def test_relays_for_nobody(self, fetching):
        with fetching.network():
            assert mail.relay_attempt(PORT, tls=None).code == 554

    def test_takes_local_mail(self, fetching):
        with fetching.network():
            answer = mail.send(PORT, "x@example.net", "carol@localhost", tls=None, subject="direct")
        assert answer.code == 250
        wait.for_mail(fetching, "carol", "direct")

    def test_offers_neither_tls_nor_a_login(self, fetching):
        with fetching.network():
            assert not {"STARTTLS", "AUTH"} & set(mail.ehlo(PORT))

    def test_is_out_of_reach_for_other_machines(self, fetching):
        with fetching.neighbour("198.51.100.2", "198.51.100.1").network():
            assert mail.is_open(25, "198.51.100.1")
            assert not mail.is_open(PORT, "198.51.100.1")


class TestTheConfiguration:
    def test_is_readable_to_fetchmail_alone(self, fetching):
        status = fetching.path(RCFILE).stat()
        assert stat.S_IMODE(status.st_mode) == 0o600
        owner = fetching.run("stat", "-c", "%U:%G", RCFILE).stdout
        assert owner == "fetchmail:nogroup\n"

    def test_names_the_listener_for_each_user(self, fetching):
        sections = fetching.read(RCFILE).split("\n  user ")[1:]
        assert len(sections) == 2
        assert all(f'smtphost "127.0.0.1/{PORT}"' in section for section in sections)

    def test_passwords_are_not_in_the_process_list(self, fetching):
        processes = fetching.run("ps", "-eww", "-o", "args").stdout
        assert "fetchmail --nodetach" in processes
        assert not [piece for piece in PIECES if piece in processes]

    def test_passwords_are_in_no_report_and_no_log(self, mail_server):
        result = mail_server.salt(
            "state.apply",
            *("postfix_sasl", "--log-file=/var/log/salt.log", "--log-file-level=all"),
            pillar=PILLAR,
        )
        assert_fetches(mail_server)
        report, log = json.dumps(result), mail_server.read("/var/log/salt.log")
        assert RCFILE in report
        assert "[DEBUG" in log
        assert not [piece for piece in PIECES if piece in report or piece in log]

    def test_a_changed_poll_list_is_in_force_when_the_run_ends(self, mail_server):
        assert mail_server.apply(PILLAR).succeeded
        mail_server.add_user("newbie", OTHER_PASSWORD)
        changed = pillar(server("pop3", "newbie", "dave", OTHER_PASSWORD))
        run = mail_server.apply(changed)
        assert run.changes == {RCFILE: {"old": {"text": "(hidden)"}, "new": {"text": "(hidden)"}}}
        assert_fetches(mail_server, [("newbie", "dave")])


class TestADryRun:
    def test_predicts_the_changes_and_touches_nothing(self, installed_host):
        before = touched(installed_host)
        predicted = installed_host.apply(PILLAR, test=True)
        assert predicted.succeeded, predicted
        assert touched(installed_host) == before
        real = installed_host.apply(PILLAR)
        assert real.succeeded, real
        assert predicted.changes == real.changes
        assert {"package fetchmail", RCFILE, f"{LISTENER}/inet", "service fetchmail"} <= set(
            real.changes
        )

    def test_predicts_them_where_fetchmail_is_installed(self, installed_host):
        installed_host.install("fetchmail")
        predicted, real = installed_host.apply(PILLAR, test=True), installed_host.apply(PILLAR)
        assert real.succeeded, real
        assert predicted.changes == real.changes
        assert "package fetchmail" not in real.changes


def touched(host):
    places = (
        "/etc/postfix",
        "/etc/systemd",
        "/etc/init.d",
        "/etc/default",
        "/var/lib/dpkg",
        RCFILE,
    )
    command = ["find", *places, "-printf", "%p %i %T@ %u %g %m %l\n"]
    return host.run(*command, check=False).stdout


DAMAGES = {
    "daemon stopped": (["systemctl", "stop", "fetchmail"], "service fetchmail"),
    "daemon disabled": (["systemctl", "disable", "fetchmail"], "service fetchmail"),
    "configuration's mode": (["chmod", "0644", RCFILE], RCFILE),
    "configuration damaged": (["sed", "-i", "s/smtphost/#/", RCFILE], RCFILE),
    "configuration removed": (["rm", RCFILE], RCFILE),
    "unit removed": (["rm", UNIT], UNIT),
    "listener removed": (["postconf", "-MX", f"{LISTENER}/inet"], f"{LISTENER}/inet"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_and_mended(fetching, name):
    """The host is shared: that a test sees only its own damage shows the others were mended."""
    damage, thing = DAMAGES[name]
    fetching.run(*damage)
    mended = fetching.apply(PILLAR)
    assert mended.succeeded, mended
    assert set(mended.changes) == {thing}, mended
    assert thing in "\n".join(mended.comments)
    assert_fetches(fetching)


@pytest.mark.parametrize("release", ["bookworm", "forky"], indirect=True)
class TestWithoutSystemd:
    """Debian 12 has an init script for fetchmail, forky has none; ours serves both."""

    def test_it_fetches_and_does_so_again_after_a_reboot(self, sysv_host):
        run = sysv_host.apply(PILLAR)
        assert run.succeeded, run
        assert_fetches(sysv_host)
        before = process(sysv_host)
        assert sysv_host.apply(PILLAR).changes == {}
        assert process(sysv_host) == before
        sysv_host.reboot()
        sysv_host.run("dovecot", check=False)
        assert_fetches(sysv_host)
        assert sysv_host.apply(PILLAR, test=True).changes == {}

    def test_a_stopped_daemon_and_a_changed_poll_list_are_seen_to(self, sysv_host):
        predicted = sysv_host.apply(PILLAR, test=True)
        assert sysv_host.apply(PILLAR).changes == predicted.changes
        sysv_host.run("/etc/init.d/fetchmail-postfix", "stop")
        assert set(sysv_host.apply(PILLAR).changes) == {"service fetchmail-postfix"}
        assert_fetches(sysv_host)
        changed = pillar(server("imap", "mapper", "carol"))
        assert set(sysv_host.apply(changed).changes) == {RCFILE}
        assert_fetches(sysv_host, [("mapper", "carol")])

    @pytest.fixture
    def sysv_host(self, boot, release):
        host = boot(layers=layers.with_dovecot(release), systemd=False)
        add_users(host)
        host.run("dovecot", check=False)  # where no init script has started it
        return host


def test_a_killed_daemon_comes_back_by_itself(fetching):
    before = process(fetching)
    fetching.run("pkill", "-KILL", "-x", "fetchmail")
    wait.until(lambda: process(fetching) not in ("", before))
    assert_fetches(fetching)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"fetchmail": {"enabled": True}}, "postfix_sasl:fetchmail:poll"),
        (
            {**PILLAR, "services": {"fetchmail": {"enabled": False}}},
            "postfix_sasl:services:fetchmail:enabled",
        ),
    ],
)
def test_it_takes_a_server_to_poll_and_the_listener(fetching, wrong, named):
    before = touched(fetching)
    run = fetching.apply(wrong)
    assert not run.succeeded
    assert run.changes == {}
    (failure, *_followers) = run.failures
    assert failure.startswith(f"{named}: got ")
    assert "\n" not in failure
    assert touched(fetching) == before
