"""Secrets of the pillar are in nothing that a master is told, prints, logs or keeps as a job."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from support import certificates, mail
from support.images import RELEASES

from tests.hosts.test_secrets import MARK, PLACES, pillar

# Much is done to three hosts in one test, and many hosts may share the processors.
pytestmark = pytest.mark.timeout(360)

ONE = "trixie"
# Each call of an execution function, all of them in one job.
CALLS = ("drift", "watch", "status", "doctor", "export", "show", "probe")
# Files of a minion that hold secrets, since what reads them needs them.
NEEDED = {
    "/etc/fetchmailrc",
    "/etc/postfix/postfix_sasl-relay",
    "/etc/postfix/postfix_sasl-server.pem",
    "/var/spool/postfix/var/lib/sasldb/sasldb2",
}
MILTER = {"smtpd_milters": "inet:127.0.0.1:9", "milter_default_action": "tempfail"}


class Ear:
    """Everything that is said while secrets are in the pillar, and a search for them."""

    def __init__(self, fleet, secrets):
        self.fleet, self.secrets, self.since, self.heard = fleet, secrets, time.time(), []
        self.patterns = [word for each in secrets for word in ("-e", each)]

    def salt(self, *words, target="*"):
        """Type `salt TARGET ...`."""
        return self._heard(self.fleet.typed("salt", target, *words))

    def run(self, *words):
        """Type `salt-run ...`."""
        return self._heard(self.fleet.salt_run(*words))

    def _heard(self, done):
        self.heard.append(done.stdout + done.stderr)
        return done

    def events(self):
        """Return the events since the beginning, as text, by their tag."""
        seen = self.fleet._events.get_events({("master", "*")}, after_time=self.since)
        return [(event.tag, json.dumps(event.data, default=repr)) for event in seen]

    def is_in(self, text):
        return any(each in text for each in self.secrets)

    def files(self, host):
        """Return the files of a minion that hold a secret."""
        find = ("find", *PLACES, "-xdev", "-type", "f", "-exec", "grep", "-lFa")
        return set(host.run(*find, *self.patterns, "{}", "+", check=False).stdout.splitlines())

    def files_of_the_master(self):
        command = ["grep", "-rlFa", *self.patterns, self.fleet.master.config["root_dir"]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return set(done.stdout.splitlines())


@pytest.fixture
def keys():
    """Two certificates with their keys."""
    return certificates.make(), certificates.make()


@pytest.fixture
def ear(fleet, keys):
    """What listens; all minions are as from an empty pillar again afterwards."""
    yield Ear(fleet, [MARK, *(line for key in keys for line in key.key.splitlines()[1:-1])])
    fleet.set_pillar({})
    run = fleet.apply()
    assert run.succeeded, run


def test_no_secret_leaves_the_minion_or_is_kept(fleet, ear, keys):
    wanted = pillar(keys[0], 1, drift={"mode": "report", "interval": 3600})
    everywhere = dict.fromkeys(RELEASES, wanted)
    fleet.set_pillar(everywhere, login={"user": "bob", "password": f"{MARK}-1-sasldb"})
    for test in (True, False):
        assert ear.salt("state.apply", "postfix_sasl", f"test={test}").returncode == 0
    for host in fleet.hosts.values():  # so that there is drift to tell of
        for path in ("/etc/fetchmailrc", "/etc/postfix/postfix_sasl-relay"):
            with host.path(path).open("a") as file:
                file.write(f"# edited: {MARK}\n")
    said = ear.salt(",".join(f"postfix_sasl.{call}" for call in CALLS), *[","] * (len(CALLS) - 1))
    assert said.stdout.count("(hidden)") >= 2 * len(RELEASES)
    assert ear.run("saltutil.sync_all").returncode == 0
    assert "Needs attention" in ear.run("postfix_sasl.report").stdout
    rollout = ear.run("state.orchestrate", "postfix_sasl.orch.rollout")
    assert rollout.stdout.count("235, as it should be") == len(RELEASES)

    # One minion is refused its pillar at sight, and then takes a change back.
    bad = {**wanted, "relay": {**wanted["relay"], "password": [f"{MARK}-list"]}}
    for wrong, says in ((bad, "got a list"), (pillar(keys[1], 5, main=MILTER), "was taken back")):
        fleet.set_pillar({**everywhere, ONE: wrong})
        assert says in ear.salt("state.apply", "postfix_sasl", target=ONE).stdout

    assert [text for text in ear.heard if ear.is_in(text)] == []
    events = ear.events()
    assert {"postfix_sasl/drift"} < {tag for tag, _ in events}
    assert [tag for tag, text in events if ear.is_in(text)] == []
    assert_kept_only_where_they_are_needed(fleet, ear)


def assert_kept_only_where_they_are_needed(fleet, ear):
    for name, host in fleet.hosts.items():
        assert ear.files(host) == NEEDED, name
        log = host.read("/var/log/salt/minion")
        assert "[DEBUG" in log and "[TRACE" in log and not ear.is_in(log), name
    # Salt's own copy of each minion's pillar, which is for the master's user alone.
    root = Path(fleet.master.config["root_dir"])
    found = ear.files_of_the_master()
    assert {Path(path).parent for path in found} == {root / "cache/pillar"}, found
    assert {oct(Path(path).stat().st_mode & 0o777) for path in found} == {"0o600"}
    assert list(root.glob("cache/jobs/**/return.p"))
    assert "[DEBUG" in Path(fleet.master.config["log_file"]).read_text()


class Gpg:
    """The master's keyring, where Salt's renderer looks for it, with one key."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.home = Path(fleet.master.config_dir, "gpgkeys")
        self.home.mkdir(mode=0o700, exist_ok=True)
        self.type("--passphrase", "", "--quick-generate-key", "pillar@example.org")

    def type(self, *words, text=None):
        command = ("gpg", "--homedir", self.home, "--batch", "--quiet", *words)
        done = subprocess.run(
            self.fleet.command(*command), input=text, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def encrypted(self, text):
        return self.type("--armor", "--trust-model=always", "-r", "pillar", "--encrypt", text=text)


def test_a_key_that_gpg_has_encrypted_is_used(fleet, ear, keys):
    message = Gpg(fleet).encrypted(keys[0].key)
    texts = {"certificate_text": keys[0].certificate, "key_text": message}
    assert not ear.is_in(message)
    fleet.set_pillar({ONE: {}})
    pillar_file = fleet.pillar / f"of_{ONE}.sls"
    pillar_file.write_text("#!yaml|gpg\n" + json.dumps({"postfix_sasl": {"tls": texts}}, indent=2))
    assert ear.salt("state.apply", "postfix_sasl", target=ONE).returncode == 0
    with fleet.network():
        shown = mail.certificate(465, "implicit", fleet.addresses[ONE])
    assert shown == keys[0].der
    assert [text for text in ear.heard if ear.is_in(text)] == []
    assert not ear.is_in(Path(fleet.master.config["log_file"]).read_text())
