"""Fixtures for the tests on real hosts."""

import pytest
from support.host import Host


@pytest.fixture(scope="module")
def shared_host(release, applied):
    """One host with the formula applied, for all tests of a file: they may not break it."""
    with Host.boot(release, layers=applied) as host:
        yield host


@pytest.fixture(scope="module")
def neighbour(shared_host):
    """Another machine on the network of the shared host, which is 198.51.100.1 there."""
    return shared_host.neighbour(address="198.51.100.2", host_address="198.51.100.1")
