"""Waiting, with an end, for what happens by itself."""

from __future__ import annotations

import time


def until(condition, seconds: float = 15):
    """Return what `condition()` returns once that is true; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not so after {seconds} s: {condition}"
        time.sleep(0.05)
    return result


def for_mail(host, user: str, subject: str) -> str:
    """Return the user's mailbox once a message with this subject is in it."""

    def mailbox():
        path = host.path(f"/var/mail/{user}")
        text = path.read_text() if path.exists() else ""
        return text if f"Subject: {subject}\n" in text else ""

    return until(mailbox)
