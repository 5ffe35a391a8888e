"""Who may send what where, on every port: asked with swaks, cell by cell.

The tables say what the README promises. They are written by hand, and nothing here is derived
from what the formula configures.
"""

import itertools
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from support.layers import PASSWORD, USER

OWN = "198.51.100.1"
OTHER = "198.51.100.2"
# Where the client sits: which address it comes from, and which one it calls.
SOURCES = {"loopback": "127.0.0.1", "own address": OWN, "other host": OWN}
LOCAL, FOREIGN = "alice@mail.example.com", "someone@example.org"
TOOLS = {"none": [], "starttls": ["--tls"], "implicit": ["--tls-on-connect"]}
LOGINS = {
    "no login": [],
    "good login": ["--auth", "PLAIN", "--auth-user", USER, "--auth-password", PASSWORD],
    "bad login": ["--auth", "PLAIN", "--auth-user", USER, "--auth-password", "wrong"],
}

OK = "250"
DENIED = "554"  # to nobody without a login
LATER = "454"  # Debian's own rule for port 25: relay access denied, said in a temporary way
TLS_FIRST = "530"
NO_AUTH = "no AUTH"  # not offered, so that swaks has nothing to log in with
BAD = "535"
NO_TLS = "no TLS"  # STARTTLS is not offered
CLOSED = "closed"
# How swaks says so.
SIGNS = {
    "Connection refused": CLOSED,
    "Host did not advertise STARTTLS": NO_TLS,
    "Host did not advertise authentication": NO_AUTH,
}

# (port, TLS, login): what to RCPT TO from loopback, own address, other host; local then foreign.
ANYWHERE = ((OK, OK), (OK, OK), (OK, OK))
NOWHERE = ((DENIED, DENIED),) * 3
TO_USERS = ((OK, OK), (OK, LATER), (OK, LATER))  # and from this machine itself anywhere
MATRIX = {
    (25, "none", "no login"): TO_USERS,
    (25, "starttls", "no login"): TO_USERS,
    (25, "none", "good login"): ((NO_AUTH, NO_AUTH),) * 3,
    (25, "none", "bad login"): ((NO_AUTH, NO_AUTH),) * 3,
    (25, "starttls", "good login"): ANYWHERE,
    (25, "starttls", "bad login"): ((BAD, BAD),) * 3,
    (587, "none", "no login"): ((TLS_FIRST, TLS_FIRST),) * 3,
    (587, "none", "good login"): ((NO_AUTH, NO_AUTH),) * 3,
    (587, "none", "bad login"): ((NO_AUTH, NO_AUTH),) * 3,
    (587, "starttls", "no login"): NOWHERE,
    (587, "starttls", "good login"): ANYWHERE,
    (587, "starttls", "bad login"): ((BAD, BAD),) * 3,
    (465, "implicit", "no login"): NOWHERE,
    (465, "implicit", "good login"): ANYWHERE,
    (465, "implicit", "bad login"): ((BAD, BAD),) * 3,
    # For fetchmail: no login, no TLS, this machine's users only, open on 127.0.0.1 alone.
    (40025, "none", "no login"): ((OK, DENIED), (CLOSED, CLOSED), (CLOSED, CLOSED)),
    (40025, "none", "good login"): ((NO_AUTH, NO_AUTH), (CLOSED, CLOSED), (CLOSED, CLOSED)),
    (40025, "none", "bad login"): ((NO_AUTH, NO_AUTH), (CLOSED, CLOSED), (CLOSED, CLOSED)),
    (40025, "starttls", "no login"): ((NO_TLS, NO_TLS), (CLOSED, CLOSED), (CLOSED, CLOSED)),
    (40025, "starttls", "good login"): ((NO_TLS, NO_TLS), (CLOSED, CLOSED), (CLOSED, CLOSED)),
    (2525, "none", "no login"): ((CLOSED, CLOSED),) * 3,
    (2525, "none", "good login"): ((CLOSED, CLOSED),) * 3,
}


class Cell(NamedTuple):
    """One question to one port."""

    port: int
    tls: str
    login: str
    source: str
    recipient: str


EXPECTED = {
    Cell(port, tls, login, source, recipient): code
    for (port, tls, login), rows in MATRIX.items()
    for source, row in zip(SOURCES, rows, strict=True)
    for recipient, code in zip((LOCAL, FOREIGN), row, strict=True)
}


@pytest.fixture
def answers(boot, applied):
    """What swaks hears in every cell of the table."""
    host = boot(layers=applied)
    # The table asks more often than any user would; test_limits.py is about that.
    pillar = {
        "services": {"fetchmail": {"enabled": True}},
        "limits": {"auth_per_minute": 0, "connections_per_minute": 0},
    }
    run = host.apply(pillar=pillar)
    assert run.succeeded, run
    other = host.neighbour(OTHER, OWN)
    sessions = list(itertools.product(MATRIX, SOURCES))
    # Each mostly waits, a wrong password for two seconds, so many run at once.
    with ThreadPoolExecutor(8) as pool:
        replies = pool.map(
            lambda each: _swaks(*each[0], each[1], other if each[1] == "other host" else host),
            sessions,
        )
        return {
            Cell(*row, source, recipient): code
            for (row, source), codes in zip(sessions, replies, strict=True)
            for recipient, code in zip((LOCAL, FOREIGN), codes, strict=True)
        }


def _swaks(port, tls, login, source, network):
    """Return what the server said to each recipient, or the refusal that came before."""
    command = ["nsenter", f"--net=/proc/{network.pid}/ns/net"]
    command += ["swaks", "--server", f"{SOURCES[source]}:{port}", "--timeout", "30s"]
    command += ["--ehlo", "client.example.com", "--from", "someone@example.net"]
    command += ["--to", f"{LOCAL},{FOREIGN}", "--quit-after", "RCPT", "--hide-informational"]
    if source == "own address":
        command += ["--local-interface", OWN]
    done = subprocess.run(
        [*command, *TOOLS[tls], *LOGINS[login]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=90,
    )
    return _codes(done.stdout)


def _codes(talk):
    """Return the reply to each RCPT of a talk as swaks shows it, or twice the refusal before."""
    for sign, code in SIGNS.items():
        if sign in talk:
            return code, code
    replies, command = [], ""
    for line in talk.splitlines():
        if sent := re.match(r" [-~]> (.*)", line):
            command = sent[1]
        elif (heard := re.match(r"<\S+ +(\d{3}) ", line)) and not command.startswith("QUIT"):
            replies.append((command, heard[1]))
    to_recipients = [code for command, code in replies if command.startswith("RCPT")]
    if not to_recipients and replies:
        to_recipients = [replies[-1][1]] * 2
    return to_recipients if len(to_recipients) == 2 else (talk, talk)


def test_every_cell_is_as_written_down(answers):
    different = [
        f"{cell}: expected {code}, got {answers[cell]}"
        for cell, code in EXPECTED.items()
        if answers[cell] != code
    ]
    assert not different, "\n".join(different)


def test_the_table_has_every_port_and_lets_nobody_send_to_strangers_without_a_login():
    """What the table itself must not say, however it is edited."""
    ports = {cell.port for cell in EXPECTED}
    assert ports == {25, 587, 465, 40025, 2525}
    full = set(itertools.product((25, 587), ("none", "starttls"), LOGINS))
    full |= set(itertools.product((465,), ("implicit",), LOGINS))
    assert full <= set(MATRIX)
    open_cells = {
        (cell.port, cell.source)
        for cell, code in EXPECTED.items()
        if cell.recipient == FOREIGN and code == OK and cell.login != "good login"
    }
    assert open_cells == {(25, "loopback")}
