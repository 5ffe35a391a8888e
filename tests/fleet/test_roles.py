"""The example pillar: what all have, over it what a role has, over that what one host has."""

import shutil

import pytest
from support import mail
from support.images import REPOSITORY

EXAMPLE = REPOSITORY / "examples/pillar"
PLAIN, RELAY, ONE_HOST = "bookworm", "trixie", "forky"


@pytest.fixture
def applied_example(fleet):
    """The fleet, each minion as its own layers of the example make it; and what `salt` said."""
    shutil.copytree(EXAMPLE, fleet.pillar, dirs_exist_ok=True)
    top = fleet.pillar / "top.sls"
    text = top.read_text()
    assert text.count("mail3.example.org") == 1
    top.write_text(text.replace("mail3.example.org", ONE_HOST))
    for minion in (RELAY, ONE_HOST):
        fleet.salt("grains.set", "roles", "[relay]", minion_tgt=minion)
    yield fleet, fleet.apply()
    fleet.salt("grains.delkey", "roles", force=True)


def test_host_over_role_over_common(applied_example):
    fleet, run = applied_example
    assert run.succeeded, run
    checked = fleet.salt("postfix_sasl.check", "salt://postfix_sasl/files/settings.json.jinja").data
    main = {name: set_in_main_cf(fleet, name) for name in fleet.hosts}

    # One parameter changed by the role, the others as all have them.
    assert main[PLAIN]["message_size_limit"] == "52428800"
    assert main[PLAIN]["delay_warning_time"] == main[RELAY]["delay_warning_time"] == "4h"
    assert main[RELAY]["message_size_limit"] == "104857600"
    assert main[ONE_HOST]["message_size_limit"] == "104857600"

    # Lists are replaced, not joined.
    assert main[PLAIN]["mynetworks"] == "127.0.0.0/8, 192.0.2.0/24"
    assert main[RELAY]["mynetworks"] == "127.0.0.0/8, 198.51.100.0/24"
    assert offered(fleet, PLAIN) == {"PLAIN", "LOGIN"}
    assert offered(fleet, RELAY) == {"PLAIN"}

    # null takes back: a parameter, a key, a section; where null is a value, it is one.
    assert "delay_warning_time" not in main[ONE_HOST]
    assert main[ONE_HOST]["smtpd_helo_required"] == "yes"
    assert offered(fleet, ONE_HOST) == {"PLAIN", "LOGIN"}
    assert main[RELAY]["smtpd_tls_security_level"] == "encrypt"
    assert main[ONE_HOST]["smtpd_tls_security_level"] == "may"
    assert checked[RELAY]["tls:profile"] == "intermediate"
    assert checked[ONE_HOST]["tls:profile"] is None
    assert "smtpd_tls_protocols" not in main[ONE_HOST]

    # A service that one role does without.
    with fleet.network():
        listening = {name: mail.is_open(465, fleet.addresses[name]) for name in fleet.hosts}
    assert listening == {PLAIN: True, RELAY: False, ONE_HOST: True}


def offered(fleet, minion):
    """Return the mechanisms that the minion offers after TLS."""
    with fleet.network():
        return mail.mechanisms(587, "starttls", host=fleet.addresses[minion])


def set_in_main_cf(fleet, minion):
    """Return what the minion's main.cf sets, as Postfix reads it."""
    lines = fleet.hosts[minion].run("postconf", "-n").stdout.splitlines()
    return dict(line.split(" = ", 1) for line in lines if " = " in line)
