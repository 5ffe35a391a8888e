"""Files with secrets: closed to others from the first byte on, whatever was there before."""

import json

import pytest
from support import certificates, layers
from support.host import Host
from support.images import SALT_HOME
from support.places import SALT_CONFIG
from support.written import Witness, watched

from .test_secrets import MARK, OF_SALT, pillar

# The code is the same for each release, and being watched makes everything slow.
RELEASE = "trixie"
FILES = {
    "/etc/fetchmailrc",
    "/etc/postfix/postfix_sasl-relay",
    "/etc/postfix/postfix_sasl-server.pem",
    "/var/spool/postfix/var/lib/sasldb/sasldb2",
}
LDAP = {"backend": "saslauthd", "users": {}}


@pytest.fixture(scope="module")
def host():
    """One host for the tests of this file, with the packages installed."""
    with Host.boot(RELEASE, layers=layers.with_dovecot(RELEASE)) as host:
        assert host.salt("test.ping")  # and Salt's configuration is there
        assert host.apply(pillar(certificates.make(), 1)).succeeded
        yield host


def apply(host, tmp_path, wanted, key):
    """Apply under observation; return what was seen."""
    host.set_pillar(wanted)
    found = host.run("find", "/etc", "/var", "/run", "-xdev", "-type", "f", "-printf", "%p\t%m\n")
    modes = [line.rpartition("\t") for line in found.stdout.splitlines()]
    log = tmp_path / "calls"
    done = watched(
        host,
        *(f"{SALT_HOME}/bin/salt-call", f"--config-dir={SALT_CONFIG}", "--local", "--out=json"),
        *("state.apply", "postfix_sasl"),
        log=log,
    )
    states = json.loads(done.stdout)["local"]
    assert all(state["result"] for state in states.values()), done.stdout
    lines = key.key.splitlines()[1:-1]
    witness = Witness([MARK, *lines], {path: int(mode, 8) for path, _, mode in modes})
    return witness.read(log)


def test_secrets_are_never_in_a_file_that_others_can_read(host, tmp_path):
    # Somebody has opened all of them; what was in them is known by now, what comes is not.
    host.run("chmod", "0644", *FILES)
    key = certificates.make()
    witness = apply(host, tmp_path, pillar(key, 2), key)
    assert witness.open_to_others == set()
    assert witness.with_secrets >= FILES
    assert not any(path.startswith(OF_SALT) for path in witness.with_secrets)
    for path in FILES:
        mode = host.run("stat", "-c", "%a", path).stdout.strip()
        assert mode in ("600", "640"), (path, mode)


def test_nor_are_those_of_ldap(host, tmp_path):
    key = certificates.make()
    first = pillar(key, 3)
    wanted = {**first, "sasl": LDAP, "saslauthd": {**first["saslauthd"], "mechanism": "ldap"}}
    witness = apply(host, tmp_path, wanted, key)
    assert witness.open_to_others == set()
    assert "/etc/saslauthd-postfix.conf" in witness.with_secrets


def test_a_file_that_is_open_for_a_moment_is_noticed(host, tmp_path):
    script = f"umask 022; echo {MARK} > /run/a; chmod 600 /run/a; mv /run/a /run/b"
    watched(host, "sh", "-c", script, log=tmp_path / "calls")
    witness = Witness([MARK], {}).read(tmp_path / "calls")
    assert witness.open_to_others == {"/run/a 0644"}
    assert witness.with_secrets == {"/run/a", "/run/b"}
    closed = script.replace("022", "077")
    watched(host, "sh", "-c", closed, log=tmp_path / "calls")
    assert Witness([MARK], {}).read(tmp_path / "calls").open_to_others == set()
