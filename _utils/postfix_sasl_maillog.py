"""What Postfix and saslauthd have logged since a moment, from the journal or from mail.log."""

import contextlib
import datetime
import os
import re
import time

import postfix_sasl_daemons
import postfix_sasl_maincf
import postfix_sasl_textfile

_MAIN_CF = "/etc/postfix/main.cf"
_FILES = ("/var/log/mail.log", "/var/log/syslog")
_TELLING = ("warning:", "fatal:", "error:", "panic:")
_THROTTLED = " -- throttling"
_THROTTLE_SECONDS = 61
_STARTED = ": daemon started -- "
_TAIL_BYTES = 20_000
_RECENT_BYTES = 500_000
_RECENT_SECONDS = 5
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?[+-]\d\d:\d\d")
_CLASSIC = re.compile(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d")
_NO_TROUBLE = "/.postfix_sasl-journal/"  # postfix check takes our links for writable files


def own_file():
    """Return the file that Postfix writes its log to, and nobody else; an empty text for none.

    See maillog_file in postconf(5): with it neither the journal nor a syslog daemon is told.
    """
    if not os.path.exists(_MAIN_CF):
        return ""
    main = postfix_sasl_maincf.MainCf.parse(postfix_sasl_textfile.read(_MAIN_CF))
    return main.as_dict().get("maillog_file", "")


def files():
    """Return the files in which the mail log may be, the likeliest first; none for the journal."""
    own = own_file()
    if os.path.isfile(own):
        return (own,)
    return () if postfix_sasl_daemons.has_systemd() else _FILES


class MailLog:
    """The mail log from the moment this object is made.

    seconds
        How long the journal may take to answer.
    """

    def __init__(self, seconds=30):
        self.since, self.seconds, self.files = time.time(), seconds, files()
        self.sizes = {path: os.path.getsize(path) for path in self.files if os.path.exists(path)}

    def troubles(self, most=8):
        """Return the last lines that tell of trouble, oldest first, at most so many."""
        lines = [line for line in self._lines() if any(word in line for word in _TELLING)]
        return [line for line in lines if _NO_TROUBLE not in line][-most:]

    def throttled_before(self):
        """Return whether shortly before that moment services died: master(8) lets them wait.

        Only a restart, or a minute, ends that.
        """
        for line in reversed(self._lines_before()):
            if _STARTED in line:
                return False
            if _THROTTLED in line:
                return True
        return False

    def _lines(self):
        if not self.files:
            return _journal(f"--since=@{self.since:.3f}", seconds=self.seconds)
        for path, size in self.sizes.items():
            return _lines_of(path, size)
        return []

    def _lines_before(self):
        since = self.since - _THROTTLE_SECONDS
        if not self.files:
            period = (f"--since=@{since:.3f}", f"--until=@{self.since:.3f}")
            return _journal(*period, seconds=self.seconds)
        for path, size in self.sizes.items():
            lines = _lines_of(path, max(0, size - _TAIL_BYTES), _TAIL_BYTES)
            return [line for line in lines if (_time_of(line) or since) >= since]
        return []


def _lines_of(path, start, most=-1):
    """Return the lines of a file from a place on; none where it can't be read, as it is rotated."""
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            log.seek(start)
            return log.read(most).splitlines()
    except OSError:
        return []


def recent(seconds, most=3000):
    """Return the mail log's lines of so many seconds, oldest first, at most the last so many.

    Where there is a journal it is asked; a line of a file counts if its time can be read.
    Nothing is returned where neither can be had.
    """
    since = time.time() - seconds
    places = files()
    if not places:
        return _journal(f"--since=@{since:.0f}", f"-n{most}", seconds=_RECENT_SECONDS)
    for path in places:
        try:
            with open(path, encoding="utf-8", errors="replace") as log:
                log.seek(max(0, os.path.getsize(path) - _RECENT_BYTES))
                lines = log.read(_RECENT_BYTES).splitlines()
        except OSError:
            continue
        return [line for line in lines if (_time_of(line) or 0) >= since][-most:]
    return []


def _time_of(line):
    """Return when a line was logged, in seconds since the epoch; None where it does not tell."""
    if match := _ISO.match(line):
        with contextlib.suppress(ValueError):
            return datetime.datetime.fromisoformat(match[0]).timestamp()
    if match := _CLASSIC.match(line):
        now = datetime.datetime.now()
        with contextlib.suppress(ValueError):
            moment = datetime.datetime.strptime(f"{now.year} {match[0]}", "%Y %b %d %H:%M:%S")
            # It has no year: what would be in the future is of the last one.
            is_ahead = moment > now + datetime.timedelta(days=1)
            return (moment.replace(year=now.year - 1) if is_ahead else moment).timestamp()
    return None


def _journal(*period, seconds):
    """Return the lines of a period; none where there is no answer, since a log only explains."""
    # 2 is the syslog facility mail.
    command = ["journalctl", "-q", "--no-pager", *period, "SYSLOG_FACILITY=2"]
    try:
        return postfix_sasl_daemons.run(command, None, seconds).splitlines()
    except postfix_sasl_daemons.DaemonError:
        return []
