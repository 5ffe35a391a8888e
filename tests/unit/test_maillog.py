"""When the lines of a mail log were written, as the two common formats say it."""

import datetime

import postfix_sasl_maillog as maillog
import pytest


def seconds_ago(line):
    return datetime.datetime.now().timestamp() - maillog._time_of(line)


def test_the_format_of_new_installations():
    moment = datetime.datetime.now().astimezone() - datetime.timedelta(minutes=5)
    line = f"{moment.isoformat(timespec='microseconds')} mail postfix/smtpd[1]: warning: x"
    assert 299 < seconds_ago(line) < 305


def test_the_classic_format():
    moment = datetime.datetime.now() - datetime.timedelta(minutes=5)
    assert 299 < seconds_ago(f"{moment:%b %e %H:%M:%S} mail postfix/smtpd[1]: warning: x") < 305


def test_the_classic_format_has_no_year():
    moment = datetime.datetime.now() + datetime.timedelta(days=20)
    assert seconds_ago(f"{moment:%b %e %H:%M:%S} mail postfix/smtpd[1]: x") > 300 * 86400


@pytest.mark.parametrize("line", ["", "nonsense", "2026-99-99T99:99:99+00:00 x", "Foo 99 1:1:1"])
def test_what_has_no_time(line):
    assert maillog._time_of(line) is None


@pytest.mark.parametrize("journalctl", ["exec sleep 60", "exit 1"])
def test_a_journal_that_does_not_answer_tells_nothing_and_stops_nobody(
    journalctl, tmp_path, monkeypatch
):
    program = tmp_path / "journalctl"
    program.write_text(f"#!/bin/sh\n{journalctl}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(maillog.postfix_sasl_daemons, "has_systemd", lambda: True)
    log = maillog.MailLog(seconds=0.3)
    assert (log.troubles(), log.throttled_before()) == ([], False)


def test_a_log_that_is_gone_tells_nothing(tmp_path, monkeypatch):
    own = tmp_path / "postfix.log"
    own.write_text("Nov 25 18:00:00 mail postfix/smtpd[1]: warning: x -- throttling\n")
    (tmp_path / "main.cf").write_text(f"maillog_file = {own}\n")
    monkeypatch.setattr(maillog, "_MAIN_CF", str(tmp_path / "main.cf"))
    log = maillog.MailLog()
    own.unlink()
    assert (log.troubles(), log.throttled_before()) == ([], False)


@pytest.mark.parametrize("systemd", [True, False])
def test_what_postfix_writes_itself_is_read_where_it_is(systemd, tmp_path, monkeypatch):
    own = tmp_path / "postfix.log"
    (tmp_path / "main.cf").write_text(f"maillog_file = {own}\n")
    monkeypatch.setattr(maillog, "_MAIN_CF", str(tmp_path / "main.cf"))
    monkeypatch.setattr(maillog.postfix_sasl_daemons, "has_systemd", lambda: systemd)
    assert maillog.files() == (() if systemd else maillog._FILES), "it is not there yet"
    line = f"{datetime.datetime.now():%b %e %H:%M:%S} mail postfix/smtpd[1]: warning: "
    own.write_text(f"{line}before\n")
    log = maillog.MailLog()
    with own.open("a") as more:
        more.write(f"{line}since\n")
    assert log.troubles() == [f"{line}since"]
    assert maillog.recent(60) == [f"{line}before", f"{line}since"]


@pytest.mark.parametrize(
    ("lines", "throttled"),
    [
        ([("0", "process /usr/lib/postfix/sbin/smtpd pid 7 exit status 1 -- throttling")], True),
        ([("0", "smtpd: bad command startup -- throttling"), ("0", "reload -- version 3")], True),
        ([("0", "smtpd: bad command startup -- throttling"), ("0", "daemon started -- v")], False),
        ([("0", "daemon started -- v"), ("0", "smtpd: bad command startup -- throttling")], True),
        ([("90", "smtpd: bad command startup -- throttling")], False),
        ([], False),
    ],
)
def test_a_service_waits_for_a_minute_or_until_the_master_starts_anew(
    lines, throttled, tmp_path, monkeypatch
):
    own = tmp_path / "postfix.log"
    (tmp_path / "main.cf").write_text(f"maillog_file = {own}\n")
    monkeypatch.setattr(maillog, "_MAIN_CF", str(tmp_path / "main.cf"))
    now = datetime.datetime.now()
    own.write_text(
        "".join(
            f"{now - datetime.timedelta(seconds=int(ago)):%b %e %H:%M:%S} mail "
            f"postfix/master[1]: {text}\n"
            for ago, text in lines
        )
    )
    assert maillog.MailLog().throttled_before() is throttled
