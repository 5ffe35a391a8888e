"""Fixtures for tests that need a real Debian host; tests/support says how such a host is made.

A test that uses `release`, or anything that builds on it, runs once for each Debian release.
"""

import contextlib
import os

import pytest
from support import layers, salts
from support.cgroups import remove_leftovers
from support.host import Host
from support.images import RELEASES
from support.shell import pytest_addoption, pytest_exception_interact  # noqa: F401


def pytest_sessionstart(session):
    """Clean up after test runs that were killed, once, before any worker starts."""
    if os.geteuid() == 0 and not hasattr(session.config, "workerinput"):
        remove_leftovers()


@pytest.fixture(scope="session", params=RELEASES)
def release(request):
    """Each Debian release in turn; of those, with --salt, that have a Python for that Salt."""
    if not salts.runs_on(request.param):
        pytest.skip(f"Salt {salts.chosen()} does not run on the Python of {request.param}")
    return request.param


@pytest.fixture
def boot(release):
    """A function that boots hosts, `boot(layers=..., systemd=...)`; they end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(Host.boot(release, **options))


@pytest.fixture(scope="session")
def installed(release):
    """The layers of a host that has Debian's postfix and sasl2-bin, untouched."""
    return layers.installed(release)


@pytest.fixture(scope="session")
def applied(release):
    """The layers of a host with the formula applied as it comes and the user `layers.USER`."""
    return layers.applied(release)


@pytest.fixture
def bare_host(boot):
    """A fresh Debian host without any mail software."""
    return boot()


@pytest.fixture
def installed_host(boot, installed):
    """A fresh host with Debian's postfix and sasl2-bin, untouched."""
    return boot(layers=installed)


@pytest.fixture
def host(boot, applied):
    """A fresh host with the formula applied as it comes and the user `layers.USER`."""
    return boot(layers=applied)
