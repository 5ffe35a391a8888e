"""`salt-run postfix_sasl.report`: a fleet that is fine, and one where things are wrong."""

import contextlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from support import wait, walk
from support.images import RELEASES

REPORT = "postfix_sasl.report"
TYPED = f"salt-run {REPORT}"
MAIN_CF = "/etc/postfix/main.cf"
CERTIFICATE = "/etc/ssl/certs/ssl-cert-snakeoil.pem"
KEY = "/etc/ssl/private/ssl-cert-snakeoil.key"
NEW_CERTIFICATE = (
    *"openssl req -x509 -newkey rsa:2048 -nodes -days 6 -subj /CN=short.example.com".split(),
    *("-keyout", "/srv/new.key", "-out", "/srv/new.pem"),
)


@pytest.fixture(scope="module")
def master(fresh_fleet, first_runs):
    """The fleet with the formula applied and the master's own modules synced."""
    assert first_runs.first.succeeded, first_runs.first
    synced = fresh_fleet.salt_run("saltutil.sync_all")
    assert synced.returncode == 0, synced.stderr
    return fresh_fleet


@pytest.fixture(scope="module")
def trouble(master, tmp_path_factory):
    """What is reported while one host is silent, one's Postfix is stopped and one neglected."""
    page = tmp_path_factory.mktemp("page") / "mail.html"
    with contextlib.ExitStack() as stack, ThreadPoolExecutor() as pool:
        stack.enter_context(silent(master.hosts["bookworm"]))
        stack.enter_context(stopped(master.hosts["trixie"]))
        stack.enter_context(neglected(master.hosts["forky"]))
        followed = pool.submit(walk.follow, master.terminal, "docs/report.md", fails=TYPED)
        data = master.salt_run("--out=json", REPORT, f"html={page}", "timeout=3")
    wait.until(lambda: set(master.salt("test.ping").data or {}) == set(RELEASES))
    return SimpleNamespace(
        data=json.loads(data.stdout), status=data.returncode, followed=followed, page=page
    )


@contextlib.contextmanager
def silent(host):
    host.run("systemctl", "kill", "--signal=STOP", "salt-minion")
    try:
        yield
    finally:
        host.run("systemctl", "kill", "--signal=CONT", "salt-minion")


@contextlib.contextmanager
def stopped(host):
    host.run("systemctl", "stop", "postfix")
    try:
        yield
    finally:
        host.run("systemctl", "start", "postfix")


@contextlib.contextmanager
def neglected(host):
    """A certificate with 5 days left, and a parameter that somebody changed."""
    before = {path: host.path(path).read_text() for path in (CERTIFICATE, KEY, MAIN_CF)}
    host.run(*NEW_CERTIFICATE)
    try:
        host.path(CERTIFICATE).write_text(host.path("/srv/new.pem").read_text())
        host.path(KEY).write_text(host.path("/srv/new.key").read_text())
        changed = "smtpd_tls_received_header = yes"
        assert changed in before[MAIN_CF]
        host.path(MAIN_CF).write_text(before[MAIN_CF].replace(changed, changed[:-3] + "no"))
        reload(host)
        yield
    finally:
        for path, text in before.items():
            host.path(path).write_text(text)
        reload(host)


def reload(host):
    # Postfix would wait until main.cf is two seconds old.
    moment = time.time() - 60
    os.utime(host.path(MAIN_CF), (moment, moment))
    host.run("postfix", "reload")


def test_a_fleet_that_is_fine(master):
    run = master.salt_run(REPORT)
    assert run.returncode == 0, run
    assert "Exception" not in run.stderr
    headline, _, columns, *rows = run.stdout.splitlines()
    assert headline == "3 hosts: 3 fine"
    assert columns.split()[:4] == ["host", "release", "Postfix", "listeners"]
    assert [row.split()[0] for row in rows] == sorted(RELEASES)
    for row in rows:
        assert "  25 587 465  PLAIN LOGIN  TLSv1.3  " in row
        assert row.endswith("  no")


def test_what_each_minion_is_asked_comes_soon_and_is_small(master):
    answers = master.salt("postfix_sasl.status").data
    assert set(answers) == set(RELEASES)
    for release, answer in answers.items():
        assert answer["release"] == release
        assert answer["running"] and answer["wrong"] == []
        assert [each["port"] for each in answer["listeners"]] == [25, 587, 465]
        assert len(json.dumps(answer)) < 3000


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["html=/nowhere/mail.html"], "html: there is no directory /nowhere; make it, or"),
        (["tgt=nobody"], "glob 'nobody': No minions matched the target."),
    ],
)
def test_what_stops_the_report_is_one_line(master, words, says):
    run = master.salt_run(REPORT, *words)
    assert run.returncode == 1
    [line] = run.stdout.splitlines()
    assert line.startswith(says)


class TestTrouble:
    def test_the_exit_status_says_so(self, trouble):
        assert trouble.status == 1

    def test_what_is_wrong_comes_first_then_what_expires_first(self, trouble):
        hosts = trouble.data["hosts"]
        assert list(hosts) == ["forky", "bookworm", "trixie"]
        assert {each["level"] for each in hosts.values()} == {"wrong"}
        assert trouble.data["summary"]["wrong"] == 3

    def test_a_silent_minion_did_not_answer(self, trouble):
        bookworm = trouble.data["hosts"]["bookworm"]
        assert not bookworm["answered"]
        assert bookworm["problems"] == ["did not answer"]

    def test_a_stopped_postfix_does_not_run(self, trouble):
        trixie = trouble.data["hosts"]["trixie"]
        assert trixie["problems"][0] == "Postfix does not run"
        assert [each["open"] for each in trixie["listeners"]] == [False] * 3

    def test_a_certificate_that_expires_soon_and_a_changed_parameter(self, trouble):
        forky = trouble.data["hosts"]["forky"]
        assert forky["days_left"] == 5
        expires, drift = forky["problems"]
        assert expires == "certificate CN=short.example.com expires in 5 days"
        assert "smtpd_tls_received_header" in drift
        assert forky["drift"]["things"] == ["smtpd_tls_received_header"]

    def test_the_terminal_shows_the_same_as_the_docs(self, trouble):
        trouble.followed.result()

    def test_the_page_is_there(self, trouble):
        assert trouble.data["summary"]["page"] == str(trouble.page)
        assert trouble.page.stat().st_mode & 0o777 == 0o644
        text = trouble.page.read_text()
        assert text.startswith("<!DOCTYPE html>")
        assert text.index("What is wrong") < text.index("Postfix does not run")
        assert [path.name for path in trouble.page.parent.iterdir()] == ["mail.html"]
