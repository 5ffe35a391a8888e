"""Nobody notices a change that needs only a reload: no refused connection, no lost mail."""

import collections
import concurrent.futures
import contextlib
import socket
import threading
import time

from support import faults, wait
from support.layers import USER

PAUSE_SECONDS = 0.005
BATCH = 50  # messages
MOST_BATCHES = 20
MAILBOX = f"/var/mail/{USER}"


class Client:
    """Connects to port 25 every few milliseconds and notes how that ends."""

    def __init__(self, host):
        self.host, self.ends, self.closed = host, collections.Counter(), 0.0
        self._stop = threading.Event()

    @contextlib.contextmanager
    def at_work(self):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            work = pool.submit(self._work)
            wait.until(lambda: self.ends["greeted"] > 20)
            try:
                yield self
                answered = self.ends["greeted"] + 20
                wait.until(lambda: self.ends["greeted"] > answered)
            finally:
                self._stop.set()
            work.result()

    def _work(self):
        with self.host.network():
            last = time.monotonic()
            while not self._stop.is_set():
                end = connect()
                self.ends[end] += 1
                now = time.monotonic()
                if end == "greeted":
                    self.closed = max(self.closed, now - last)
                    last = now
                time.sleep(PAUSE_SECONDS)


def connect():
    """Return how a connection to port 25 ends: greeted, or what else."""
    try:
        with socket.create_connection(("127.0.0.1", 25), 20) as connection:
            greeting = connection.recv(1000)
            connection.sendall(b"QUIT\r\n")
            return "greeted" if greeting.startswith(b"220 ") else f"said {greeting!r}"
    except OSError as error:
        return type(error).__name__


class Load:
    """Sends messages for a local user by smtp-source, many at once, until told to stop."""

    def __init__(self, host):
        self.host, self.sent = host, 0
        self._stop = threading.Event()

    @contextlib.contextmanager
    def at_work(self):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            work = pool.submit(self._work)
            wait.until(lambda: self.sent or work.done(), 60)
            try:
                yield self
            finally:
                self._stop.set()
            work.result()

    def _work(self):
        for _ in range(MOST_BATCHES):
            # It ends with an error where a single connection or message is refused.
            self.host.run(
                *("smtp-source", "-s", "5", "-m", BATCH, "-l", "2000"),
                *("-f", "s@example.net", "-t", f"{USER}@localhost", "inet:127.0.0.1:25"),
            )
            self.sent += BATCH
            if self._stop.is_set():
                return


def delivered(host):
    return host.read(MAILBOX).count("\nFrom s@example.net ") + 1 if host.exists(MAILBOX) else 0


def test_a_change_that_needs_a_reload(host):
    pillar = {
        "main": {"message_size_limit": 1234567},
        "master": {"2525/inet": {"command": "smtpd", "chroot": "y"}},
        "sasl": {"options": {"log_level": 2}},
    }
    with Client(host).at_work() as client, Load(host).at_work() as load:
        run = host.apply(pillar=pillar)
    assert run.succeeded, run
    assert "2525/inet" in run.changes
    assert set(client.ends) == {"greeted"}, client.ends
    wait.until(lambda: delivered(host) == load.sent, 120)
    print(f"{host.release}: {client.ends['greeted']} connections, {load.sent} messages, none lost")


def test_a_change_that_needs_a_restart(host):
    with faults.no_mail_lost(host), Client(host).at_work() as client:
        run = host.apply(pillar={"main": {"inet_interfaces": "loopback-only"}})
    assert run.succeeded, run
    assert client.ends["ConnectionRefusedError"], "the port was never closed: no restart?"
    with Client(host).at_work() as plain:
        host.run("systemctl", "restart", "postfix")
    ratio = client.closed / plain.closed
    print(f"{host.release}: port 25 was closed {ratio:.2f} times as long as in a plain restart")
    assert client.closed < 30
