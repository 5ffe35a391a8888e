"""Hosts whose init is not systemd, and hosts that forbid packages to start anything."""

import pytest
from support import mail, traces
from support.host import Host
from support.layers import PASSWORD, USER

each_listener = pytest.mark.parametrize(("port", "tls"), mail.LISTENERS)
TOUCHED = ("/etc", "/var/lib/dpkg", "/var/spool/postfix/var")
DEFAULTS = "/etc/default/saslauthd-postfix"
INIT_SCRIPT = "/etc/init.d/saslauthd-postfix"
RUN_DIRECTORY = "/var/spool/postfix/var/run/saslauthd"


@pytest.fixture(scope="module")
def sysv_host(release, installed):
    """One host without systemd, for all tests of this file: they may not break it."""
    with Host.boot(release, systemd=False, layers=installed) as host:
        host.add_user(USER, PASSWORD)
        run = host.apply()
        assert run.succeeded, run
        yield host


@each_listener
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_user_logs_in(sysv_host, port, tls, mechanism):
    with sysv_host.network():
        assert mail.login(port, USER, PASSWORD, mechanism, tls).code == 235


def test_a_wrong_password_is_refused(sysv_host):
    with sysv_host.network():
        assert mail.login(587, USER, "wrong").code == 535


def test_root_is_refused(sysv_host):
    sysv_host.run("chpasswd", input="root:secret\n")
    with sysv_host.network():
        assert mail.login(587, "root", "secret").code == 535


def test_a_second_apply_changes_and_restarts_nothing(sysv_host):
    traces.assert_nothing_is_due(sysv_host, TOUCHED)


def test_everything_works_after_a_reboot(sysv_host):
    sysv_host.reboot()
    assert_logins_work(sysv_host)
    assert_only_our_saslauthd_runs(sysv_host)
    assert sysv_host.apply(test=True).changes == {}


DAMAGES = {
    "saslauthd stopped": ([INIT_SCRIPT, "stop"], "service saslauthd-postfix"),
    "saslauthd killed": (["pkill", "-KILL", "-x", "saslauthd"], "service saslauthd-postfix"),
    "saslauthd disabled": (
        ["update-rc.d", "-f", "saslauthd-postfix", "remove"],
        "service saslauthd-postfix",
    ),
    "init script removed": (["rm", INIT_SCRIPT], INIT_SCRIPT),
    "init script not executable": (["chmod", "0644", INIT_SCRIPT], INIT_SCRIPT),
    "defaults file damaged": (["sed", "-i", "s/START=yes/START=no/", DEFAULTS], DEFAULTS),
    "defaults file removed": (["rm", DEFAULTS], DEFAULTS),
    "postfix stopped": (["/etc/init.d/postfix", "stop"], "service postfix"),
    "postfix disabled": (["update-rc.d", "-f", "postfix", "remove"], "service postfix"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_and_mended(sysv_host, name):
    """The host is shared: that a test sees only its own damage shows the others were mended."""
    damage, thing = DAMAGES[name]
    sysv_host.run(*damage)
    mended = sysv_host.apply()
    assert mended.succeeded, mended
    assert set(mended.changes) == {thing}, mended
    assert_logins_work(sysv_host)
    assert_only_our_saslauthd_runs(sysv_host)


def test_changed_settings_of_saslauthd_are_in_force_when_the_run_ends(boot, installed):
    host = boot(layers=installed, systemd=False)
    assert host.apply().succeeded
    run = host.apply(pillar={"saslauthd": {"threads": 2}})
    assert run.succeeded, run
    assert set(run.changes) == {DEFAULTS}
    assert len(traces.daemons(host, "saslauthd")) == 2


def test_a_dry_run_predicts_the_changes_and_touches_nothing(boot):
    host = boot(systemd=False)
    host.run(
        "install", "-d", "-m", "0700", "/etc/salt/pki/minion"
    )  # any first run of Salt makes it
    real = traces.assert_dry_run_is_right(host, TOUCHED)
    assert {"package postfix", INIT_SCRIPT, "service saslauthd-postfix"} <= set(real.changes)


class TestAHostThatForbidsPackagesToStartServices:
    def test_ends_with_everything_running_without_systemd(self, boot):
        self.assert_ends_with_everything_running(boot(systemd=False))

    @pytest.mark.parametrize("release", ["trixie"], indirect=True)
    def test_ends_with_everything_running_with_systemd(self, boot):
        self.assert_ends_with_everything_running(boot())

    def assert_ends_with_everything_running(self, host):
        host.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", mode=0o755)
        host.add_user(USER, PASSWORD)
        run = host.apply()
        assert run.succeeded, run
        assert_logins_work(host)
        assert_only_our_saslauthd_runs(host)


def assert_logins_work(host):
    with host.network():
        assert mail.logins(USER, PASSWORD) == [235, 235, 235]


def assert_only_our_saslauthd_runs(host):
    """Debian's own instance has its socket somewhere else."""
    commands = host.run("ps", "-C", "saslauthd", "-o", "args=").stdout.splitlines()
    assert commands
    assert all(f"-m {RUN_DIRECTORY}" in command for command in commands)
