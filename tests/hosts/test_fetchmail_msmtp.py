"""fetchmail hands its mail to msmtp, which speaks TLS with port 25 like any other client."""

import contextlib
import socketserver
import threading

import pytest
from support import layers, mail, wait

from .test_fetchmail import PILLAR, RCFILE, UNIT, add_users, assert_fetches, process

CONFIG = "/etc/fetchmail-msmtprc"
INIT_SCRIPT = "/etc/init.d/fetchmail-postfix"
LISTENER = "127.0.0.1:40025/inet"
WITH_MSMTP = {**PILLAR, "fetchmail": {**PILLAR["fetchmail"], "mda": "msmtp"}}
NEEDED = {"package fetchmail", "package msmtp", CONFIG, RCFILE}
SWITCHED = {CONFIG, RCFILE, LISTENER}
# Names that a sender may have: addresses as RFC 5321 has them, and commands to a shell.
COMMANDS = ("$(touch${IFS}PATH)", "`touch${IFS}PATH`", "';touch${IFS}PATH;'")
TOUCHED = "/var/lib/fetchmail/touched"  # the user fetchmail may write there


@pytest.fixture
def mail_server(boot, release, request):
    """A fresh host with Debian's postfix and dovecot, whose apt has msmtp, not installed yet."""
    systemd = getattr(request, "param", True)
    host = boot(layers=layers.with_dovecot(release), systemd=systemd)
    if not systemd:
        host.run("dovecot", check=False)  # where no init script has started it
    layers._download(host, "msmtp", recommended=True)
    add_users(host)
    return host


def apply(host, pillar, expected):
    """Apply it and see that the dry run has said so, that there is no more to do, and the mail."""
    predicted, run = host.apply(pillar, test=True), host.apply(pillar)
    assert run.succeeded, run
    assert run.changes == predicted.changes
    assert expected <= set(run.changes)
    before = process(host)
    assert host.apply(pillar).changes == {}
    assert process(host) == before != ""
    assert_fetches(host)


def it_came_over_tls_and_there_is_no_listener(host):
    with host.network():
        assert mail.send(25, "", "carol@mail.example.com", tls=None).code == 530
        assert not mail.is_open(40025)
    text = host.read("/var/mail/carol")
    assert "Return-Path: <root@mail.example.com>" in text
    assert "(using TLSv1.3" in text.rpartition("Return-Path:")[2]
    assert host.run("stat", "-c", "%U:%G %a", CONFIG).stdout == "fetchmail:nogroup 600\n"


def a_sender_is_no_command(host):
    for number, command in enumerate(COMMANDS):
        name, subject = command.replace("PATH", f"{TOUCHED}{number}"), f"by sender {number}"
        address = f'"{name}"@example.net'
        host.run("sendmail", "-f", address, "popper", input=f"Subject: {subject}\n\nHello.\n")
        text = wait.for_mail(host, "carol", subject)
        assert name.replace("'", "_") in text.rpartition("Return-Path:")[2].splitlines()[0]
    assert "touched" not in host.run("ls", "-A", "/var/lib/fetchmail", "/").stdout


def mail_stays_on_the_server_while_postfix_is_down(host):
    host.run("pkill", "-STOP", "-x", "fetchmail")
    host.run("sendmail", "popper", input="Subject: in between\n\nHello.\n")
    wait.for_mail(host, "popper", "in between")
    host.run("postfix", "stop")
    host.run("pkill", "-CONT", "-x", "fetchmail")
    refused = "MDA returned nonzero status 75"
    wait.until(lambda: refused in host.run("journalctl", "--no-pager", "-u", "fetchmail").stdout)
    assert "Subject: in between\n" in host.read("/var/mail/popper")
    host.run("postfix", "start")
    assert wait.for_mail(host, "carol", "in between").count("Subject: in between\n") == 1
    wait.until(lambda: "Subject: in between\n" not in host.read("/var/mail/popper"))


class BreaksOff(socketserver.StreamRequestHandler):
    """A POP3 server with one message, of which it sends half and then is gone."""

    timeout = 10
    HALF = b"From: a@example.net\r\nSubject: half\r\n\r\nFirst line,\r\n"

    def handle(self):
        self.server.sent = getattr(self.server, "sent", 0)
        self.wfile.write(b"+OK\r\n")
        for line in self.rfile:
            word = line.split()[0].upper().decode()
            if word in ("RETR", "TOP"):
                self.wfile.write(b"+OK\r\n" + self.HALF)
                self.server.sent += 1
                return
            answers = {"CAPA": b"-ERR", "STAT": b"+OK 1 999", "LIST": b"+OK 1 999"}
            self.wfile.write(answers.get(word, b"+OK") + b"\r\n")


@contextlib.contextmanager
def server_that_breaks_off(host):
    with host.network():
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), BreaksOff)
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def half_a_message_is_delivered_by_msmtp_alone(host):
    def halves():
        return host.read("/var/mail/dave").count("Subject: half\n")

    with server_that_breaks_off(host) as server:
        poll = {"server": "127.0.0.1", "protocol": "pop3", "ssl": False}
        poll["port"] = server.server_address[1]
        poll["users"] = [{"remote": "x", "password": "y", "local": "dave"}]
        fetchmail = {**WITH_MSMTP["fetchmail"], "poll": [poll]}
        assert host.apply({**WITH_MSMTP, "fetchmail": fetchmail}).succeeded
        wait.until(lambda: halves() > 1)
        assert host.apply({**PILLAR, "fetchmail": {**fetchmail, "mda": None}}).succeeded
        wait.until(lambda: host.run("mailq").stdout == "Mail queue is empty\n")
        before, sent = halves(), server.sent
        wait.until(lambda: server.sent > sent + 2)
        assert halves() == before


def nothing_is_left(host, *paths):
    assert [path for path in paths if host.exists(path)] == []


@pytest.mark.parametrize("release", ["bookworm", "trixie"], indirect=True)
def test_from_msmtp_to_the_port_and_back_and_off(mail_server):
    """Each step begins where the one before has ended."""
    apply(mail_server, WITH_MSMTP, NEEDED)
    it_came_over_tls_and_there_is_no_listener(mail_server)
    a_sender_is_no_command(mail_server)
    mail_stays_on_the_server_while_postfix_is_down(mail_server)
    apply(mail_server, PILLAR, SWITCHED)
    nothing_is_left(mail_server, CONFIG)
    assert set(mail_server.apply(WITH_MSMTP).changes) >= SWITCHED
    run = mail_server.apply(WITH_MSMTP, sls="postfix_sasl.clean")
    assert run.succeeded, run
    nothing_is_left(mail_server, CONFIG, RCFILE, UNIT)
    assert process(mail_server) == ""


@pytest.mark.parametrize("release", ["forky"], indirect=True)
@pytest.mark.parametrize("mail_server", [False], indirect=True, ids=["sysv"])
def test_without_systemd(mail_server):
    apply(mail_server, WITH_MSMTP, NEEDED | {INIT_SCRIPT})
    it_came_over_tls_and_there_is_no_listener(mail_server)
    half_a_message_is_delivered_by_msmtp_alone(mail_server)
    assert mail_server.apply(WITH_MSMTP).succeeded
    assert mail_server.apply().succeeded
    nothing_is_left(mail_server, CONFIG, RCFILE, INIT_SCRIPT)
    assert process(mail_server) == ""
