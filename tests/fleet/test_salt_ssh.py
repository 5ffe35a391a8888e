"""`salt-ssh '*' state.apply postfix_sasl` on bare hosts: sshd, scp and Debian's own python3."""

from dataclasses import dataclass

import pytest
from support import mail, walk
from support.fleet import FleetRun
from support.images import RELEASES
from support.layers import PASSWORD, USER
from support.ssh import SshSite

THIN = "/var/tmp/.root_*_salt"
STATES = f"{THIN}/salt_state.tgz"
NEW_DEFAULT = """
OPTIONS["main"] = OPTIONS["main"]._replace(default={"message_size_limit": "7654321"})
"""
ADDRESS = "192.0.2.10"
LOGGED_IN_BEFORE = (
    "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519",
    "cat /root/.ssh/id_ed25519.pub >> /root/.ssh/authorized_keys",
    f"ssh-keyscan {ADDRESS} > /root/.ssh/known_hosts",
)
each_host = pytest.mark.parametrize("name", RELEASES)


@dataclass(frozen=True)
class FirstRuns:
    """A dry run, the first apply and the second."""

    dry: FleetRun
    first: FleetRun
    second: FleetRun


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Bare hosts, one for each release, to which root has a key."""
    directory = tmp_path_factory.mktemp("ssh")
    with SshSite(directory, {release: release for release in RELEASES}) as site:
        for host in site.hosts.values():
            host.add_user(USER, PASSWORD)
        yield site


@pytest.fixture(scope="module")
def runs(site):
    return FirstRuns(site.apply(test=True), site.apply(), site.apply())


class TestFirstRuns:
    def test_succeed_everywhere(self, runs):
        for run in (runs.dry, runs.first, runs.second):
            assert set(run.minions) == set(RELEASES)
            assert run.succeeded, run

    @each_host
    def test_the_dry_run_predicts_the_first_apply(self, runs, name):
        assert "package postfix" in runs.dry[name].changes
        assert runs.dry[name].changes == runs.first[name].changes

    @each_host
    def test_the_second_apply_changes_nothing(self, runs, name):
        assert runs.second[name].changes == {}

    @each_host
    def test_users_log_in(self, site, runs, name):
        address = site.addresses[name]
        with site.network():
            codes = mail.logins(USER, PASSWORD, host=address)
        assert codes == [235, 235, 235]


def test_a_bad_pillar_fails_its_host_with_one_line_and_no_other(site, runs):
    site.set_pillar({"trixie": {"tls": {"mod": "encrypt"}}})
    run = site.apply()
    assert run.exit_status != 0
    [reason] = run["trixie"].failures
    assert reason.startswith("postfix_sasl:tls:mod: ") and "\n" not in reason
    assert run["trixie"].changes == {}
    assert all(run[name].succeeded for name in RELEASES if name != "trixie")


def test_a_new_release_and_a_pillar_take_effect_and_secrets_are_for_root(site, runs):
    site.release("_utils/postfix_sasl_options.py", NEW_DEFAULT)
    site.set_pillar({"trixie": {"main": {"smtpd_banner": "hush-8731"}}})
    run = site.apply()
    assert run.succeeded, run
    for name in ("bookworm", "forky"):
        assert list(run[name].changes) == ["message_size_limit"]
        assert run[name].changes["message_size_limit"]["new"] == "7654321"
    assert list(run["trixie"].changes) == ["smtpd_banner"]  # its pillar replaces that default
    for host in site.hosts.values():
        modes = host.run("sh", "-c", f"stat -c '%U %a' {THIN} {STATES}").stdout
        assert modes == "root 700\nroot 600\n"
    show = f"tar --extract --gzip --to-stdout --file {STATES} pillar.json"
    assert "hush-8731" in site.hosts["trixie"].run("sh", "-c", show).stdout


def test_functions_answer_but_for_those_that_need_the_pillar(site, runs):
    status, said = site.salt("postfix_sasl.drift", target="trixie")
    assert status != 0
    assert "state.apply postfix_sasl test=True" in said["trixie"]["stderr"]
    status, said = site.salt("postfix_sasl.probe", "port=587", target="trixie", options=["--wipe"])
    assert status == 0
    assert said["trixie"]["auth_tls"] == ["PLAIN", "LOGIN"]
    assert "salt" not in site.hosts["trixie"].run("ls", "-A", "/var/tmp").stdout


def test_saltcheck_follows_a_login_and_leaves_out_what_needs_the_pillar(site, runs):
    status, said = site.salt("saltcheck.run_state_tests", "postfix_sasl", target="trixie")
    [tests, totals] = said["trixie"]
    assert status == 0
    assert {name: each["status"] for name, each in tests["postfix_sasl"].items()} == {
        "postfix_sasl-config-not-through-salt-ssh": "Skip",
        "postfix_sasl-drift-none": "Skip",
        "postfix_sasl-saslauthd-login": "Pass",
    }
    assert totals["TEST RESULTS"]["Skipped"] == 2


def test_the_page(site):
    """On one host, which reaches itself by the address that the page has for `mail`."""
    host = site.hosts["forky"]
    host.ip("address", "add", f"{ADDRESS}/32", "dev", "lo")
    walk.give_clone(host)
    for command in LOGGED_IN_BEFORE:
        walk.type_text(host, command)
    walk.follow(host, "docs/salt-ssh.md")
