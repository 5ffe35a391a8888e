"""The README's table of symptoms: each is made on a real host, and read where a user reads it."""

import re
import smtplib
import socket
import ssl

import pytest
from support import mail, pages
from support.layers import PASSWORD, USER

from .test_doctor import examine, failed

HOST = "198.51.100.1"
CERTIFICATE = "/etc/ssl/certs/ssl-cert-snakeoil.pem"
only_trixie = pytest.mark.parametrize("release", ["trixie"], indirect=True)


def login(port=587, password=PASSWORD, **how):
    return lambda: mail.login(port, USER, password, host=HOST, **how)


def relay(port):
    return lambda: mail.relay_attempt(port, host=HOST)


def trusting_nobody():
    """Connect as a mail program does, which wants a certificate that it can trust."""
    with smtplib.SMTP(HOST, 587, timeout=mail.TIMEOUT) as smtp:
        smtp.starttls(context=ssl.create_default_context())


def guessing():
    with mail.connection(587, "starttls", HOST) as smtp:
        return mail.Reply(*_last(smtp.docmd("AUTH", "NONE") for _ in range(9)))


def connecting():
    """Return the greeting to the last of many connections."""
    for _ in range(70):
        with socket.create_connection((HOST, 587), mail.TIMEOUT) as connection:
            code, _, text = connection.recv(1000).partition(b" ")
    return mail.Reply(int(code), text.decode())


def _last(answers):
    code, text = list(answers)[-1]
    return code, text.decode()


UNDECIDED = "454 4.7.0 Temporary authentication failure"
REFUSED = "535 5.7.8 Error: authentication failed: authentication failure"
NO_TLS = "TLS not available due to local problem"
CLOSED = "Connection refused"
# What a client does that has another idea of the server, which is as it should be.
OF_CLIENTS = {
    REFUSED: login(password="wrong"),
    "no mechanism available": login(mechanism="CRAM-MD5"),
    "Must issue a STARTTLS command first": login(tls=None),
    "authentication not enabled": login(25, tls=None),
    "WRONG_VERSION_NUMBER": login(tls="implicit"),
    "certificate verify failed": trusting_nobody,
    "Relay access denied": relay(25),
    "Client host rejected: Access denied": relay(587),
}
OF_TOO_MUCH = {"too many AUTH commands": guessing, "too many connections": connecting}
# What is done to a host, and what the doctor says of it.
OF_HOSTS = (
    (UNDECIDED, "systemctl stop saslauthd-postfix", "saslauthd"),
    (UNDECIDED, "gpasswd -d postfix sasl && postfix reload", "group sasl"),
    (REFUSED, "rm /etc/postfix/sasl/smtpd.conf && postfix reload", "smtpd.conf"),
    (NO_TLS, f"rm {CERTIFICATE} && postfix reload", "certificate"),
    (CLOSED, "systemctl stop postfix; while pgrep -x master; do sleep 0.05; done", "postfix"),
)
OF_PILLARS = {
    "nothing was changed, since Postfix would fail": {"main": {"smtpd_tls_security_level": "on"}},
    "got an unknown key": {"tls": {"mod": "may"}},
}
SENDER = "not owned by user"
TAKEN_BACK = "was taken back"  # seen in test_transaction.py, which has to wait for it
ALL = {*OF_CLIENTS, *OF_TOO_MUCH, *OF_PILLARS, UNDECIDED, NO_TLS, CLOSED, SENDER, TAKEN_BACK}


def test_the_table_has_these_and_no_others():
    page = (pages.REPOSITORY / "README.md").read_text(encoding="utf-8")
    table = page.partition("## When it does not work\n")[2].partition("\n## ")[0]
    cells = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    assert {text for cell in cells for text in re.findall(r"`([^`]+)`", cell)} == ALL


def seen(ask):
    """Return what a client is told: an answer, or an error."""
    try:
        answer = ask()
    except (OSError, smtplib.SMTPException) as error:
        return str(error)
    return f"{answer.code} {answer.text}"


@only_trixie
@pytest.mark.parametrize("symptom", OF_CLIENTS)
def test_a_client_is_told(neighbour, symptom):
    with neighbour.network():
        assert symptom in seen(OF_CLIENTS[symptom])


@only_trixie
def test_the_log_says_whose_password_was_refused(shared_host, neighbour):
    with neighbour.network():
        login(password="wrong")()
    log = shared_host.run("journalctl", "--no-pager", "-t", "saslauthd").stdout
    assert f"[user={USER}]" in log and "reason=" in log


@only_trixie
def test_the_doctor_finds_nothing_wrong_where_it_is_the_client(shared_host):
    assert examine(shared_host)["healthy"]


@only_trixie
@pytest.mark.parametrize("symptom", OF_TOO_MUCH)
def test_a_client_that_wants_too_much_is_told(host, symptom):
    with host.neighbour(host_address=HOST).network():
        assert any(symptom in seen(OF_TOO_MUCH[symptom]) for _ in range(5))


@only_trixie
@pytest.mark.parametrize(("symptom", "script", "check"), OF_HOSTS)
def test_what_is_broken_shows_and_the_doctor_names_it(host, symptom, script, check):
    host.run("sh", "-c", script)
    with host.neighbour(host_address=HOST).network():
        assert symptom in seen(login())
    assert failed(examine(host))[0]["name"] == check


@only_trixie
@pytest.mark.parametrize("symptom", OF_PILLARS)
def test_a_run_says(host, symptom):
    run = host.apply(OF_PILLARS[symptom])
    assert not run.succeeded
    assert symptom in run.failures[0]


@only_trixie
def test_a_user_who_sends_as_another_is_told(host):
    assert host.apply({"sasl": {"sender_logins": {"boss@example.org": ["bob"]}}}).succeeded
    with host.network():
        answer = mail.send(587, "boss@example.org", USER, user=USER, password=PASSWORD)
    assert SENDER in answer.text
