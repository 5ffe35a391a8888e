"""What Postfix and saslauthd have logged since a moment, from the journal or from mail.log."""

import os
import subprocess
import time

import postfix_sasl_daemons

_FILES = ("/var/log/mail.log", "/var/log/syslog")
_TELLING = ("warning:", "fatal:", "error:", "panic:")
_THROTTLED = " -- throttling"
_THROTTLE_SECONDS = 61
_TAIL_BYTES = 20_000
_NO_TROUBLE = "/.postfix_sasl-journal/"  # postfix check takes our links for writable files


class MailLog:
    """The mail log from the moment this object is made."""

    def __init__(self):
        self.since = time.time()
        self.sizes = {path: os.path.getsize(path) for path in _FILES if os.path.exists(path)}

    def troubles(self, most=8):
        """Return the last lines that tell of trouble, oldest first, at most so many."""
        lines = [line for line in self._lines() if any(word in line for word in _TELLING)]
        return [line for line in lines if _NO_TROUBLE not in line][-most:]

    def throttled_before(self):
        """Return whether shortly before that moment services died: master(8) lets them wait.

        Only a restart, or a minute, ends that.
        """
        return any(_THROTTLED in line for line in self._lines_before())

    def _lines(self):
        if postfix_sasl_daemons.has_systemd():
            return self._journal(f"--since=@{self.since:.3f}")
        for path, size in self.sizes.items():
            with open(path, encoding="utf-8", errors="replace") as log:
                log.seek(size)
                return log.read().splitlines()
        return []

    def _lines_before(self):
        if postfix_sasl_daemons.has_systemd():
            since, until = self.since - _THROTTLE_SECONDS, self.since
            return self._journal(f"--since=@{since:.3f}", f"--until=@{until:.3f}")
        for path, size in self.sizes.items():
            with open(path, encoding="utf-8", errors="replace") as log:
                log.seek(max(0, size - _TAIL_BYTES))
                return log.read(_TAIL_BYTES).splitlines()
        return []

    def _journal(self, *period):
        # 2 is the syslog facility mail.
        command = ["journalctl", "-q", "--no-pager", *period]
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
