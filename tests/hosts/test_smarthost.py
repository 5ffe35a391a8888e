"""Mail to others, through another server that wants a login and TLS: two real hosts."""

import re

import pytest
from support import certificates, mail, wait
from support.host import Host
from support.layers import PASSWORD, USER

OURS, THEIRS = "198.51.100.1", "198.51.100.2"
RECIPIENT = f"{USER}@[{THEIRS}]"
TABLE = "/etc/postfix/postfix_sasl-relay"
SECRET = "not the # pass: \\ $phrase 'ü' 8"
NAME = "smarthost.example.org"


def pillar(password=PASSWORD, **relay):
    account = {"host": THEIRS, "username": USER, "password": password, **relay}
    # The other host has the same name, and Postfix thinks it talks to itself.
    return {"relay": account, "main": {"myhostname": "ours.example.com"}}


def connect(host, other):
    """Lay a cable between two hosts."""
    ends = ("eth0", "type", "veth", "peer", "eth0", "netns", str(other.pid))
    host.ip("link", "add", *ends)
    for each, address in ((host, OURS), (other, THEIRS)):
        each.ip("address", "add", f"{address}/24", "dev", "eth0")
        each.ip("link", "set", "eth0", "up")


@pytest.fixture(scope="module")
def hosts(release, applied):
    """Our host, and the one that takes its mail."""
    with Host.boot(release, layers=applied) as ours, Host.boot(release, layers=applied) as theirs:
        connect(ours, theirs)
        yield ours, theirs


def send(host, subject):
    message = f"From: x@ours.example.com\nTo: {RECIPIENT}\nSubject: {subject}\n\nHello.\n"
    host.run("sendmail", "-f", "x@ours.example.com", RECIPIENT, input=message)


def deferred(host):
    """Return why the messages in the queue could not be sent."""
    return re.findall(r'"delay_reason": "([^"]*)"', host.run("postqueue", "-j").stdout)


def log(host, since=""):
    return host.run("journalctl", "--no-pager").stdout.removeprefix(since)


def assert_applied(host, wanted):
    predicted = host.apply(wanted, test=True)
    run = host.apply(wanted)
    assert run.succeeded, run
    assert run.changes == predicted.changes
    return run


def with_a_wrong_password_mail_waits(hosts):
    ours, _theirs = hosts
    run = assert_applied(ours, pillar(SECRET))
    assert SECRET not in str(run.raw) + run.stderr
    send(ours, "first")
    (why,) = wait.until(lambda: deferred(ours))
    assert "authentication failed" in why
    assert SECRET not in log(ours)


def the_password_is_for_root_alone(hosts):
    ours, _theirs = hosts
    stat = ours.run("stat", "-c", "%U %G %a", TABLE).stdout
    assert stat == "root root 600\n"
    find = (
        "find",
        "/etc",
        "/run",
        "/var/spool/postfix",
        "/var/lib/postfix",
        "/tmp",
        "/var/log",
    )
    found = ours.run(*find, "-type", "f", "-exec", "grep", "-lF", SECRET, "{}", "+", check=False)
    assert found.stdout.splitlines() == [TABLE]
    key = f"[{THEIRS}]:587"
    assert ours.run("postmap", "-q", key, f"texthash:{TABLE}").stdout == f"{USER}:{SECRET}\n"


def with_the_right_one_it_arrives_after_a_login(hosts):
    ours, theirs = hosts
    run = ours.apply(pillar())
    assert run.changes == {TABLE: {"old": {"text": "(hidden)"}, "new": {"text": "(hidden)"}}}
    ours.run("postqueue", "-f")
    wait.for_mail(theirs, USER, "first")
    assert f"sasl_username={USER}" in log(theirs)
    assert ours.apply(pillar(), test=True).changes == {}


def through_port_465(hosts):
    ours, theirs = hosts
    before = log(theirs)
    assert ours.apply(pillar(port=465)).succeeded
    send(ours, "by 465")
    wait.for_mail(theirs, USER, "by 465")
    assert re.search(rf"postfix/smtps/smtpd.*sasl_username={USER}", log(theirs, before))


def without_tls_on_the_other_side_nothing_is_said(hosts):
    ours, theirs = hosts
    for name, value in (("smtpd_tls_security_level", "none"), ("smtpd_tls_auth_only", "no")):
        theirs.run("postconf", "-P", f"submission/inet/{name}={value}")
    theirs.run("postfix", "reload")
    with ours.network():
        wait.until(lambda: "AUTH" in mail.ehlo(587, host=THEIRS))
    before = log(theirs)
    for tls in ("encrypt", "may"):
        assert ours.apply(pillar(tls=tls)).succeeded
        send(ours, f"not in the clear: {tls}")
    reasons = wait.until(lambda: len(deferred(ours)) == 2 and deferred(ours))
    assert any("TLS is required, but was not offered" in why for why in reasons)
    assert any("SASL authentication failed" in why for why in reasons)
    said = log(theirs, before)
    assert "disconnect from" in said and " auth=" not in said and " mail=" not in said


def it_goes_when_the_pillar_names_none(hosts):
    ours, _theirs = hosts
    run = assert_applied(ours, None)
    assert run.changes[TABLE]["new"] is None
    assert run.changes["relayhost"]["new"] == ""
    assert not ours.exists(TABLE)
    settings = ours.run("postconf", "-n").stdout
    assert "smtp_tls_security_level = may\n" in settings and "smtp_sasl" not in settings
    assert ours.apply(test=True).changes == {}


def it_goes_with_the_formula(hosts):
    ours, _theirs = hosts
    assert ours.apply(pillar()).succeeded
    run = ours.apply(sls="postfix_sasl.clean")
    assert run.succeeded, run
    assert not ours.exists(TABLE)
    assert ours.run("postconf", "-hn", "relayhost").stdout == "\n"


def test_mail_goes_out_through_the_relay_with_a_login_or_not_at_all(hosts):
    """Each step begins where the one before has ended."""
    with_a_wrong_password_mail_waits(hosts)
    the_password_is_for_root_alone(hosts)
    with_the_right_one_it_arrives_after_a_login(hosts)
    through_port_465(hosts)
    without_tls_on_the_other_side_nothing_is_said(hosts)
    it_goes_when_the_pillar_names_none(hosts)
    it_goes_with_the_formula(hosts)


@pytest.mark.parametrize("release", ["trixie"], indirect=True)
def test_a_server_that_must_be_known(boot, applied):
    ours, theirs = boot(layers=applied), boot(layers=applied)
    connect(ours, theirs)
    made = certificates.make(NAME)
    tls = {"certificate_text": made.certificate, "key_text": made.key}
    assert theirs.apply({"tls": tls}).succeeded
    wanted = pillar(host=NAME, tls="verify")
    wanted["main"]["smtp_host_lookup"] = "native"
    for path in ("/etc/hosts", "/var/spool/postfix/etc/hosts"):
        ours.write(path, f"127.0.0.1 localhost\n127.0.1.1 mail.example.com\n{THEIRS} {NAME}\n")
    assert ours.apply(wanted).succeeded
    send(ours, "to whom?")
    (why,) = wait.until(lambda: deferred(ours))
    assert "Server certificate not" in why  # trusted, or verified
    authorities = ours.path("/etc/ssl/certs/ca-certificates.crt")
    authorities.write_text(authorities.read_text() + made.certificate)
    ours.run("postfix", "reload")
    ours.run("postqueue", "-f")
    wait.for_mail(theirs, USER, "to whom?")
