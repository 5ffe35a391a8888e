"""`salt '*' state.apply postfix_sasl`: the first time, with a pillar for each minion, upgraded."""

import json
import re

import pytest
from support import mail, wait
from support.images import RELEASES
from support.layers import PASSWORD, USER

SYNC = "postfix_sasl-sync-modules"
each_minion = pytest.mark.parametrize("minion", RELEASES)

# A new release whose defaults differ, in a module that only other modules import.
NEW_MAIN = {"message_size_limit": "7654321"}
NEW_DEFAULTS = f"""
OPTIONS["main"] = OPTIONS["main"]._replace(default={NEW_MAIN})
"""

IMPORTED = """\
import sys

def run():
    return [name for name in sys.modules if name.startswith("postfix_sasl_")]
"""


def syncs(run):
    return [state for state in run.states if state["__id__"] == SYNC]


def logins(fleet, minion):
    """Return the answers to a login on each listener, from another machine."""
    with fleet.network():
        address = fleet.addresses[minion]
        return mail.logins(USER, PASSWORD, host=address)


class TestFreshMinions:
    def test_the_first_dry_run_predicts_the_changes_and_touches_nothing(self, first_runs):
        dry, first = first_runs.dry, first_runs.first
        assert dry.succeeded, dry
        assert first_runs.touched_by_dry == []
        for minion in RELEASES:
            assert "package postfix" in dry[minion].changes
            assert dry[minion].changes == first[minion].changes

    def test_the_first_apply_succeeds(self, first_runs):
        assert set(first_runs.first.minions) == set(RELEASES)
        assert first_runs.first.succeeded, first_runs.first

    @each_minion
    def test_users_log_in(self, fleet, minion):
        assert logins(fleet, minion) == [235, 235, 235]

    def test_the_modules_are_synced_once(self, first_runs):
        for minion in RELEASES:
            assert syncs(first_runs.dry[minion])
            assert not syncs(first_runs.first[minion])
            assert not syncs(first_runs.second[minion])

    def test_the_second_apply_changes_nothing(self, first_runs):
        assert first_runs.second.succeeded, first_runs.second
        for minion in RELEASES:
            assert first_runs.second[minion].changes == {}


def test_each_minion_becomes_what_its_own_pillar_says(fleet):
    fleet.set_pillar(
        {
            "bookworm": {"tls": {"mode": "encrypt"}, "services": {"smtps": {"enabled": False}}},
            "trixie": {"main": {"message_size_limit": 1234567}},
        }
    )
    run = fleet.apply()
    assert run.succeeded, run
    bookworm, trixie = (fleet.addresses[name] for name in ("bookworm", "trixie"))
    with fleet.network():
        assert mail.relay_attempt(25, tls=None, host=bookworm).code == 530
        assert mail.relay_attempt(25, tls=None, host=trixie).code in (454, 554)
        assert not mail.is_open(465, bookworm)
        assert mail.is_open(465, trixie)
        assert mail.ehlo(25, host=bookworm)["SIZE"] != ["1234567"]
        assert mail.ehlo(25, host=trixie)["SIZE"] == ["1234567"]
        for address in (bookworm, trixie):
            assert mail.login(587, USER, PASSWORD, host=address).code == 235


def test_a_bad_pillar_fails_its_minion_with_one_line_and_no_other(fleet):
    fleet.set_pillar(
        {
            "trixie": {"tls": {"mod": "encrypt"}},
            "forky": {"main": {"delay_warning_time": "4h"}},
        }
    )
    run = fleet.apply()
    assert run.exit_status != 0
    assert not run["trixie"].succeeded
    [reason] = run["trixie"].failures
    assert reason.startswith("postfix_sasl:tls:mod: ") and "\n" not in reason
    assert run["trixie"].changes == {}
    for minion in ("bookworm", "forky"):
        assert run[minion].succeeded, run[minion]
    assert "delay_warning_time" in run["forky"].changes
    assert logins(fleet, "trixie") == [235, 235, 235]


def test_an_upgrade_takes_effect_in_minions_that_go_on_running(fleet):
    # What a schedule calls is imported by the minion's own process, not just by a job's copy of it.
    fleet.salt("schedule.add", "look", function="postfix_sasl.check", seconds=1)
    wait.until(lambda: all(imported(fleet).values()))
    fleet.salt("schedule.delete", "look")
    processes = minion_processes(fleet)
    fleet.release("_utils/postfix_sasl_options.py", NEW_DEFAULTS)

    run = fleet.apply()
    assert run.succeeded, run
    for minion in RELEASES:
        assert syncs(run[minion])
        assert run[minion].changes["message_size_limit"]["new"] == "7654321"

    checked = fleet.salt("postfix_sasl.check").data
    assert [checked[minion]["main"] for minion in RELEASES] == [NEW_MAIN] * len(RELEASES)
    assert minion_processes(fleet) == processes


def test_the_doctor_answers_a_master_in_words_and_as_data(fleet):
    seen = fleet.salt("postfix_sasl.doctor").data
    assert {minion: seen[minion]["healthy"] for minion in RELEASES} == dict.fromkeys(RELEASES, True)
    assert fleet.salt_run("saltutil.sync_all").returncode == 0
    fleet.hosts["trixie"].run("systemctl", "stop", "saslauthd-postfix")
    ask = ("*", "postfix_sasl.doctor", "--no-color")
    words = fleet.typed("salt", *ask, "--out=postfix_sasl_doctor")
    data = fleet.typed("salt", *ask, "--out=json", "--static")
    plain = fleet.typed("salt", *ask)
    fleet.hosts["trixie"].run("systemctl", "start", "saslauthd-postfix")
    assert words.returncode and plain.returncode  # with --static Salt itself answers 0
    for done in (words, data, plain):
        assert "[ERROR" not in done.stdout + done.stderr
        assert "FAIL  saslauthd" in done.stdout
    assert words.stdout.count("    healthy\n") == 2
    # Whether the login that it tries is in the log by then is a matter of moments.
    assert re.search(r"^    NOT healthy: saslauthd(; to be seen to: log)?$", words.stdout, re.M)
    assert [name for name, said in json.loads(data.stdout).items() if not said["healthy"]] == [
        "trixie"
    ]


def imported(fleet):
    """Return what each minion's own process, of which any job is a copy, has imported of ours."""
    (fleet.formula / "imported.py").write_text(IMPORTED)
    return fleet.salt("slsutil.renderer", path="salt://imported.py", default_renderer="py").data


def minion_processes(fleet):
    show = ("systemctl", "show", "salt-minion", "--property=MainPID")
    return [host.run(*show).stdout for host in fleet.hosts.values()]
