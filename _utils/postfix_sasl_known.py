"""What the Postfix on this host knows: its parameters, map types, SASL plug-ins and daemons.

Each question is asked once, when somebody needs the answer. postconf(1) is given an empty
configuration of its own: the live one may be broken, and Postfix programs wait up to two seconds
before they read a main.cf that has just changed.
"""

import functools
import os
import re
import shutil
import subprocess
import tempfile

import postfix_sasl_macros as macros

_SECONDS = 10
_CONFIG_DIRECTORY = "/etc/postfix"
_SEARCH = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin:/bin"


class NoAnswer(RuntimeError):
    """postconf did not answer; the message says why."""


class KnownThings:
    """What Postfix knows.

    given
        Answers that need not be asked, under the names of the properties below: ``defaults``,
        ``map_types``, ``server_sasl_types``, ``client_sasl_types``, ``daemons``.
    """

    def __init__(self, **given):
        # A cached property reads its value from here once it has one.
        self.__dict__.update(given)

    @classmethod
    def here(cls):
        """Return what this host's Postfix knows, or None where there is no Postfix yet."""
        return cls() if shutil.which("postconf", path=_SEARCH) else None

    @functools.cached_property
    def defaults(self):
        """Every parameter with its default, as ``{name: value}``. Raises NoAnswer."""
        pairs = (line.partition("=") for line in _postconf("-d").splitlines())
        found = {name.strip(): value.strip() for name, equals, value in pairs if equals}
        if "mail_version" not in found:
            raise NoAnswer("postconf -d: no list of parameters came")
        # This one follows the configuration that postconf is given, see below.
        return {**found, "config_directory": _CONFIG_DIRECTORY}

    @functools.cached_property
    def version(self):
        """Postfix's version as ``(major, minor, patch)``. Raises NoAnswer."""
        numbers = re.findall(r"\d+", self.defaults.get("mail_version", ""))[:3]
        return tuple(map(int, [*numbers, 0, 0, 0][:3]))

    @functools.cached_property
    def map_types(self):
        """The types of lookup tables, as a set. Raises NoAnswer."""
        return frozenset(_postconf("-m").split())

    @functools.cached_property
    def server_sasl_types(self):
        """The SASL plug-ins smtpd(8) can use, as a set. Raises NoAnswer."""
        return frozenset(_postconf("-a").split())

    @functools.cached_property
    def client_sasl_types(self):
        """The SASL plug-ins smtp(8) can use, as a set. Raises NoAnswer."""
        return frozenset(_postconf("-A").split())

    @functools.cached_property
    def daemons(self):
        """The names in Postfix's own daemon_directory, as a set; empty where it has none."""
        directory = macros.expand("$daemon_directory", lambda name: self.defaults.get(name, ""))
        try:
            return frozenset(os.listdir(directory or "/nonexistent"))
        except OSError:
            return frozenset()


def _postconf(option):
    with tempfile.TemporaryDirectory(prefix="postfix_sasl.") as directory:
        for name in ("main.cf", "master.cf"):
            path = os.path.join(directory, name)
            with open(path, "w", encoding="ascii"):
                os.utime(path, (0, 0))
        try:
            done = subprocess.run(
                ["postconf", "-c", directory, option],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
                env={"PATH": _SEARCH, "LC_ALL": "C"},
            )
        except subprocess.TimeoutExpired as error:
            raise NoAnswer(f"postconf {option}: no answer within {_SECONDS} s") from error
        except OSError as error:
            raise NoAnswer(f"postconf {option}: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise NoAnswer(f"postconf {option}: {said[-1]}")
    return done.stdout
