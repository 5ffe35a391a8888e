"""What Postfix and saslauthd have logged since a moment, from the journal or from mail.log."""

import os
import subprocess
import time

import postfix_sasl_daemons

_FILES = ("/var/log/mail.log", "/var/log/syslog")
_TELLING = ("warning:", "fatal:", "error:", "panic:")


class MailLog:
    """The mail log from the moment this object is made."""

    def __init__(self):
        self.since = time.time()
        self.sizes = {path: os.path.getsize(path) for path in _FILES if os.path.exists(path)}

    def troubles(self, most=8):
        """Return the last lines that tell of trouble, oldest first, at most so many."""
        lines = [line for line in self._lines() if any(word in line for word in _TELLING)]
        return lines[-most:]

    def _lines(self):
        if postfix_sasl_daemons.has_systemd():
            return self._journal()
        for path, size in self.sizes.items():
            with open(path, encoding="utf-8", errors="replace") as log:
                log.seek(size)
                return log.read().splitlines()
        return []

    def _journal(self):
        # 2 is the syslog facility mail.
        command = ["journalctl", "-q", "--no-pager", f"--since=@{self.since:.3f}"]
        done = subprocess.run(
            [*command, "SYSLOG_FACILITY=2"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
        return done.stdout.splitlines()
