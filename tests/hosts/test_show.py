"""What show says beforehand is what an apply then makes, and it changes nothing itself."""

import json

import pytest
from support.host import Host
from support.images import SALT_HOME
from support.places import SALT_CONFIG

POLL = {"server": "127.0.0.1", "ssl": False}
POLL["users"] = [{"remote": "nobody", "password": "s3cret", "local": "alice"}]
PILLARS = {
    "empty": {},
    "many things at once": {
        "chroot": False,
        "limits": {"errors": 4},
        "main": {"message_size_limit": 1234567, "biff": None, "mynetworks": ["127.0.0.0/8"]},
        "master": {
            "2525/inet": {"command": "smtpd", "options": {"syslog_name": "postfix/mine"}},
            "smtp/inet": {"process_limit": 50},
            "submission/inet": {"chroot": "y", "options": {"smtpd_etrn_restrictions": None}},
            "verify/unix": None,
        },
        "pam": {"allow_groups": ["users"]},
        "services": {"fetchmail": {"enabled": True}, "smtps": {"enabled": False}},
        "tls": {"mode": "encrypt", "profile": "modern"},
    },
    "a relay, and nothing that nobody declares": {
        "purge": "remove",
        "relay": {"host": "r.example", "username": "u", "password": "s3cret"},
        "sasl": {"options": {"log_level": "3"}, "sender_logins": {"@example.org": ["alice"]}},
    },
}
PLACES = ("/etc", "/opt", "/root", "/run/systemd/system", "/usr", "/var/lib", "/var/spool")
PASSING = ("/etc/salt", "/var/lib/systemd/timers")


@pytest.fixture(scope="module")
def bare(release):
    """A host without Postfix that has been asked, and then applied, with nothing in its pillar."""
    with Host.boot(release) as host:
        host.salt("saltutil.sync_all")
        host.write("/var/tmp/before", "")
        host.said = host.salt("postfix_sasl.show")
        host.touched = host.run("find", *PLACES, "-cnewer", "/var/tmp/before").stdout.splitlines()
        run = host.apply()
        assert run.succeeded, run
        yield host


def main_cf(host):
    lines = host.run("postconf", "-n").stdout.splitlines()
    return {name: text.strip() for name, _, text in (line.partition(" =") for line in lines)}


def entries(host):
    """Return master.cf as Postfix reads it: ``{service/type: (columns, options)}``."""
    found = {}
    for line in host.run("postconf", "-M").stdout.splitlines():
        service, kind, *columns = line.split()
        found[f"{service}/{kind}"] = columns[:6]
    options = {key: {} for key in found}
    for line in host.run("postconf", "-P").stdout.splitlines():
        name, _, text = line.partition(" =")
        service, kind, option = name.split("/")
        options[f"{service}/{kind}"][option] = text.strip()
    return {key: (columns, options[key]) for key, columns in found.items()}


def said_main(said):
    return {name: one["value"] for name, one in said["main.cf"].items() if one["value"] is not None}


COLUMNS = ("private", "unprivileged", "chroot", "wakeup", "process_limit", "command")


def said_entries(said):
    return {
        key: (
            [one["fields"][column]["value"] for column in COLUMNS],
            {
                name: option["value"]
                for name, option in one["options"].items()
                if option["value"] is not None
            },
        )
        for key, one in said["master.cf"].items()
        if one["entry"]["value"] is not None
    }


class TestBeforePostfixIsThere:
    def test_nothing_is_changed(self, bare):
        assert [path for path in bare.touched if not path.startswith(PASSING)] == []

    def test_it_says_that_postfix_is_not_there_and_which_release_this_is(self, bare, release):
        assert bare.said["postfix"] is False and bare.said["release"] == release

    def test_its_values_are_what_the_apply_made(self, bare):
        said, made = said_main(bare.said), main_cf(bare)
        assert {name: made.get(name) for name in said} == said
        assert said_entries(bare.said) == entries(bare)


@pytest.mark.parametrize("name", PILLARS)
def test_what_it_says_is_what_the_apply_makes(bare, name):
    pillar = PILLARS[name]
    said = bare.salt("postfix_sasl.show", pillar=pillar)
    assert "s3cret" not in json.dumps(said)
    run = bare.apply(pillar=pillar)
    assert run.succeeded, run
    assert said_main(said) == main_cf(bare)
    assert said_entries(said) == entries(bare)
    for path, one in said["files"].items():
        check_file(bare, path, one["value"])
    for service in said["services"]:
        assert bare.run("systemctl", "is-active", service).stdout == "active\n"


def check_file(host, path, wanted):
    if wanted is None:
        assert not host.exists(path)
    elif isinstance(wanted, dict):
        owner = f"{wanted['user']}:{wanted['group']} {int(wanted['mode'], 8):o}\n"
        assert host.run("stat", "-c", "%U:%G %a", path).stdout == owner
        if wanted.get("text") not in (None, "(hidden)"):
            assert host.read(path) == wanted["text"]


def test_a_hand_made_option_is_the_hosts_own(bare):
    bare.apply()
    bare.run("postconf", "-P", "submission/inet/content_filter=mine:")
    options = bare.salt("postfix_sasl.show", "submission/inet")["master.cf"]["submission/inet"]
    assert options["options"]["content_filter"]["origin"] == "host"
    assert options["options"]["syslog_name"]["origin"] == "default"


def typed(host, *words):
    """Return what comes of it when a person types ``salt-call --local`` and these words."""
    command = [f"{SALT_HOME}/bin/salt-call", f"--config-dir={SALT_CONFIG}", "--local", "--no-color"]
    return host.run(*command, *words, check=False, timeout=120)


def test_in_a_terminal(bare):
    bare.apply(pillar={"tls": {"mode": "encrypt"}})
    whole = typed(bare, "postfix_sasl.show").stdout
    lines = [" ".join(line.split()) for line in whole.splitlines()]
    assert lines[0] == "local:"
    assert "smtpd_tls_security_level = encrypt pillar: tls:mode" in lines
    one = typed(bare, "postfix_sasl.show", "smtpd_tls_mandatory_protocols").stdout.splitlines()
    assert one[:3] == [
        "local:",
        "    main.cf: smtpd_tls_mandatory_protocols = >=TLSv1.2",
        "      derived from",
    ]


def test_a_name_that_is_nowhere_is_one_line(bare):
    run = typed(bare, "postfix_sasl.show", "smtpd_tls_security_levl")
    assert run.returncode and "Traceback" not in run.stdout + run.stderr
    assert "did you mean smtpd_tls_security_level?" in run.stderr + run.stdout
