"""Who of the users may log in: members of a group, and not whoever guessed too often."""

import concurrent.futures
import re

import pytest
from support import mail
from support.images import REPOSITORY
from support.layers import PASSWORD, USER

ATTEMPTS = 3
LOCKOUT = {"pam": {"lockout": {"attempts": ATTEMPTS, "seconds": 3600}}}
# As the page has it.
PAGE = (REPOSITORY / "docs/accounts.md").read_text()
RESET = re.search(r"`(faillock [^`]*)`", PAGE)[1].replace("NAME", USER).split()


def answer(host, password=PASSWORD, user=USER, port=587):
    with host.network():
        return mail.login(port, user, password).code


def test_only_members_of_a_group_log_in(host):
    host.add_user("bob", "secret")
    host.run("groupadd", "mailers")
    host.run("groupadd", "staff-mail")
    host.run("gpasswd", "-a", USER, "staff-mail")
    run = host.apply(pillar={"pam": {"allow_groups": ["mailers", "staff-mail"]}})
    assert run.succeeded, run
    assert (answer(host), answer(host, "secret", "bob")) == (235, 535)
    host.run("gpasswd", "-a", "bob", "mailers")
    assert answer(host, "secret", "bob") == 235
    # Root is in no list of users that a group could let in.
    host.run("chpasswd", input="root:secret\n")
    host.run("gpasswd", "-a", "root", "mailers")
    assert answer(host, "secret", "root") == 535


class TestLockout:
    @pytest.fixture
    def locking_host(self, host):
        run = host.apply(pillar=LOCKOUT)
        assert run.succeeded, run
        return host

    def test_an_account_is_locked_after_failures_until_it_is_reset(self, locking_host):
        for _ in range(ATTEMPTS):
            assert answer(locking_host, "wrong") == 535
        assert answer(locking_host) == 535
        locking_host.run("su", "-s", "/bin/sh", "-c", "true", USER)  # nothing else is locked
        locking_host.run(*RESET)
        assert answer(locking_host) == 235

    def test_another_account_is_not(self, locking_host):
        locking_host.add_user("bob", "secret")
        for _ in range(ATTEMPTS):
            assert answer(locking_host, "wrong") == 535
        assert answer(locking_host, "secret", "bob") == 235

    def test_a_good_login_takes_the_count_back(self, locking_host):
        for _ in range(3):
            for _ in range(ATTEMPTS - 1):
                assert answer(locking_host, "wrong") == 535
            assert answer(locking_host) == 235

    def test_many_good_logins_at_once_lock_nobody(self, locking_host):
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            codes = list(pool.map(lambda _: answer(locking_host), range(40)))
        assert set(codes) == {235}
