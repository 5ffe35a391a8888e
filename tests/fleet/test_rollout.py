"""`salt-run state.orchestrate postfix_sasl.orch.rollout` on 20 minions, one with a port taken."""

import time
from dataclasses import dataclass

import pytest
from support import layers, mail, wait, walk
from support.faults import free_port, take_port
from support.fleet import Fleet
from support.layers import PASSWORD, USER
from support.minion import StateRun

NAMES = [f"minion{number:02}" for number in range(1, 21)]
RELEASES = {"minion02": "bookworm", "minion03": "forky"}  # all others: trixie
TYPED = "salt-run state.orchestrate"
CANARY, TAKEN, PORT = "minion01", "minion05", 587
FIRST_BATCH = NAMES[1:6]
LATER = NAMES[6:]
# What the formula makes on a host, and what a sync does.
MADE = ("/etc/postfix/sasl/smtpd.conf", "/etc/pam.d/smtp", "/etc/default/saslauthd-postfix")
SYNCED = "/var/cache/salt/minion/extmods/modules/postfix_sasl.py"


@dataclass(frozen=True)
class Runs:
    """A dry run on two hosts, a rollout that one host stops, and one that completes."""

    dry: StateRun
    first: StateRun
    second: StateRun
    before: dict
    after_dry: dict
    after_first: dict
    answers_before: dict
    answers_after_first: dict
    untouched_after_first: list


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    images = {name: RELEASES.get(name, "trixie") for name in NAMES}
    users = {release: layers.with_user(release) for release in sorted(set(images.values()))}
    minions = {
        name: {"release": release, "layers": users[release]} for name, release in images.items()
    }
    with Fleet(tmp_path_factory.mktemp("rollout"), minions) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def runs(fleet):
    """The three runs, and how the hosts were between them."""
    seen = {"before": configurations(fleet), "answers_before": answers(fleet)}
    take_port(fleet.hosts[TAKEN], PORT)
    seen["dry"] = fleet.rollout(test=True, target=[CANARY, TAKEN], tgt_type="list")
    seen["after_dry"] = configurations(fleet)
    seen["first"] = followed(fleet)
    seen["after_first"] = configurations(fleet)
    seen["answers_after_first"] = answers(fleet)
    seen["untouched_after_first"] = [
        name
        for name, host in sorted(fleet.hosts.items())
        if not any(map(host.exists, (*MADE, SYNCED)))
    ]
    free_port(fleet.hosts[TAKEN], PORT)
    fleet.set_pillar({}, login={"user": USER, "password": PASSWORD})
    seen["second"] = fleet.rollout(batch=10)
    return Runs(**seen)


def followed(fleet):
    """Do what the page says of a host that fails, and return the run."""
    since = time.time()
    walk.follow(fleet.terminal, "docs/rollout.md", "When a host fails", fails=TYPED)
    [event] = wait.until(lambda: orchestrations(fleet, since))
    [states] = event["return"]["data"].values()
    return StateRun(event["return"]["retcode"], states)


def orchestrations(fleet, since):
    """Return what the master tells of orchestrations that have ended since then."""
    ended = fleet.events("salt/run/*/ret", since)
    return [event for event in ended if event["fun"] == "runner.state.orchestrate"]


def configurations(fleet):
    """Return what Postfix reads, of each host."""
    paths = [f"/etc/postfix/{name}" for name in ("main.cf", "master.cf", "sasl/smtpd.conf")]
    return {
        name: [host.read(path) if host.exists(path) else None for path in paths]
        for name, host in fleet.hosts.items()
    }


def answers(fleet):
    """Return what the host with the taken port says to a mail client."""
    with fleet.network():
        return mail.ehlo(25, host=fleet.addresses[TAKEN])


def report(run):
    """Return the lines that the rollout shows."""
    return run.states[-1]["comment"].splitlines()


def of_host(run, name):
    """Return the line of the report that a host has."""
    [line] = [line for line in report(run) if line.startswith(f"  {name} ")]
    return line


def groups(run):
    """Return {canary or batch: its hosts} as the report has them."""
    found = {}
    for line in report(run)[1:]:
        if line == "canary" or line.startswith("batch "):
            found[line] = members = []
        elif line.startswith("  minion"):
            members.append(line.split()[0])
    return found


def moment(host, path="/etc/postfix/main.cf"):
    """Return when a file came into its place."""
    return host.path(path).stat().st_ctime


class TestDryRun:
    def test_it_says_what_would_be_and_who_would_fail(self, runs):
        assert runs.dry.retcode == 1
        lines = report(runs.dry)
        assert lines[0] == f"Dry run on 2 hosts, nothing was touched: {TAKEN} would fail."
        assert groups(runs.dry) == {"canary": [CANARY], "batch 1": [TAKEN]}
        [predicted] = [line for line in lines if line.startswith(f"would change on {CANARY}: ")]
        assert "smtpd_sasl_auth_enable" in predicted
        assert f"port {PORT} on all" in "\n".join(lines)

    def test_it_touches_nothing(self, runs):
        assert runs.after_dry == runs.before


class TestStopped:
    def test_it_fails_and_says_why(self, runs):
        assert runs.first.retcode == 1
        lines = report(runs.first)
        assert lines[0] == f"Stopped, since {TAKEN} failed; 5 of 20 hosts are done."
        assert of_host(runs.first, TAKEN).endswith("FAILED")
        shown = "\n".join(lines)
        assert "config: nothing was changed, since Postfix would fail:" in shown
        assert f"port {PORT} on all IPv4 addresses is taken by python3" in shown
        assert "Traceback" not in shown

    def test_a_canary_goes_first_then_a_batch(self, fleet, runs):
        assert groups(runs.first) == {"canary": [CANARY], "batch 1": FIRST_BATCH}
        canary, *others = [
            moment(fleet.hosts[name], MADE[0]) for name in (CANARY, *FIRST_BATCH) if name != TAKEN
        ]
        assert canary < min(others)

    def test_each_is_tried_by_another_host(self, runs):
        assert of_host(runs.first, CANARY).endswith("login from minion02: 535, as it should be")
        for name in set(FIRST_BATCH) - {TAKEN}:
            line = of_host(runs.first, name)
            assert line.endswith(f"login from {CANARY}: 535, as it should be")

    def test_the_changes_name_the_hosts(self, runs):
        changed = runs.first.changes
        assert set(changed) == {CANARY, *FIRST_BATCH}
        assert [name for name in changed if changed[name]["new"] == "FAILED"] == [TAKEN]

    def test_later_hosts_are_not_touched(self, runs):
        assert f"not touched: {', '.join(LATER)}" in report(runs.first)
        assert runs.untouched_after_first == LATER
        for name in LATER:
            assert runs.after_first[name] == runs.before[name]

    def test_the_failed_host_is_what_it_was(self, runs):
        assert runs.after_first[TAKEN] == runs.before[TAKEN]
        assert runs.answers_after_first == runs.answers_before
        assert "AUTH" not in runs.answers_before


class TestCompleted:
    def test_all_are_done(self, runs):
        assert runs.second.succeeded, runs.second
        assert report(runs.second)[0] == "Rolled out to 20 of 20 hosts."

    def test_batches_of_ten_in_order(self, fleet, runs):
        assert groups(runs.second) == {
            "canary": [CANARY],
            "batch 1": NAMES[1:11],
            "batch 2": NAMES[11:],
        }
        earlier, later = (
            [moment(fleet.hosts[name], MADE[0]) for name in names]
            for names in (NAMES[6:11], NAMES[11:])
        )
        assert max(earlier) < min(later)

    def test_a_known_account_logged_in_everywhere_from_another_host(self, runs):
        for name in NAMES:
            verifier = "minion02" if name == CANARY else CANARY
            line = of_host(runs.second, name)
            assert line.endswith(f"login from {verifier}: 235, as it should be")

    def test_the_account_is_shown_nowhere(self, runs):
        assert PASSWORD not in str(runs.second.raw) + runs.second.stderr

    def test_hosts_that_were_done_are_not_changed_again(self, runs):
        for name in set(FIRST_BATCH) - {TAKEN}:
            assert f"{name}  nothing to change;" in of_host(runs.second, name)
        assert set(runs.second.changes) == {TAKEN, *LATER}

    @pytest.mark.parametrize("name", [CANARY, "minion02", "minion03", TAKEN, "minion20"])
    def test_users_log_in(self, fleet, runs, name):
        with fleet.network():
            address = fleet.addresses[name]
            assert mail.login(PORT, USER, PASSWORD, host=address).code == 235


def test_a_canary_that_took_its_configuration_back_stops_all(fleet, runs):
    """A mail filter that isn't there: it only shows when a client asks."""
    before = configurations(fleet)
    filters = {"smtpd_milters": "inet:127.0.0.1:9", "milter_default_action": "tempfail"}
    fleet.set_pillar({name: {"main": filters} for name in NAMES})
    run = fleet.rollout(canary="minion07", batch="10%", target="minion0*")
    assert run.retcode == 1
    assert report(run)[0] == "Stopped, since minion07 failed; 0 of 9 hosts are done."
    assert "was taken back" in "\n".join(report(run))
    assert configurations(fleet) == before
    assert moment(fleet.hosts["minion08"]) < moment(fleet.hosts["minion07"])


def test_a_target_that_nobody_matches(fleet, runs):
    run = fleet.rollout(target="nobody*")
    assert run.retcode == 1 and run.changes == {}
    assert report(run)[0].startswith("rollout:target: no minion matches 'nobody*'")


def test_one_host_alone_is_tried_from_the_master(fleet, runs):
    fleet.set_pillar({})
    run = fleet.rollout(target="minion20")
    assert run.succeeded, run
    assert of_host(run, "minion20").endswith("login from the master: 535, as it should be")


def test_a_new_release_of_the_rollout_is_used_at_once(fleet, runs):
    fleet.set_pillar({})
    canaries = '\nOPTIONS["canary"] = (2, *OPTIONS["canary"][1:])\n'
    fleet.release("_utils/postfix_sasl_rollout_plan.py", canaries)
    run = fleet.rollout(test=True, target=["minion18", "minion19"], tgt_type="list")
    assert groups(run) == {"canary": ["minion18", "minion19"]}
