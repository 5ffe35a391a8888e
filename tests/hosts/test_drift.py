"""Hosts where no Salt minion runs: nothing can keep a schedule there, and nothing waits for one."""

import json

import pytest
from support.places import SALT_CONFIG

JOB = "postfix_sasl-drift"
THING = f"schedule {JOB}"
SCHEDULE = f"{SALT_CONFIG}/minion.d/_schedule.conf"
OTHER = {"function": "test.ping", "seconds": 3600}


@pytest.fixture
def scheduled_host(shared_host):
    """A host whose minion is stopped, with the job, and another one, in its schedule."""
    job = {"function": "postfix_sasl.watch", "seconds": 3600}
    shared_host.write(SCHEDULE, json.dumps({"schedule": {JOB: job, "other": OTHER}}))
    return shared_host


def test_a_schedule_that_nobody_would_keep_is_not_made(shared_host):
    pillar = {"drift": {"mode": "report"}}
    for run in (shared_host.apply(pillar=pillar, test=True), shared_host.apply(pillar=pillar)):
        assert run.succeeded and run.changes == {}, run
        [note] = [text for text in run.comments if "no Salt minion runs on this host" in text]
        assert "drift:mode" in note and "Traceback" not in run.stderr
    assert not shared_host.exists(SCHEDULE)


@pytest.mark.parametrize("sls", ["postfix_sasl", "postfix_sasl.clean"])
def test_a_stopped_minion_does_not_find_the_job_again(scheduled_host, sls):
    dry = scheduled_host.apply(sls=sls, test=True)
    assert dry.changes[THING]["new"] is None
    assert JOB in scheduled_host.read(SCHEDULE)
    run = scheduled_host.apply(sls=sls)
    assert run.succeeded and run.changes == dry.changes, run
    assert JOB not in scheduled_host.read(SCHEDULE) and "other" in scheduled_host.read(SCHEDULE)
    assert scheduled_host.apply(sls=sls).changes == {}
