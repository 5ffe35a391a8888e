"""The commands people type, seen as a stranger in a terminal sees them."""

import pytest
from support import mail, salts
from support.host import Host
from support.layers import PASSWORD, USER
from support.places import FORMULA

APPLY = f"{FORMULA}/bin/apply"


@pytest.fixture(scope="module")
def machine(release):
    """A bare machine on which bin/apply has been typed, and what that printed."""
    with Host.boot(release, salt=salts.USUAL) as host:  # the one that bin/apply is to find
        host.add_user(USER, PASSWORD)
        host.dry_run = host.run(APPLY, "--test", timeout=120)
        host.first = host.run(APPLY, timeout=180)
        yield host


def test_apply_says_what_it_will_do_and_what_it_did(machine):
    text = machine.first.stdout
    assert text.startswith("This turns mail into a mail submission server:")
    assert "package postfix: (none) → installed" in text
    assert machine.first.stderr == ""


def test_apply_ends_with_what_a_client_sees_on_each_port(machine):
    table = machine.first.stdout.partition("What a client sees now on 127.0.0.1:\n")[2]
    rows = {line.split()[0]: line for line in table.splitlines()[1:]}
    assert list(rows) == ["25", "587", "465"]
    for row in rows.values():
        assert "open" in row and "TLSv1.3" in row and "PLAIN LOGIN" in row


def test_the_dry_run_showed_the_same_changes_and_made_none(machine):
    dry, real = machine.dry_run.stdout, machine.first.stdout
    assert "Would change:" in dry
    predicted = [line for line in dry.splitlines() if "→" in line]
    assert predicted == [line for line in real.splitlines() if "→" in line]


def test_a_user_logs_in(machine):
    with machine.network():
        assert mail.login(587, USER, PASSWORD).code == 235


def test_a_second_apply_has_nothing_to_do(machine):
    again = machine.run(APPLY, timeout=120)
    assert "Nothing to change: everything is as it should be." in again.stdout
    assert "Setting up" not in again.stdout


def test_a_pillar_file(machine):
    machine.write("/var/tmp/pillar.yaml", "postfix_sasl:\n  main: {message_size_limit: 7777777}\n")
    run = machine.run(APPLY, "--pillar", "/var/tmp/pillar.yaml", timeout=120)
    assert "message_size_limit: (none) → 7777777" in run.stdout
    with machine.network():
        assert mail.ehlo(25)["SIZE"] == ["7777777"]


def test_a_bad_pillar_file_is_one_line_and_no_change(machine):
    machine.write("/var/tmp/bad.yaml", "postfix_sasl:\n  tls: {mod: may}\n")
    run = machine.run(APPLY, "--pillar", "/var/tmp/bad.yaml", check=False, timeout=120)
    assert run.returncode == 1
    (line,) = [line for line in run.stdout.splitlines() if "postfix_sasl:tls:mod:" in line]
    assert "unknown key" in line and "postfix_sasl:tls:mode" in line
    assert "Traceback" not in run.stdout + run.stderr and "Changed:" not in run.stdout


@pytest.mark.parametrize("words", [["--pillar"], ["--nonsense"], ["--pillar", "/no/such/file"]])
def test_wrong_words_are_explained_in_a_few_lines(machine, words):
    run = machine.run(APPLY, *words, check=False)
    assert run.returncode in (1, 2)
    said = run.stdout + run.stderr
    assert "Traceback" not in said and 0 < len(said.splitlines()) < 25


def test_one_who_is_not_root_is_told_so(machine):
    run = machine.run("runuser", "-u", USER, "--", APPLY, check=False)
    assert run.returncode in (1, 2) and "root" in run.stdout + run.stderr
