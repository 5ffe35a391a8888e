"""A shell in a host, for people: bin/try opens one, and so does a test that fails, with --shell."""

import os
import subprocess

from . import host
from .images import SALT_HOME
from .places import FORMULA, PATH, SALT_CONFIG


def pytest_addoption(parser):
    """Add the option; see ``bin/test --help``."""
    parser.addoption(
        "--shell", action="store_true", help="where a test fails, open a shell in its hosts"
    )


def pytest_exception_interact(node, report):
    """Open the shells: now, since what a test booted ends with the test."""
    hosts = [one for one in host.booted if one.is_up]
    if not hosts or not node.config.getoption("shell"):
        return
    capture = node.config.pluginmanager.getplugin("capturemanager")
    capture.suspend(in_=True)
    print(f"\n{node.nodeid} failed:\n{report.longreprtext}\n")
    for number, one in enumerate(hosts, start=1):
        print(f"Debian {one.release}, host {number} of {len(hosts)}; go on with exit.")
        open_shell(one, f"{SALT_CONFIG}/minion")
    capture.resume()


def open_shell(one, minion_config):
    """Open a shell in a host on this terminal, and return its exit status.

    minion_config
        The configuration that salt-call uses there.
    """
    print(
        "Outside of it, in its network: "
        f"sudo nsenter --net=/proc/{one.pid}/ns/net swaks --server 127.0.0.1:587 ...",
        flush=True,
    )
    path = f"{PATH}:{SALT_HOME}/bin:{FORMULA}/bin"
    return enter(one, "bash", PATH=path, SALT_MINION_CONFIG=minion_config)


def enter(one, *command, **environment):
    """Run a command in a host on this terminal and return its exit status."""
    environment["TERM"] = os.environ.get("TERM", "dumb")
    return subprocess.run(one.command(*command, env=environment)).returncode
