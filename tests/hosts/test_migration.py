"""The pages that take over a server which others made, followed word for word on a real host."""

import hashlib
import json
from typing import NamedTuple

import pytest
import yaml
from support import mail, postfix_formula, wait, walk
from support.layers import PASSWORD, USER
from support.postfix_formula import FILES, SECRET

from .test_export import entries, logins, make_by_the_wiki, parameters

PILLAR = "/srv/pillar/mail.sls"
OTHER_PILLAR = {"postfix": {"config": {"relayhost": "[other.example.net]"}, "aliases": {}}}
# What the formula adds or takes out, since it has that place in hand.
OURS = ("cyrus_sasl_config_path =", "smtpd_sasl_path =", "smtpd_use_tls =")
# What the page tells to delete from the pillar, for the formula's own.
UNSAFE = ("limits", "chroot", "disable_vrfy_command", "tls_preempt_cipherlist", "profile")
UNSAFE_PREFIXES = ("smtpd_forbid_", "smtpd_tls_mandatory_")
only_trixie = pytest.mark.parametrize("release", ["trixie"], indirect=True)


@only_trixie
def test_the_recipe_typed_by_hand(installed_host):
    host = installed_host
    host.add_user(USER, PASSWORD)
    make_by_the_wiki(host)
    walk.give_clone(host)
    walk.write(host, "docs/masterless.md")
    before = parameters(host), entries(host)
    assert 454 in logins(host)

    walk.follow(host, "docs/existing-server.md", "An existing mail server")
    walk.follow(host, "docs/existing-server.md", "Read the host")
    walk.follow(host, "docs/existing-server.md", "Look, then apply")
    assert (parameters(host), entries(host)) == before
    assert logins(host) == [235, 235, 235]
    assert relays_without_login(host, 465, "implicit")

    walk.follow(host, "docs/existing-server.md", "Make it safer")
    assert logins(host) == [235, 235, 235]
    assert not relays_without_login(host, 465, "implicit")


@only_trixie
def test_postfix_formula(bare_host):
    host = taken_from_postfix_formula(bare_host)
    walk.give_clone(host)
    walk.install_daemons(host)
    walk.write(host, "docs/master.md")
    host.write("/srv/pillar/postfix.sls", f"#!json\n{json.dumps(OTHER_PILLAR)}\n")
    host.run("systemctl", "start", "salt-master")
    walk.start_minion(host)
    before = Kept.of(host)

    walk.follow(host, "docs/from-postfix-formula.md", "From postfix-formula")
    walk.follow(host, "docs/from-postfix-formula.md", "Read the host")
    assert SECRET not in host.read(PILLAR)
    walk.follow(host, "docs/from-postfix-formula.md", "Look, then apply")
    assert_taken_over(host, before)

    host.write(PILLAR, yaml.safe_dump(safer(yaml.safe_load(host.read(PILLAR)))))
    walk.type_text(host, "salt mail state.apply")
    assert is_chrooted(host)
    assert logins(host) == [235, 235, 235]
    assert_tables_are_used(host, "chrooted")
    assert before.files == files(host)

    walk.follow(host, "docs/from-postfix-formula.md", "Their key, our key")
    assert_tables_are_used(host, "managed again")


@pytest.mark.parametrize("release", ["bookworm", "forky"], indirect=True)
def test_postfix_formula_on_another_release(bare_host):
    host = taken_from_postfix_formula(bare_host)
    before = Kept.of(host)
    host.salt("saltutil.sync_all")
    pillar = host.salt("postfix_sasl.export")["postfix_sasl"]
    dry = host.apply(pillar, test=True)
    run = host.apply(pillar)
    assert run.succeeded, run
    assert dry.changes == run.changes
    assert_taken_over(host, before)
    assert host.apply(pillar).changes == {}

    run = host.apply(pillar, sls="postfix_sasl.clean")
    assert run.succeeded, run
    assert host.run("postconf", "-h", "relayhost").stdout == "\n"
    assert files(host) == before.files


def taken_from_postfix_formula(host):
    """Return the host as postfix-formula has configured it: with a user who can't log in."""
    host.add_user(USER, PASSWORD)
    postfix_formula.make(host)
    assert logins(host) == [535, 535, 535]
    return host


def assert_taken_over(host, before):
    """Mail is handled as before, no file is lost, and logins work."""
    assert Kept.of(host) == before
    assert logins(host) == [235, 235, 235]
    assert_tables_are_used(host, "taken over")


def assert_tables_are_used(host, subject):
    """A user who is logged in reaches another by an address that only the table knows."""
    with host.network():
        answer = mail.send(
            587,
            "someone@example.com",
            "info@example.com",
            user=USER,
            password=PASSWORD,
            subject=subject,
        )
    assert answer.code == 250, answer
    wait.for_mail(host, USER, subject)


class Kept(NamedTuple):
    """What a new configuration has to leave as it is."""

    parameters: list
    entries: list
    files: dict

    @classmethod
    def of(cls, host):
        kept = [line for line in parameters(host) if not line.startswith(OURS)]
        return cls(kept, entries(host), files(host))


def files(host):
    """Return {path: digest and mode} of what postfix-formula has written beside main.cf."""
    paths = {path: host.path(path) for path in FILES}
    return {
        path: (hashlib.sha256(found.read_bytes()).hexdigest(), found.stat().st_mode)
        for path, found in paths.items()
    }


def safer(pillar):
    """Return a pillar without the keys that the page tells to delete."""
    if not isinstance(pillar, dict):
        return pillar
    return {
        key: safer(value)
        for key, value in pillar.items()
        if key not in UNSAFE and not key.startswith(UNSAFE_PREFIXES)
    }


def relays_without_login(host, port, tls):
    with host.network():
        return mail.relay_attempt(port, tls=tls).code == 250


def is_chrooted(host):
    return host.run("postconf", "-Fh", "smtp/inet/chroot").stdout == "y\n"
