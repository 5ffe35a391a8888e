"""Whatever happens during an apply: a whole configuration, no mail lost, and the next one heals."""

import concurrent.futures
import shlex

import pytest
from support import faults, mail, wait
from support.layers import PASSWORD, USER

RUN_DIRECTORY = "/var/spool/postfix/var/run/saslauthd"
NEW = {
    "main": {"message_size_limit": 1234567},
    "master": {"2525/inet": {"command": "smtpd", "chroot": "y"}},
    "sasl": {"options": {"log_level": 2}},
}
OLD = {
    "main": {"message_size_limit": 7654321},
    "master": {"2525/inet": None},
    "sasl": {"options": {}},
}
only_trixie = pytest.mark.parametrize("release", ["trixie"], indirect=True)
patient = pytest.mark.timeout(900)


@only_trixie
@patient
class TestKilled:
    """kill -9 at every step of an apply, one after the other."""

    def test_a_change_that_needs_a_reload(self, host):
        reports = faults.kill_everywhere(host, part="config", pillars=[NEW, OLD])
        assert len(reports) >= 80
        assert {report["in place"] for report in reports} == {"old", "new"}

    def test_a_change_back_while_files_go_into_place(self, host):
        reports = faults.kill_everywhere(
            host, part="config", pillars=[OLD, NEW], begin="/files'", end="subprocess.Popen"
        )
        assert len(reports) >= 10
        assert {report["in place"] for report in reports} == {"old", "new"}

    @pytest.mark.parametrize(
        "reset",
        ["rm -f /etc/postfix/sasl/smtpd.conf", "echo log_level: 1 > /etc/postfix/sasl/smtpd.conf"],
        ids=["new", "of others"],
    )
    def test_a_file_that_is_not_ours_yet_goes_into_place(self, host, reset):
        reports = faults.kill_everywhere(
            host,
            part="config",
            pillars=[{}],
            reset=reset,
            begin="/files'",
            end="subprocess.Popen",
        )
        assert len(reports) >= 5

    def test_a_change_that_needs_a_restart(self, host):
        reports = faults.kill_everywhere(
            host,
            part="config",
            pillars=[
                {"main": {"inet_interfaces": "loopback-only"}},
                {"main": {"inet_interfaces": "all"}},
            ],
            begin="subprocess.Popen",
            end="/files'",
            answers=False,
        )
        assert len(reports) >= 10

    def test_a_change_that_is_taken_back(self, host):
        reports = faults.kill_everywhere(
            host,
            part="config",
            pillars=[NEW, OLD],
            fails=True,
            begin="subprocess.Popen",
            end="/files'",
            answers=False,
        )
        assert len(reports) >= 20

    def test_a_first_saslauthd(self, host):
        script = f"""
            systemctl disable --now saslauthd-postfix
            rm -rf /etc/systemd/system/saslauthd-postfix.service {RUN_DIRECTORY}
            rm -f /etc/default/saslauthd-postfix
            systemctl daemon-reload
            dpkg-statoverride --remove {RUN_DIRECTORY} || :
            gpasswd -d postfix sasl || :
        """
        reports = faults.kill_everywhere(host, part="saslauthd", pillars=[{}], reset=script)
        assert len(reports) >= 30

    def test_other_settings_for_saslauthd(self, host):
        """The saslauthd that runs in the end is one that has read them."""
        check = (
            f"tr '\\0' ' ' < /proc/$(cat {RUN_DIRECTORY}/saslauthd.pid)/cmdline | grep -e '-n {{}}'"
        )
        reports = faults.kill_everywhere(
            host,
            part="saslauthd",
            pillars=[{"saslauthd": {"threads": 2}}, {"saslauthd": {"threads": 4}}],
            checks=[check.format(2), check.format(4)],
        )
        assert len(reports) >= 10

    def test_postfix_into_the_group_of_saslauthd(self, host):
        """Processes of Postfix that were there before must learn of it, too."""
        script = "gpasswd -d postfix sasl; postfix reload; for n in 1 2 3; do " + (
            "python3 -c \"import smtplib; smtplib.SMTP('127.0.0.1', 587).ehlo()\"; done"
        )
        reports = faults.kill_everywhere(host, part="saslauthd", pillars=[{}], reset=script)
        assert len(reports) >= 6

    def test_while_packages_are_installed(self, bare_host):
        bare_host.add_user(USER, PASSWORD)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            run = pool.submit(bare_host.apply, typed=True)
            wait.until(lambda: bare_host.exists("/var/lib/dpkg/info/postfix.list"), 60)
            bare_host.run("pkill", "-KILL", "-f", "salt-call")
            assert not run.result().succeeded
        faults.assert_converges(bare_host)


def test_salt_itself_killed_again_and_again_in_the_first_apply(installed_host):
    installed_host.add_user(USER, PASSWORD)
    with faults.no_mail_lost(installed_host):
        for only, at in (("saslauthd", 8), ("/etc/postfix", 12), ("journal/current", 5)):
            assert faults.apply_killed(installed_host, at, only), f"no step {at} with {only}"
            with installed_host.network():
                assert mail.is_open(25)
        faults.assert_converges(installed_host)


class TestDisk:
    def test_full(self, host):
        before = faults.configuration(host)
        with faults.no_mail_lost(host):
            host.run(
                "sh",
                "-ec",
                "cp -a /etc/postfix /srv/copy; "
                "mount -t tmpfs -o size=160k,mode=755 none /etc/postfix; "
                "cp -a /srv/copy/. /etc/postfix/; "
                "cat /dev/zero > /etc/postfix/full 2>/dev/null || :",
            )
            run = host.apply(pillar=NEW)
            faults.assert_fails_well(run, "No space left on device")
            assert faults.configuration(host) == before
            faults.assert_works(host)
            host.run("rm", "/etc/postfix/full")
            faults.assert_converges(host, pillar=NEW)

    @only_trixie
    def test_read_only(self, host):
        before = faults.configuration(host)
        with faults.no_mail_lost(host):
            host.run("sh", "-ec", "mount --bind /etc /etc; mount -o remount,ro,bind /etc")
            run = host.apply(pillar=NEW)
            faults.assert_fails_well(run, "Read-only file system")
            assert faults.configuration(host) == before
            faults.assert_works(host)
            host.run("mount", "-o", "remount,rw,bind", "/etc")
            faults.assert_converges(host, pillar=NEW)


def replace_program(host, path, script):
    """Put a script in place of a program, and return how to undo that."""
    host.run("mv", path, f"{path}.real")
    host.write(path, f"#!/bin/sh\n{script}\n", mode=0o755)
    return lambda: host.run("mv", f"{path}.real", path)


@only_trixie
@patient
class TestPrograms:
    """Programs that are needed are not there, or hang: Postfix goes on as it is."""

    @pytest.mark.parametrize("path", ["/usr/sbin/postconf", "/usr/sbin/postfix"])
    @pytest.mark.parametrize("script", ["exit 127", "exec sleep 600"], ids=["missing", "hanging"])
    def test_of_postfix(self, host, path, script):
        before = faults.configuration(host)
        with faults.no_mail_lost(host):
            undo = replace_program(host, path, script)
            run = host.apply(pillar=NEW)
            undo()
            faults.assert_fails_well(run)
            assert faults.configuration(host) == before
            faults.assert_works(host)
            faults.assert_converges(host, pillar=NEW)

    def test_no_restart_where_postfix_could_not_be_started_again(self, host):
        before = faults.configuration(host)
        undo = replace_program(host, "/usr/sbin/postfix", "exec sleep 600")
        run = host.apply(pillar={"main": {"inet_interfaces": "loopback-only"}})
        with host.network():
            assert mail.is_open(25)
        undo()
        faults.assert_fails_well(run, "/usr/sbin/postfix")
        assert faults.configuration(host) == before
        faults.assert_converges(host)

    def test_saslauthd_does_not_start(self, host):
        before = faults.configuration(host)
        with faults.no_mail_lost(host):
            undo = replace_program(host, "/usr/sbin/saslauthd", "exit 1")
            pillar = {"saslauthd": {"threads": 3}, **NEW}
            run = host.apply(pillar=pillar)
            faults.assert_fails_well(run, "journalctl -u saslauthd-postfix")
            assert faults.configuration(host) == before
            with host.network():
                assert mail.relay_attempt(25, tls=None).code == 250
            undo()
            faults.assert_converges(host, pillar=pillar)

    def test_dpkg_is_locked(self, host):
        host.run("dpkg", "--force-depends", "--purge", "libsasl2-modules")
        lock = (
            "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); "
            "g = open('/var/lib/dpkg/lock', 'w'); fcntl.lockf(f, 2); fcntl.lockf(g, 2); "
            "time.sleep(900)"
        )
        host.run("systemd-run", "--unit", "locker", "python3", "-c", lock)
        wait.until(lambda: "dpkg/lock" in host.run("sh", "-c", "ls -l /proc/*/fd").stdout)
        run = host.apply()
        faults.assert_fails_well(run, "lock")
        host.run("systemctl", "stop", "locker")
        faults.assert_converges(host)


@only_trixie
class TestFiles:
    def test_a_pam_file_broken_by_hand(self, host):
        with faults.no_mail_lost(host):
            host.write("/etc/pam.d/smtp", "auth required nonsense.so\n((((\n\0")
            faults.assert_converges(host)

    def test_a_clock_set_back(self, host):
        """Files, journal and lock seem to be of tomorrow."""
        with faults.no_mail_lost(host):
            assert faults.apply_killed(host, 5, "journal/current", pillar=NEW)
            find = "find /etc/postfix /etc/default /etc/pam.d -exec touch -h -d '1 day' {} +"
            host.run("sh", "-ec", find)
            faults.assert_converges(host, pillar=NEW)
            faults.assert_converges(host)

    def test_a_line_in_main_cf_that_postfix_cannot_read(self, host):
        """It stops every new process of Postfix, so there is nothing that could be made worse."""
        text = host.read("/etc/postfix/main.cf")
        host.path("/etc/postfix/main.cf").write_text(f"{text}this is nonsense\n")
        run = host.apply(pillar=NEW)
        faults.assert_fails_well(run, "main.cf", "this is nonsense")
        assert host.read("/etc/postfix/main.cf") == f"{text}this is nonsense\n"
        assert host.run("pgrep", "-x", "master").stdout
        host.path("/etc/postfix/main.cf").write_text(text)
        faults.assert_converges(host, pillar=NEW)

    def test_an_entry_twice_in_master_cf(self, host):
        text = host.read("/etc/postfix/master.cf")
        twice = f"{text}submission inet n - n - - smtpd\n  -o syslog_name=postfix/second\n"
        host.path("/etc/postfix/master.cf").write_text(twice)
        with faults.no_mail_lost(host):
            faults.assert_converges(host)
        assert "postfix/second" not in host.read("/etc/postfix/master.cf")

    def test_interfaces_that_cannot_be_resolved_and_a_pillar_that_says_which(self, host):
        host.run("postconf", "inet_interfaces = no-such-host.invalid")
        faults.assert_converges(host, pillar={"main": {"inet_interfaces": "all"}})

    def test_interfaces_that_cannot_be_resolved(self, host):
        """Postfix runs on what it read before; it would not survive a restart."""
        with faults.no_mail_lost(host):
            host.run("postconf", "inet_interfaces = no-such-host.invalid")
            before = faults.configuration(host)
            run = host.apply(pillar=NEW)
            faults.assert_fails_well(run, "no-such-host.invalid")
            assert faults.configuration(host) == before
            assert host.run("pgrep", "-x", "master").stdout
            with host.network():
                assert mail.is_open(25)
            host.run("postconf", "inet_interfaces = all")
            faults.assert_converges(host, pillar=NEW)

    def test_a_certificate_that_goes_between_check_and_use(self, host):
        """A Postfix that is told of the change finds no certificate any more."""
        host.run(
            *("sh", "-ec"),
            "cp /etc/ssl/certs/ssl-cert-snakeoil.pem /etc/ssl/mine.pem; "
            "cp /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/mine.key",
        )
        before = faults.configuration(host)
        real = "rm -f /etc/ssl/mine.pem; exec /usr/sbin/postfix.real"
        with faults.no_mail_lost(host):
            undo = replace_program(host, "/usr/sbin/postfix", f'{real} "$@"')
            pillar = {"tls": {"certificate": "/etc/ssl/mine.pem", "key": "/etc/ssl/mine.key"}}
            run = host.apply(pillar=pillar)
            undo()
            faults.assert_fails_well(run, "TLS")
            assert faults.configuration(host) == before
            faults.assert_works(host)
            host.run("cp", "/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/mine.pem")
            faults.assert_converges(host, pillar=pillar)


@only_trixie
def test_postfix_does_not_run_and_its_port_is_taken(host):
    before = faults.configuration(host)
    with faults.no_mail_lost(host):
        host.run("systemctl", "stop", "postfix")
        take = (
            "import socket, time; s = socket.socket(); s.setsockopt(1, 2, 1); "
            "s.bind(('0.0.0.0', 25)); s.listen(); time.sleep(900)"
        )
        host.run("systemd-run", "--unit", "taker", "python3", "-c", take)
        wait.until(lambda: "LISTEN" in host.run("ss", "-ltn", "sport = :25").stdout)
        run = host.apply(pillar=NEW)
        faults.assert_fails_well(run)
        assert faults.configuration(host) == before
        host.run("systemctl", "stop", "taker")
        faults.assert_converges(host, pillar=NEW)


def test_two_applies_at_once(host):
    with faults.no_mail_lost(host), concurrent.futures.ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _number: host.apply(pillar=NEW), range(2)))
    assert any(run.succeeded for run in runs), runs
    for run in runs:
        if not run.succeeded:
            faults.assert_fails_well(run, "running")
    faults.assert_works(host)
    faults.assert_converges(host, pillar=NEW)


@only_trixie
def test_an_apply_beside_another_change_of_the_configuration(host):
    """Whoever holds the lock is waited for, and what was written meanwhile is not lost."""
    script = (
        "import fcntl, os, subprocess, time; h = os.open('/etc/postfix', os.O_RDONLY); "
        "fcntl.flock(h, fcntl.LOCK_EX); open('/run/locked', 'w').close(); time.sleep(6); "
        "subprocess.run(['postconf', 'smtpd_banner = meanwhile'], check=True)"
    )
    host.run("sh", "-c", f"python3 -c {shlex.quote(script)} > /dev/null 2>&1 &")
    wait.until(lambda: host.exists("/run/locked"))
    run = host.apply(pillar=NEW)
    assert run.succeeded, run
    assert "smtpd_banner = meanwhile" in host.read("/etc/postfix/main.cf")
    assert "message_size_limit = 1234567" in host.read("/etc/postfix/main.cf")
