"""Small SMTP servers on loopback, for what speaks to servers: honest ones, and whatever else."""

from __future__ import annotations

PLAIN = ["mail.example.org", "PIPELINING", "SIZE 10240000"]
AUTH = ["AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN"]


class Peer:
    """One connection as a server sees it.

    `answers` is what it says to AUTH, and to what comes after each 334: `[(code, text), ...]`.
    """

    answers = ()

    def __init__(self, connection, heard):
        self.connection = connection
        self.heard = heard
        self.file = connection.makefile("rb")

    def say(self, *lines, code=250):
        """Send a reply of one or more lines."""
        for line in lines[:-1]:
            self.raw(f"{code}-{line}\r\n".encode())
        self.raw(f"{code} {lines[-1]}\r\n".encode())

    def raw(self, data):
        self.connection.sendall(data)

    def hear(self):
        """Return the next command, None at the end."""
        line = self.file.readline().decode("ascii", "replace").strip()
        if line:
            self.heard.append(line)
        return line or None

    def converse(self, words, context=None, words_tls=None, demanded=False):
        """Serve until QUIT like an orderly server that offers `words`, and more after TLS."""
        while command := self.hear():
            verb = command.split()[0]
            if verb == "EHLO":
                self.say(*words)
            elif verb == "RSET" and demanded:
                self.say("5.7.0 Must issue a STARTTLS command first", code=530)
            elif verb == "RSET":
                self.say("2.0.0 Ok")
            elif verb == "STARTTLS":
                self.say("2.0.0 Ready to start TLS", code=220)
                inner = Peer(context.wrap_socket(self.connection, server_side=True), self.heard)
                inner.answers = self.answers
                inner.converse(words_tls)
                return
            elif verb == "QUIT":
                self.say("2.0.0 Bye", code=221)
                return
            elif verb == "AUTH" and self.answers:
                for code, text in self.answers:
                    self.say(text, code=code)
                    if code == 334:
                        self.hear()
            else:
                self.say("5.5.1 unknown command", code=500)


def submission(context, demanded=True, answers=(), auth=AUTH):
    """Return the behaviour of a proper port 587."""

    def behave(peer):
        peer.answers = answers
        peer.say("mail.example.org ESMTP Postfix", code=220)
        peer.converse([*PLAIN, "STARTTLS"], context, [*PLAIN, *auth], demanded)

    return behave
