"""The README, followed word for word; what it says of a master is in test_ways_in.py."""

import pytest
from support import mail, walk
from support.here import ThisMachine
from support.images import REPOSITORY
from support.layers import PASSWORD, USER
from support.places import FORMULA

only_trixie = pytest.mark.parametrize("release", ["trixie"], indirect=True)


@only_trixie
def test_one_machine(bare_host):
    bare_host.add_user(USER, PASSWORD)
    walk.follow(bare_host, "README.md", "One machine", FORMULA)
    with bare_host.network():
        codes = mail.logins(USER, PASSWORD)
    assert codes == [235, 235, 235]


def test_only_to_look():
    """The shell ends with the status of what is typed into it: 0 where the host is healthy."""
    looking = ThisMachine(typed="salt-call postfix_sasl.doctor\n")
    walk.follow(looking, "README.md", "Only to look", REPOSITORY)


def test_a_part_of_the_tests():
    walk.follow(ThisMachine(), "README.md", "Tests", REPOSITORY)
