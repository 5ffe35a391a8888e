"""Faults for hosts: kill an apply at any step, fill a disk, and see that no mail is lost."""

from __future__ import annotations

import contextlib
import json
import re

from . import mail, wait
from .images import SALT_HOME
from .layers import PASSWORD, USER
from .places import FORMULA

CONFIGURATION = "cat /etc/postfix/main.cf /etc/postfix/master.cf /etc/postfix/sasl/*"
QUEUES = "maildrop incoming active deferred hold"
KILL_SWITCH = "/srv/kill.json"
TAKE_PORT = (
    "import socket, time; s = socket.socket(); s.setsockopt(1, 2, 1); "
    "s.bind(('0.0.0.0', {port})); s.listen(); time.sleep(3600)"
)


def take_port(host, port):
    """Have another program listen on a port, until `free_port`."""
    host.run("systemd-run", "--unit", f"taker{port}", "python3", "-c", TAKE_PORT.format(port=port))
    wait.until(lambda: str(port) in host.run("ss", "-Hltn", f"sport = :{port}").stdout)


def free_port(host, port):
    """Stop the program that `take_port` started."""
    host.run("systemctl", "stop", f"taker{port}")


def kill_everywhere(host, *, timeout=900, **plan):
    """Kill an apply at every step, see killing.Enumeration; fail where anything goes wrong.

    Returns the reports, one for each point.
    """
    plan = {"user": USER, "password": PASSWORD, "port": 587, "answers": True, **plan}
    program = f"{FORMULA}/tests/support/killing.py"
    done = host.run("python3", program, input=json.dumps(plan), timeout=timeout)
    result = json.loads(done.stdout)
    reports = result["reports"]
    assert not [report for report in reports if report["problems"]], _first_problems(reports)
    for subject in result["sent"]:
        wait.for_mail(host, USER, subject)
    print(f"{host.release}: killed at {len(reports)} points, none went wrong")
    return reports


def _first_problems(reports) -> str:
    wrong = [report for report in reports if report["problems"]]
    lines = [f"{len(wrong)} of {len(reports)} points went wrong; the first ones:"]
    for report in wrong[:5]:
        lines += [f"step {report['step']} +{report['delay']}: {report['text']}"]
        lines += [f"  {problem}" for problem in report["problems"]]
    return "\n".join(lines)


def apply_killed(host, at, only, **options):
    """Apply by salt-call and kill that at its step number *at* of those that name *only*.

    Returns whether it came that far.
    """
    _prepare_to_kill(host)
    host.write(KILL_SWITCH, json.dumps({"at": at, "only": only}))
    try:
        run = host.apply(typed=True, **options)
    finally:
        host.path(KILL_SWITCH).unlink()
    return run.retcode in (-9, 137)


def _prepare_to_kill(host):
    """Have Python load killing.py when it starts: a .pth file can do that."""
    line = f"import sys; sys.path.append('{FORMULA}/tests/support'); import killing; "
    line += f"killing.from_file('{KILL_SWITCH}')\n"
    find = f"echo {SALT_HOME}/lib/python3.*/site-packages"
    packages = host.run("sh", "-c", find).stdout.strip()
    host.write(f"{packages}/killing.pth", line)


@contextlib.contextmanager
def no_mail_lost(host):
    """Have mail accepted, for a local user and for one out of reach; see that it is there after."""
    with host.network():
        local = mail.send(25, "s@example.net", f"{USER}@localhost", subject="before the fault")
        remote = mail.send(25, "s@example.net", "someone@[198.51.100.77]")
    assert (local.code, remote.code) == (250, 250), (local, remote)
    yield
    wait.for_mail(host, USER, "before the fault")
    queue_id = re.search(r"queued as (\w+)", remote.text)[1]
    find = f"cd /var/spool/postfix && find {QUEUES} -name {queue_id}"
    wait.until(lambda: host.run("sh", "-c", find).stdout)


def configuration(host) -> str:
    """Return what Postfix reads."""
    return host.run("sh", "-c", CONFIGURATION).stdout


def assert_fails_well(run, *words):
    """The run failed, says why with these words, and shows nobody a traceback."""
    assert not run.succeeded, run
    said = "\n".join(run.failures)
    for word in words:
        assert word in said, run
    assert "Traceback" not in said + run.stderr, run


def assert_works(host):
    """A user can log in wherever that is possible."""
    with host.network():
        for port, tls in mail.LISTENERS:
            wait.until(lambda port=port: mail.is_open(port))
            assert mail.login(port, USER, PASSWORD, tls=tls).code == 235


def assert_converges(host, **options):
    """The next apply succeeds, leaves nothing to do, nothing lying around, and logins work."""
    run = host.apply(**options)
    assert run.succeeded, run
    assert host.apply(test=True, **options).changes == {}
    left = host.run("sh", "-c", "ls -d /etc/postfix/.[!.]* /run/postfix_sasl* || :").stdout
    assert left == ""
    assert_works(host)
