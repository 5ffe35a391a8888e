"""What a run leaves behind on a host: files written again, daemons started again."""

from __future__ import annotations


def files(host, places) -> list[str]:
    """Return path, inode, mtime, owner, mode and link of everything in the *places*."""
    command = ["find", *places, "-printf", "%p %i %T@ %u %g %m %l\n"]
    lines = host.run(*command, check=False).stdout.splitlines()
    assert len(lines) > 100
    return lines


def daemons(host, names="master|saslauthd") -> list[str]:
    """Return the process ids of Postfix's master and of saslauthd."""
    return host.run("pgrep", "-x", names).stdout.split()


def assert_dry_run_is_right(host, places):
    """A dry run leaves the *places* alone and says what a run then does; return that run."""
    before = files(host, places)
    predicted = host.apply(test=True)
    assert predicted.succeeded, predicted
    _assert_same(before, files(host, places))
    real = host.apply()
    assert real.succeeded, real
    assert predicted.changes == real.changes, (predicted, real)
    return real


def assert_nothing_is_due(host, places):
    """A run changes nothing, writes nothing in the *places* and restarts no daemon."""
    before, processes = files(host, places), daemons(host)
    again = host.apply()
    assert again.succeeded, again
    assert again.changes == {}, again
    _assert_same(before, files(host, places))
    after = daemons(host)
    assert after == processes, (processes, after)


def _assert_same(before, after):
    assert after == before, sorted(set(before) ^ set(after))
