"""The pages that say how to begin, followed word for word on a real host."""

import pytest
from support import mail, walk
from support.layers import FORMULA_DIRECTORIES, PASSWORD, USER

only_trixie = pytest.mark.parametrize("release", ["trixie"], indirect=True)


@pytest.fixture
def machine(boot, installed):
    """A host with Debian's packages, the repository, and a Salt that nobody has configured."""
    host = boot(layers=installed)
    host.add_user(USER, PASSWORD)
    walk.give_clone(host)
    return host


@only_trixie
def test_masterless(machine):
    walk.follow(machine, "docs/masterless.md")
    assert logins(machine) == [235, 235, 235]
    with machine.network():
        assert mail.ehlo(25)["SIZE"] == ["52428800"]
    machine.write("/srv/pillar/mail.sls", "postfix_sasl: {tls: {mode: encrypt}}\n")
    walk.follow(machine, "docs/show.md")


@only_trixie
def test_a_master_and_a_minion(machine):
    walk.install_daemons(machine)
    walk.follow(machine, "docs/master.md", "A master and minions")
    walk.start_minion(machine)
    walk.follow(machine, "docs/master.md", "Apply")
    assert logins(machine) == [235, 235, 235]
    walk.follow(machine, "README.md", "When it does not work")
    walk.follow(machine, "README.md", "Taking it off")
    with machine.network():
        assert [mail.is_open(port) for port, _ in mail.LISTENERS] == [True, False, False]
    walk.follow(machine, "README.md", "A master and its minions")
    assert logins(machine) == [235, 235, 235]
    machine.write("/srv/pillar/top.sls", "base: {mail: [mail]}\n")
    machine.write("/srv/pillar/mail.sls", "postfix_sasl: {main: {message_size_limit: 52428800}}\n")
    walk.follow(machine, "docs/saltcheck.md")
    assert machine.run("postconf", "-h", "message_size_limit").stdout == "52428800\n"


@only_trixie
def test_spm(machine):
    walk.follow(machine, "docs/spm.md", "A package: SPM")
    assert logins(machine) == [235, 235, 235]
    assert {path.split("/")[0] for path in files(machine, "/srv/spm/salt")} == {
        *FORMULA_DIRECTORIES
    }
    assert files(machine, "/srv/spm/pillar") == ["postfix_sasl.sls.orig"]
    walk.follow(machine, "docs/spm.md", "Taking it off")
    assert files(machine, "/srv/spm") == []


def logins(host):
    with host.network():
        return mail.logins(USER, PASSWORD)


def files(host, directory):
    return host.run("find", directory, "-type", "f", "-printf", "%P\n").stdout.split()
