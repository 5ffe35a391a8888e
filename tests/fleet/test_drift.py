"""Drift: what a schedule, or the beacon, finds on a minion reaches the master, and is corrected."""

import contextlib
import fcntl
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import layers, mail, wait
from support.fleet import Fleet
from support.layers import PASSWORD, USER

MINION = "mail"
RELEASE = "trixie"
TAG = "postfix_sasl/drift"
BEACON = f"salt/beacon/{MINION}/postfix_sasl"
REACTOR = "postfix_sasl/reactor/drift.sls"
LATER = "reactor_that_comes_later.sls"
PATIENCE = 60  # seconds, for a machine with much else to do
MEMORY = "/var/cache/salt/minion/postfix_sasl-drift.json"
SCHEDULE = "/etc/salt/minion.d/_schedule.conf"
JOB = "postfix_sasl-drift"
SMTPD_CONF = "/etc/postfix/sasl/smtpd.conf"
UNDECLARED = ("delay_warning_time", "bounce_size_limit")
MASTER_CONFIG = {
    "reactor": [
        {"salt/beacon/*/postfix_sasl/drift": [f"salt://{REACTOR}"]},
        {TAG: [f"salt://{LATER}"]},
    ]
}
MINION_CONFIG = {"log_level_logfile": "debug"}
SECRET = "s3cret-marked-word"
FETCHMAIL = {
    "enabled": True,
    "poll": [
        {
            "server": "198.51.100.99",
            "users": [{"remote": "alice", "password": SECRET, "local": USER}],
        }
    ],
}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """A master, whose reactor hears the beacon, and one mail server.

    What a test leaves behind, the next one's `configure` clears away.
    """
    minions = {MINION: {"release": RELEASE, "layers": layers.applied(RELEASE)}}
    directory = tmp_path_factory.mktemp("drift")
    with Fleet(directory, minions, MASTER_CONFIG, MINION_CONFIG) as fleet:
        yield fleet


@pytest.fixture
def host(fleet):
    """The mail server."""
    return fleet.hosts[MINION]


def configure(fleet, mode="off", interval=1, **pillar):
    """Give the minion this pillar, looking for drift every second or so, and apply it."""
    fleet.hosts[MINION].run("postconf", "-X", *UNDECLARED)
    drift = {"mode": mode, "interval": interval, "splay": 0}
    fleet.set_pillar({MINION: {"drift": drift, **pillar}})
    run = fleet.apply()
    assert run.succeeded, run
    return run[MINION]


def events(fleet, since):
    return [event["data"] for event in fleet.events(TAG, since)]


def next_event(fleet, since, is_it=bool):
    """Return the first event since then of which that is true."""
    return wait.until(lambda: [data for data in events(fleet, since) if is_it(data)], PATIENCE)[0]


def wait_for_looks(fleet, count=3):
    """Wait until the schedule has looked so many times: each asks the master for the pillar."""
    since = time.time()
    wait.until(lambda: len(fleet.events(f"minion/refresh/{MINION}", since)) >= count, PATIENCE)


def spoil(host):
    """Edit main.cf, stop a daemon, change a mode; return the changes that mend that."""
    host.run("postconf", "smtpd_tls_auth_only = no")
    host.run("systemctl", "stop", "saslauthd-postfix")
    host.run("chmod", "0666", SMTPD_CONF)
    return {
        "smtpd_tls_auth_only": {"old": "no", "new": "yes"},
        "service saslauthd-postfix": {"old": {"running": False}, "new": {"running": True}},
        SMTPD_CONF: {"old": {"mode": "0666"}, "new": {"mode": "0644"}},
    }


def undated(changes):
    return {
        name: {side: change[side] for side in ("old", "new")} for name, change in changes.items()
    }


def assert_login_works(fleet):
    with fleet.network():
        assert mail.login(587, USER, PASSWORD, host=fleet.addresses[MINION]).code == 235


@contextlib.contextmanager
def held(host):
    """Hold the lock that a run takes between comparing and writing Postfix's configuration."""
    handle = os.open(host.path("/etc/postfix"), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def wait_for_a_run_at_the_lock(host):
    look = "ls -l /proc/[0-9]*/fd 2> /dev/null | grep -q ' /etc/postfix$'"
    wait.until(lambda: host.run("sh", "-c", look, check=False).returncode == 0, PATIENCE)


class TestReport:
    def test_the_event_says_what_differs_and_since_when(self, fleet, host):
        configure(fleet, "report")
        since = time.time()
        expected = spoil(host)
        data = next_event(fleet, since, lambda data: len(data["changes"]) == 3)
        assert (data["minion"], data["mode"], data["drifted"]) == (MINION, "report", True)
        assert undated(data["changes"]) == expected
        dates = {change["since"] for change in data["changes"].values()}
        assert all(date.startswith(time.strftime("%Y-%m-%dT", time.gmtime())) for date in dates)

        later = next_event(fleet, time.time())
        assert later["changes"] == data["changes"]
        assert host.run("postconf", "-h", "smtpd_tls_auth_only").stdout == "no\n"
        assert host.path(MEMORY).stat().st_mode & 0o777 == 0o600

    def test_there_is_no_event_where_nothing_differs(self, fleet, host):
        configure(fleet, "report")
        wait_for_looks(fleet)
        since = time.time()
        wait_for_looks(fleet)
        assert events(fleet, since) == []

    def test_what_nobody_declared_is_told_once(self, fleet, host):
        configure(fleet, "report")
        since = time.time()
        host.run("postconf", "delay_warning_time = 4h")
        data = next_event(fleet, since)
        assert (data["drifted"], data["changes"]) == (False, {})
        [note] = data["notes"]
        assert note == "declared by neither Debian nor the pillar: main.cf: delay_warning_time"
        wait_for_looks(fleet)
        assert len(events(fleet, since)) == 1
        host.run("postconf", "bounce_size_limit = 60000")
        again = next_event(fleet, since, lambda data: "bounce_size_limit" in str(data["notes"]))
        assert again["drifted"] is False

    def test_the_schedule_survives_a_restart_of_the_minion(self, fleet, host):
        configure(fleet, "report")
        fleet.restart_minions()
        since = time.time()
        host.run("chmod", "0666", SMTPD_CONF)
        assert next_event(fleet, since)["changes"][SMTPD_CONF]["old"] == {"mode": "0666"}

    def test_a_state_run_at_work_is_no_drift(self, fleet, host):
        configure(fleet, "report")
        wait_for_looks(fleet, 1)
        with ThreadPoolExecutor() as pool:
            with held(host):
                fleet.set_pillar({MINION: {"main": {"bounce_size_limit": 70000}}})
                applying = pool.submit(fleet.apply)
                wait_for_a_run_at_the_lock(host)
                skipped = fleet.salt("postfix_sasl.watch").data[MINION]
            assert applying.result().succeeded
        assert skipped == {
            "skipped": "another state run is at work; this is looked at again next time"
        }


class TestEnforce:
    def test_drift_is_corrected_and_the_event_says_what(self, fleet, host):
        configure(fleet, "enforce")
        since = time.time()
        expected = spoil(host)

        def corrected():
            return {
                name: change
                for data in events(fleet, since)
                for name, change in undated(data["corrected"]).items()
            }

        wait.until(lambda: len(corrected()) == len(expected), PATIENCE)
        assert corrected() == expected
        last = events(fleet, since)[-1]
        assert (last["mode"], last["drifted"], last["errors"]) == ("enforce", False, [])
        assert host.run("postconf", "-h", "smtpd_tls_auth_only").stdout == "yes\n"
        assert host.path(SMTPD_CONF).stat().st_mode & 0o777 == 0o644
        assert_login_works(fleet)

    def test_an_edit_during_the_run_is_kept_or_told(self, fleet, host):
        configure(fleet)
        host.run("postconf", "smtpd_tls_auth_only = no")
        since = time.time()
        with ThreadPoolExecutor() as pool:
            with held(host):
                watching = pool.submit(fleet.salt, "postfix_sasl.watch", "enforce")
                wait_for_a_run_at_the_lock(host)
                host.run("postconf", "delay_warning_time = 4h", "smtpd_tls_loglevel = 3")
            data = watching.result().data[MINION]
        assert undated(data["corrected"]) == {
            "smtpd_tls_auth_only": {"old": "no", "new": "yes"},
            "smtpd_tls_loglevel": {"old": "3", "new": "1"},
        }
        wait.until(lambda: events(fleet, since) == [data], PATIENCE)
        assert host.run("postconf", "-h", "delay_warning_time").stdout == "4h\n"
        assert host.run("postconf", "-h", "smtpd_tls_loglevel").stdout == "1\n"

    def test_a_correction_that_fails_is_told_with_the_error(self, fleet, host):
        configure(fleet, "enforce")
        since = time.time()
        host.run("chmod", "0000", "/usr/sbin/saslauthd")
        host.run("systemctl", "stop", "saslauthd-postfix")
        data = next_event(fleet, since, lambda data: data["errors"])
        again = next_event(fleet, time.time(), lambda data: data["errors"])
        host.run("chmod", "0755", "/usr/sbin/saslauthd")  # systemd starts it by itself then
        assert data["drifted"] and data["changes"].keys() == {"service saslauthd-postfix"}
        assert (data["corrected"], again["changes"]) == ({}, data["changes"])
        [error] = data["errors"]
        assert error.startswith("saslauthd: ") and "Traceback" not in error


def test_a_password_is_in_no_event_no_memory_and_no_log(fleet, host):
    configure(fleet, "report", fetchmail=FETCHMAIL)
    since = time.time()
    with host.path("/etc/fetchmailrc").open("a") as rc:
        rc.write("# edited\n")
    data = next_event(fleet, since)
    hidden = {"text": "(hidden)"}
    assert undated(data["changes"]) == {"/etc/fetchmailrc": {"old": hidden, "new": hidden}}
    assert SECRET in host.read("/etc/fetchmailrc")
    drift = fleet.salt("postfix_sasl.drift").data[MINION]
    for text in (json.dumps(data), json.dumps(drift), host.read(MEMORY)):
        assert "fetchmailrc" in text and SECRET not in text
    log = host.read("/var/log/salt/minion")
    assert "Running scheduled job: postfix_sasl-drift" in log and SECRET not in log


def test_the_schedule_is_what_the_pillar_says(fleet, host):
    configure(fleet)
    # A job that comes round meanwhile, and enforces, would do it before the apply does.
    added = configure(fleet, "enforce", 3600).changes[f"schedule {JOB}"]
    assert added["old"] is None and added["new"]["kwargs"] == {"mode": "enforce"}
    fleet.salt("schedule.disable_job", JOB)
    changed = configure(fleet, "report", 3600).changes[f"schedule {JOB}"]
    assert changed == {
        "old": {"kwargs": {"mode": "enforce"}, "enabled": False},
        "new": {"kwargs": {"mode": "report"}, "enabled": True},
    }
    fleet.salt("postfix_sasl.watch")
    assert host.exists(MEMORY)
    fleet.set_pillar({})
    dry = fleet.apply(test=True)[MINION].changes
    assert dry.keys() == {f"schedule {JOB}"} and JOB in host.read(SCHEDULE)
    removed = configure(fleet)
    assert removed.changes[f"schedule {JOB}"]["new"] is None
    assert JOB not in host.read(SCHEDULE) and not host.exists(MEMORY)
    assert fleet.apply()[MINION].changes == {}


def test_the_schedule_can_be_taken_off_alone(fleet, host):
    configure(fleet, "report", 3600)
    run = fleet.apply("postfix_sasl.drift.clean")
    assert run.succeeded, run
    assert run[MINION].changes.keys() == {f"schedule {JOB}"}
    assert JOB not in host.read(SCHEDULE)
    assert "postfix_sasl:drift:mode is report: the next apply" in "\n".join(run[MINION].comments)
    assert fleet.apply(test=True)[MINION].changes.keys() == {f"schedule {JOB}"}


def test_drift_compares_with_the_pillar_as_it_is_now(fleet):
    configure(fleet)
    assert fleet.salt("postfix_sasl.drift").data[MINION]["drifted"] is False
    fleet.set_pillar({MINION: {"main": {"bounce_size_limit": 70000}}})
    changes = fleet.salt("postfix_sasl.drift").data[MINION]["changes"]
    assert changes == {"bounce_size_limit": {"old": None, "new": "70000"}}


class TestBeacon:
    def test_it_tells_at_once_and_the_reactor_corrects(self, fleet, host):
        configure(fleet)
        since = time.time()
        fleet.salt("beacons.add", "postfix_sasl", "[{interval: 1}]")
        expected = spoil(host)

        def told():
            drift = fleet.events(f"{BEACON}/drift", since)
            return {
                name: change for data in drift for name, change in data["changes"].items()
            } == expected

        wait.until(told, PATIENCE)
        wait.until(lambda: fleet.events(f"{BEACON}/resolved", since), PATIENCE)
        fleet.salt("beacons.delete", "postfix_sasl")
        assert host.run("postconf", "-h", "smtpd_tls_auth_only").stdout == "yes\n"
        assert_login_works(fleet)

    def test_its_configuration_is_checked(self, fleet):
        answer = fleet.salt("beacons.add", "postfix_sasl", "[{intervall: 1}]").data[MINION]
        assert answer["result"] is False
        assert "postfix_sasl: intervall: got an unknown key" in answer["comment"]


def test_the_reactor_corrects_what_the_schedule_reports(fleet, host):
    configure(fleet, "report")
    shutil.copy(fleet.formula / REACTOR, fleet.formula / LATER)
    try:
        host.run("chmod", "0666", SMTPD_CONF)
        is_mended = "test $(stat -c %a /etc/postfix/sasl/smtpd.conf) = 644"
        wait.until(lambda: host.run("sh", "-c", is_mended, check=False).returncode == 0, PATIENCE)
    finally:
        (fleet.formula / LATER).unlink()
