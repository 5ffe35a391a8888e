"""Secrets of the pillar show up nowhere, whatever is done and however it ends."""

import json

import pytest
from support import certificates, layers
from support.images import SALT_HOME
from support.places import SALT_CONFIG

# In each secret, so that one search finds any of them, also next to another.
MARK = "hush8731"
PLACES = ("/etc", "/run", "/srv", "/tmp", "/var", "/root")
# Where Salt itself keeps the pillar that a test gave it.
OF_SALT = f"{SALT_CONFIG}/pillar"
LOG = "/var/log/salt.log"


def pillar(key, number, **more):
    """Return a pillar with every kind of secret there is; each number gives other ones."""
    secret = f"{MARK}-{number}"
    user = {"remote": "popper", "password": f"{secret}-fetchmail", "local": "alice"}
    return {
        "sasl": {"backend": "sasldb", "users": {"bob": f"{secret}-sasldb"}},
        "saslauthd": {"ldap": {"ldap_servers": "ldap://127.0.0.1", "ldap_bind_pw": secret}},
        "relay": {"host": "127.0.0.9", "username": "us", "password": f"{secret}-relay"},
        "tls": {"certificate_text": key.certificate, "key_text": key.key},
        "fetchmail": {
            "enabled": True,
            "poll": [{"server": "127.0.0.9", "protocol": "pop3", "ssl": False, "users": [user]}],
        },
        **more,
    }


class Watch:
    """Everything that is said while the tests do things on a host, and every process seen."""

    def __init__(self, host, secrets):
        self.host, self.secrets, self.heard = host, secrets, []

    def apply(self, wanted, **options):
        """Apply a pillar; return the comments of the states that failed."""
        self.host.set_pillar(wanted)
        states = json.loads(self.call("state.apply", "postfix_sasl", **options))["local"]
        return [state["comment"] for state in states.values() if state["result"] is False]

    def call(self, *words, test=False):
        self.host.run("sh", "-c", "while sleep 0.05; do ps -eww -o args; done > /run/ps 2>&1 &")
        done = self.host.run(
            f"{SALT_HOME}/bin/salt-call",
            *(f"--config-dir={SALT_CONFIG}", "--local", "--out=json", "--log-level=all"),
            *(f"--log-file={LOG}", "--log-file-level=all", *words, f"test={test}"),
            check=False,
            timeout=300,
        )
        self.host.run("pkill", "-f", "[w]hile sleep 0.05")
        self.heard += [done.stdout, done.stderr, self.host.read("/run/ps")]
        return done.stdout

    def found(self):
        """Return where a secret was seen that it should not be seen."""
        said = "\n".join(self.heard)
        journal = self.host.run("journalctl", "--no-pager").stdout
        texts = {"output": said, "journal": journal, "log": self.host.read(LOG)}
        return [name for name, text in texts.items() for each in self.secrets if each in text]

    def readable(self):
        """Return the files with a secret that somebody other than root or its owner may read."""
        search = ["find", *PLACES, "-xdev", "-type", "f", "-not", "-path", f"{OF_SALT}/*"]
        patterns = [word for each in self.secrets for word in ("-e", each)]
        found = self.host.run(
            *search, "-exec", "grep", "-lFa", *patterns, "{}", "+", check=False
        ).stdout.split()
        closed = ("600", "400", "640")
        modes = {path: self.host.run("stat", "-c", "%a %G", path).stdout.split() for path in found}
        return found, {
            path: (mode, group)
            for path, (mode, group) in modes.items()
            if mode not in closed or (mode == "640" and group not in ("root", "sasl"))
        }


@pytest.fixture
def host(boot, release):
    host = boot(layers=layers.with_dovecot(release))
    assert host.salt("test.ping")  # and Salt's configuration is there
    return host


def test_secrets_are_seen_nowhere(host):
    keys = certificates.make(), certificates.make()
    lines = [line for key in keys for line in key.key.splitlines()[1:-1]]
    watch = Watch(host, [MARK, *lines])
    first, other = pillar(keys[0], 1), pillar(keys[1], 2)
    for wanted in (first, other):
        assert watch.apply(wanted, test=True) == []
        assert watch.apply(wanted) == []
    for call in ("check", "drift", "status", "doctor", "export", "probe"):
        words = [f"postfix_sasl.{call}"]
        words += ["settings=salt://postfix_sasl/files/settings.json.jinja"] * (call == "check")
        assert "Traceback" not in watch.call(*words), call
    # Refused at sight; refused by what this host is; and taken back.
    watch.apply({**first, "relay": {**first["relay"], "password": [f"{MARK}-list"]}})
    watch.apply(pillar(keys[0], 4, main={"smtpd_tls_security_level": "bogus"}))
    milter = {"smtpd_milters": "inet:127.0.0.1:9", "milter_default_action": "tempfail"}
    watch.apply(pillar(keys[0], 5, main=milter))
    assert "was taken back" in "\n".join(map(str, watch.heard))
    files, open_to_others = watch.readable()
    assert {"/etc/fetchmailrc", "/etc/postfix/postfix_sasl-relay"} <= set(files)
    assert open_to_others == {}
    assert watch.found() == []
