"""One message is one message, however its lines end; and nobody is told who has an account here.

SMTP smuggling: a server that sent us a message read its end elsewhere than we do, so that what
follows would be commands here, in the name of that server's users.
"""

import re
import socket

import pytest
from support import mail, wait
from support.layers import PASSWORD, USER

HOST = "198.51.100.1"
ENDS = {
    "\\n.\\n": b"\n.\n",
    "\\n.\\r\\n": b"\n.\r\n",
    "\\r\\n.\\n": b"\r\n.\n",
    "\\r.\\r": b"\r.\r",
    "\\r\\n.\\r": b"\r\n.\r",
    "\\r.\\r\\n": b"\r.\r\n",
    "\\n.\\r": b"\n.\r",
    "\\r.\\n": b"\r.\n",
}


class Talk:
    """A client that sends bytes as they are."""

    def __init__(self, port=25):
        self.socket = socket.create_connection((HOST, port), timeout=30)
        self.lines = self.socket.makefile("rb")

    def __enter__(self):
        assert self.reply() == 220
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def reply(self):
        """Return the code of the next reply, 0 once the server has hung up."""
        while line := self.lines.readline():
            if line[3:4] == b" ":
                return int(line[:3])
        return 0

    def say(self, data):
        """Send a line, or several, and return the code of the next reply."""
        self.socket.sendall(data + b"\r\n")
        return self.reply()


def smuggle(end, subject):
    """Send a message with another one hidden in it, behind `end`; return the replies to it."""
    hidden = (
        f"MAIL FROM:<admin@mail.example.com>\r\nRCPT TO:<{USER}@mail.example.com>\r\nDATA\r\n"
        f"Subject: smuggled {subject}\r\n\r\nI was never sent.\r\n.\r\n"
    ).encode()
    with Talk() as client:
        assert client.say(b"EHLO client.example.com") == 250
        assert client.say(b"MAIL FROM:<someone@example.net>") == 250
        assert client.say(f"RCPT TO:<{USER}@mail.example.com>".encode()) == 250
        assert client.say(b"DATA") == 354
        replies = [client.say(f"Subject: outer {subject}\r\n\r\nHello.".encode() + end + hidden)]
        client.socket.shutdown(socket.SHUT_WR)
        while code := client.reply():
            replies.append(code)
        return replies


def test_one_message_never_becomes_two(shared_host, neighbour):
    with neighbour.network():
        replies = {name: smuggle(end, f"n{at}") for at, (name, end) in enumerate(ENDS.items())}
        last = mail.send(
            25, "x@example.net", f"{USER}@mail.example.com", tls=None, subject="last", host=HOST
        )
    assert last.code == 250
    wait.for_mail(shared_host, USER, "last")
    # What was taken is delivered by now, or is about to be.
    wait.until(lambda: "Mail queue is empty" in shared_host.run("postqueue", "-p").stdout)
    box = shared_host.read(f"/var/mail/{USER}")
    starts = re.findall(r"^From (\S+) ", box, re.MULTILINE)
    assert not [sender for sender in starts if sender.startswith("admin@")], replies
    # Never two messages taken of what was sent as one; a refused one was hung up on.
    for name, codes in replies.items():
        assert codes.count(250) <= 1 and codes.count(354) == 0, (name, codes)
    outer = re.findall(r"^Subject: outer (\S+)", box, re.MULTILINE)
    assert len(outer) == len(set(outer)) == sum(codes.count(250) for codes in replies.values())


def test_commands_that_do_not_wait_for_their_answers_end_the_session(neighbour):
    with neighbour.network(), Talk() as client:
        codes = [client.say(b"EHLO client.example.com\r\nMAIL FROM:<x@example.net>")]
        while code := client.reply():
            codes.append(code)
        assert codes[-1] in (503, 554)


@pytest.mark.parametrize(("port", "tls"), [(25, None), (587, "starttls"), (465, "implicit")])
class TestCuriosity:
    @pytest.mark.parametrize("name", [USER, "nobody-of-that-name"])
    def test_vrfy_tells_nothing(self, neighbour, port, tls, name):
        with neighbour.network(), mail.connection(port, tls, HOST) as smtp:
            assert smtp.docmd("VRFY", name)[0] == 502

    def test_it_is_not_offered(self, neighbour, port, tls):
        with neighbour.network():
            assert "VRFY" not in mail.ehlo(port, tls, HOST)


@pytest.mark.parametrize(("port", "tls"), [(587, "starttls"), (465, "implicit")])
class TestSubmission:
    def test_refuses_etrn_also_to_users(self, neighbour, port, tls):
        with neighbour.network(), mail.connection(port, tls, HOST) as smtp:
            assert smtp.docmd("ETRN", "mail.example.com")[0] == 554

    def test_hides_where_a_user_sits_where_postfix_can(self, shared_host, neighbour, port, tls):
        subject = f"from-{port}"
        with neighbour.network():
            answer = mail.send(
                port,
                f"{USER}@mail.example.com",
                f"{USER}@mail.example.com",
                user=USER,
                password=PASSWORD,
                tls=tls,
                subject=subject,
                host=HOST,
            )
        assert answer.code == 250
        box = wait.for_mail(shared_host, USER, subject)
        (message,) = [each for each in box.split("\nFrom ") if f"Subject: {subject}\n" in each]
        seen = "198.51.100.2" in message
        assert seen == (shared_host.release == "bookworm")  # its Postfix, 3.7, can't
        assert "198.51.100.2" in mail_log(shared_host)


def mail_log(host):
    """Return what Postfix logged."""
    return host.run("journalctl", "--output=cat", "--unit=postfix*").stdout
