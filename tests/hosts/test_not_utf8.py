"""main.cf and master.cf with bytes that are no UTF-8: shown as `\\xfc`, and left as they are."""

import re

import pytest
from support import layers
from support.errors import CommandFailed
from support.host import Host

# The code is the same for each release.
RELEASE = "trixie"
MAIN, MASTER = "/etc/postfix/main.cf", "/etc/postfix/master.cf"
COMMENT = b"# f\xfcr die B\xfcchse\n"
IN_MAIN = COMMENT + b"smtpd_banner = $myhostname gr\xfc\xdf\nna\xefve = x\n"
IN_MASTER = (
    COMMENT
    + b"m\xfcll unix - n n - - pipe\n  user=nobody argv=/bin/tr\xfce\n"
    + b"127.0.0.1:2525 inet n - y - - smtpd -o syslog_name=b\xf6se\n"
)
# Each call, and what its answer has to show.
CALLS = {
    "postfix_master.list": (r"m\xfcll/unix", r"argv=/bin/tr\xfce", r"b\xf6se"),
    "postconf.show": (r"gr\xfc\xdf", r"na\xefve"),
    "postfix_sasl.show": (r"m\xfcll/unix", r"na\xefve", r"gr\xfc\xdf"),
    "postfix_sasl.drift": ("drifted",),
    "postfix_sasl.status": ("listeners",),
    "postfix_sasl.doctor": ("na?ve",),
}


@pytest.fixture(scope="module")
def shared():
    """One host for all tests of this file, and its two files as the formula has left them."""
    with Host.boot(RELEASE, layers=layers.applied(RELEASE)) as host:
        yield host, {path: host.path(path).read_bytes() for path in (MAIN, MASTER)}


@pytest.fixture
def host(shared):
    """The host, with the odd bytes in its files."""
    host, applied = shared
    for path, added in ((MAIN, IN_MAIN), (MASTER, IN_MASTER)):
        host.path(path).write_bytes(applied[path] + added)
    return host


def odd_bytes(host, path):
    """Return the lines of a file that are not in ASCII."""
    lines = host.path(path).read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.isascii())


def assert_sent(answer):
    """See that an answer has gone through Salt as text: it prints other bytes as they are."""
    assert "\ufffd" not in answer and "Traceback" not in answer, answer
    assert not re.search("[\ud800-\udfff]", answer), answer


@pytest.mark.parametrize("call", CALLS)
def test_what_looks_at_them_shows_them(host, call):
    answer = repr(host.salt(call)).replace("\\\\", "\\")
    assert_sent(answer)
    assert [text for text in CALLS[call] if text not in answer] == []


def test_one_entry_goes_by_the_name_that_is_shown(host):
    assert host.salt("postfix_master.get", r"m\xfcll/unix")["command"] == "pipe"
    with pytest.raises(CommandFailed) as refused:
        host.salt("postfix_master.get", "mull/unix")
    assert r"did you mean m\xfcll/unix?" in refused.value.stderr


def test_the_export_names_what_no_pillar_can_hold(host):
    with pytest.raises(CommandFailed) as refused:
        host.salt("postfix_sasl.export")
    said = refused.value.stderr
    assert_sent(said)
    assert r"main:smtpd_banner: got '$myhostname gr\xfc\xdf'; it takes text that UTF-8" in said
    for key in (r"main:na\xefve", r"master:m\xfcll/unix", "2525/inet:options:syslog_name"):
        assert f"{key}: got " in said


def test_an_apply_reports_them_and_leaves_their_bytes_alone(host):
    before = odd_bytes(host, MAIN), odd_bytes(host, MASTER)
    wanted = {"main": {"delay_warning_time": "4h"}, "master": {"odd/unix": {"command": "smtp"}}}
    predicted, run = host.apply(wanted, test=True), host.apply(wanted)
    assert run.succeeded and set(run.changes) == {"delay_warning_time", "odd/unix"}, run
    assert predicted.changes == run.changes
    comments = "\n".join(run.comments)
    assert_sent(comments)
    assert r"na\xefve" in comments and r"m\xfcll/unix" in comments
    assert (odd_bytes(host, MAIN), odd_bytes(host, MASTER)) == before


def test_what_is_changed_is_named_and_the_rest_stays(host):
    wanted = {"purge": "remove", "main": {"smtpd_banner": "grüß"}}
    predicted, run = host.apply(wanted, test=True), host.apply(wanted)
    assert run.succeeded, run
    assert predicted.changes == run.changes
    assert run.changes["smtpd_banner"] == {"old": r"$myhostname gr\xfc\xdf", "new": "grüß"}
    assert run.changes[r"na\xefve"] == {"old": "x", "new": None}
    assert run.changes[r"m\xfcll/unix"]["new"] is None
    assert odd_bytes(host, MAIN) == COMMENT + "smtpd_banner = grüß\n".encode()
    assert odd_bytes(host, MASTER) == COMMENT
