"""Pages for who has a master and minions, followed word for word; both are on one host here.

What needs several hosts is followed in tests/fleet.
"""

import shutil

import pytest
from support import layers, walk
from support.host import Host
from support.images import REPOSITORY

MEMORY = "/var/cache/salt/minion/postfix_sasl-drift.json"
# What the schedule does once an hour, again and again, until it is heard.
LOOKS = f"for look in $(seq 60); do rm -f {MEMORY}; salt-call postfix_sasl.watch; sleep 1; done"
SPOIL = """
chmod 0777 /etc/postfix/sasl/smtpd.conf
systemctl stop saslauthd-postfix
postconf smtpd_tls_auth_only=no delay_warning_time=4h
"""


@pytest.fixture(scope="module")
def host():
    """A master and its minion `mail`, on which the formula is applied, with an address."""
    with Host.boot("trixie", layers=layers.applied("trixie")) as host:
        host.neighbour()
        walk.give_clone(host)
        walk.install_daemons(host)
        walk.write(host, "docs/master.md")
        host.write("/srv/pillar/top.sls", "base: {mail: [mail]}\n")
        host.write("/srv/pillar/mail.sls", "{}\n")
        host.run("systemctl", "start", "salt-master")
        walk.start_minion(host)
        walk.type_text(host, "salt-run saltutil.sync_all")
        walk.type_text(host, "salt mail state.apply postfix_sasl")
        yield host


def test_the_doctor(host):
    host.run("gpasswd", "--delete", "postfix", "sasl")
    host.run("postfix", "reload")
    walk.follow(host, "docs/doctor.md", fails="salt mail postfix_sasl.doctor")
    walk.type_text(host, "gpasswd -a postfix sasl && postfix reload")
    walk.type_text(host, "salt mail postfix_sasl.doctor")


def test_drift(host):
    walk.write(host, "docs/drift.md")
    walk.type_text(host, "salt mail state.apply postfix_sasl")
    walk.type_text(host, SPOIL)
    looks = ("systemd-run", "--unit=looks", f"--setenv=PATH={walk.PATH}:{walk.SALT_HOME}/bin")
    host.run(*looks, "bash", "-c", LOOKS)
    try:
        walk.follow(host, "docs/drift.md")
    finally:
        host.run("systemctl", "stop", "looks")
        host.write("/srv/pillar/mail.sls", "{}\n")
        walk.type_text(host, "postconf -X delay_warning_time; salt mail state.apply postfix_sasl")


def test_an_editor(host):
    walk.follow(host, "docs/editors.md", fails="salt mail postfix_sasl.check")


def test_a_rollout(host):
    walk.follow(host, "docs/rollout.md", "Roll out to a fleet")
    walk.follow(host, "docs/rollout.md", "Which hosts, and how many at once")


def test_batches(host):
    walk.follow(host, "docs/scale.md")


def test_states_of_your_own(host):
    walk.follow(host, "docs/own-sls.md")
    in_force = host.run("postconf", "-h", "message_size_limit", "smtpd_helo_required").stdout
    assert in_force == "52428800\nyes\n"
    assert "uucp" not in host.run("postconf", "-M").stdout


def test_one_pillar_for_many_hosts(host):
    shutil.copytree(REPOSITORY / "examples/pillar", host.path("/srv/pillar"), dirs_exist_ok=True)
    minion = host.path("/etc/salt/minion.d/test.conf")
    minion.write_text(minion.read_text().replace("id: mail", "id: mail3.example.org"))
    host.write("/etc/salt/grains", "roles: [relay]\n")
    walk.start_minion(host, "mail3.example.org")
    walk.follow(host, "docs/pillar-per-host.md")
