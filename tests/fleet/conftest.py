"""Fixtures for the tests with a master: one fleet, with a minion for each Debian release."""

from dataclasses import dataclass

import pytest
from support import salts
from support.fleet import Fleet, FleetRun
from support.images import RELEASES
from support.layers import PASSWORD, USER

WATCHED = ("/etc", "/usr", "/var/lib/dpkg", "/var/spool")


@dataclass(frozen=True)
class FirstRuns:
    """What happened when the fleet was fresh: a dry run, the first apply and the second."""

    dry: FleetRun
    first: FleetRun
    second: FleetRun
    touched_by_dry: list[str]


@pytest.fixture(scope="package")
def fresh_fleet(tmp_path_factory):
    """A master, and minions without any mail software and without any synced module.

    Each minion has another Salt; the master has the newest, as Salt wants it.
    """
    minions = {name: {"release": name, "salt": salts.OF_RELEASE[name]} for name in RELEASES}
    logs = {"log_level_logfile": "debug"}, {"log_level_logfile": "all"}
    with Fleet(tmp_path_factory.mktemp("fleet"), minions, *logs) as fleet:
        for host in fleet.hosts.values():
            host.add_user(USER, PASSWORD)
        yield fleet


@pytest.fixture(scope="package")
def first_runs(fresh_fleet):
    """The first three runs on the fresh fleet."""
    before = _files(fresh_fleet)
    dry = fresh_fleet.apply(test=True)
    touched = sorted(before ^ _files(fresh_fleet))
    return FirstRuns(dry, fresh_fleet.apply(), fresh_fleet.apply(), touched)


@pytest.fixture
def fleet(fresh_fleet, first_runs):
    """The fleet with the formula applied; the pillar is empty again after each test."""
    assert first_runs.first.succeeded, first_runs.first
    yield fresh_fleet
    fresh_fleet.set_pillar({})


def _files(fleet):
    """Return everything there is to know of the files the formula might touch."""
    command = ("find", *WATCHED, "-printf", "%p %i %C@ %u %g %m\n")
    return {
        f"{name}: {line}"
        for name, host in fleet.hosts.items()
        for line in host.run(*command).stdout.splitlines()
    }
