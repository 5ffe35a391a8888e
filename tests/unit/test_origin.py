"""Where each value of the desired configuration comes from, for pillars written by hand."""

import functools
import json

import postfix_sasl_alternatives
import postfix_sasl_config
import postfix_sasl_stock
import pytest
from postfix_sasl_options import OPTIONS
from postfix_sasl_parts import Host
from postfix_sasl_settings import check, check_flat
from postfix_sasl_show import NoSuchName, show

POLL = [{"server": "a.example", "users": [{"remote": "r", "password": "s3cret-f", "local": "l"}]}]
FETCHMAIL = {"fetchmail": {"enabled": True, "poll": POLL}}
RELAY = {"relay": {"host": "r.example", "username": "u", "password": "s3cret-r"}}
SASLDB = {"sasl": {"backend": "sasldb", "users": {"alice@example.org": "s3cret-s"}}}
LDAP = {"saslauthd": {"mechanism": "ldap", "ldap": {"ldap_bind_pw": "s3cret-l"}}}
FAIL2BAN = {"fail2ban": True, "main": {"maillog_file": "/var/log/postfix.log"}}
LOCKOUT = {"pam": {"lockout": {"attempts": 3}}}
PEM = "-----BEGIN PRIVATE KEY-----\nczNjcmV0LXA=\n-----END PRIVATE KEY-----\n"
TEXTS = {"tls": {"certificate_text": PEM, "key_text": PEM}}
# Many things at once, none of which bears on another.
MIXED = {
    "chroot": False,
    "limits": {"errors": 4},
    "main": {"biff": None, "mynetworks": ["127.0.0.0/8", "192.0.2.0/24"]},
    "master": {
        "2525/inet": {"command": "smtpd"},
        "submission/inet": {"process_limit": 9, "options": {"smtpd_etrn_restrictions": None}},
        "verify/unix": None,
    },
    "sasl": {"backend": "dovecot"},
    "services": {"submission": {"options": {"syslog_name": "x"}}},
    "tls": {"mode": "encrypt", "profile": "modern", "chain_files": ["/a.pem", "/b.pem"]},
}
# Keys that change what an apply does, and not what it makes.
OF_THE_RUN = {"verify", "purge"}
# What may be named in these is unlimited; what a pillar names is looked at one by one.
ANY_NAMES = {"main", "master", "sasl:options", "saslauthd:ldap"} | {
    f"services:{name}:options" for name in ("submission", "smtps", "fetchmail")
}


@pytest.fixture(autouse=True)
def a_host_without_postfix(monkeypatch, tmp_path):
    monkeypatch.setattr(postfix_sasl_config, "MAIN_CF", str(tmp_path / "main.cf"))
    monkeypatch.setattr(postfix_sasl_config, "MASTER_CF", str(tmp_path / "master.cf"))
    with postfix_sasl_stock.assumed("trixie"):
        yield


def shown(pillar, name=None):
    return _shown(json.dumps(pillar), name)


@functools.cache
def _shown(pillar, name):
    return show(json.loads(pillar), Host({}, {}, {"id": "mail", "conf_dir": "/nonexistent"}), name)


def items(data):
    """Yield every ``{"value", "origin", "keys", "why"}`` of what ``show`` returned."""
    if isinstance(data, dict):
        if "origin" in data:
            yield data
        else:
            for each in data.values():
                yield from items(each)


class TestMainCf:
    @pytest.mark.parametrize(
        ("pillar", "name", "value", "why"),
        [
            (
                {},
                "smtpd_tls_mandatory_protocols",
                ">=TLSv1.2",
                "derived from tls:profile (default: intermediate)",
            ),
            (
                MIXED,
                "smtpd_tls_mandatory_protocols",
                ">=TLSv1.3",
                "derived from tls:profile (pillar: modern)",
            ),
            (
                {"tls": {"profile": "intermediate"}},
                "smtpd_tls_mandatory_protocols",
                ">=TLSv1.2",
                "derived from tls:profile (pillar: intermediate)",
            ),
            ({}, "smtpd_tls_security_level", "may", "default of tls:mode"),
            (
                MIXED,
                "smtpd_tls_security_level",
                "encrypt",
                "pillar: tls:mode",
            ),
            (
                {"tls": {"mode": "none"}},
                "smtpd_tls_auth_only",
                "no",
                "derived from tls:mode (pillar: none)",
            ),
            (
                {"main": {"smtpd_tls_security_level": "none"}, "tls": {"mode": "encrypt"}},
                "smtpd_tls_security_level",
                "none",
                "pillar: main:smtpd_tls_security_level",
            ),
            (
                {"main": {"smtpd_use_tls": True}, "tls": {"mode": "encrypt"}},
                "smtpd_tls_security_level",
                "may",
                "derived from main:smtpd_use_tls (pillar: yes)",
            ),
            (MIXED, "biff", None, "pillar: main:biff"),
            (
                MIXED,
                "mynetworks",
                "127.0.0.0/8, 192.0.2.0/24",
                "pillar: main:mynetworks",
            ),
            ({}, "smtpd_sasl_auth_enable", "yes", "default: the formula's own"),
            ({}, "smtpd_sasl_service", None, "derived from pam:service (default: smtp)"),
            (
                MIXED,
                "smtpd_sasl_path",
                "private/auth",
                "derived from sasl:backend (pillar: dovecot)",
            ),
            ({}, "smtpd_sasl_path", None, "derived from sasl:backend (default: saslauthd)"),
            (
                {},
                "tls_eecdh_auto_curves",
                "X25519MLKEM768 X25519 prime256v1 secp384r1",
                "derived from tls:profile (default: intermediate), release: trixie",
            ),
            (
                RELAY,
                "relayhost",
                "[r.example]:587",
                "derived from relay:host (pillar: r.example), relay:port (default: 587)",
            ),
            (RELAY, "smtp_tls_security_level", "encrypt", "default of relay:tls"),
            (
                RELAY,
                "smtp_sasl_auth_enable",
                "yes",
                "derived from relay:host (pillar: r.example), relay:username (pillar: u), 1 more",
            ),
            (
                MIXED,
                "smtpd_tls_chain_files",
                "/a.pem, /b.pem",
                "pillar: tls:chain_files",
            ),
        ],
    )
    def test_value_and_origin(self, pillar, name, value, why):
        found = shown(pillar)["main.cf"][name]
        assert (found["value"], found["why"]) == (value, why)


class TestMasterCf:
    @pytest.mark.parametrize(
        ("pillar", "key", "why"),
        [
            ({}, "smtp/inet", "default: the formula's own"),
            (
                {},
                "submission/inet",
                "derived from services:submission:enabled (default: true)",
            ),
            (
                {"services": {"submission": {"enabled": True}}},
                "submission/inet",
                "derived from services:submission:enabled (pillar: true)",
            ),
            (
                MIXED,
                "2525/inet",
                "derived from master:2525/inet (pillar: {command: smtpd})",
            ),
            (MIXED, "verify/unix", "pillar: master:verify/unix"),
            ({}, "pickup/unix", "release: trixie"),
        ],
    )
    def test_entry(self, pillar, key, why):
        assert shown(pillar)["master.cf"][key]["entry"]["why"] == why

    @pytest.mark.parametrize(
        ("pillar", "key", "name", "value", "why"),
        [
            ({}, "submission/inet", "chroot", "y", "default of chroot"),
            (MIXED, "submission/inet", "chroot", "n", "pillar: chroot"),
            ({}, "submission/inet", "command", "smtpd", "default: the formula's own"),
            ({}, "smtp/inet", "command", "smtpd", "release: trixie"),
            (
                MIXED,
                "submission/inet",
                "process_limit",
                "9",
                "pillar: master:submission/inet:process_limit",
            ),
            (
                MIXED,
                "2525/inet",
                "command",
                "smtpd",
                "pillar: master:2525/inet:command",
            ),
        ],
    )
    def test_field(self, pillar, key, name, value, why):
        found = shown(pillar)["master.cf"][key]["fields"][name]
        assert (found["value"], found["why"]) == (value, why)

    @pytest.mark.parametrize(
        ("pillar", "name", "value", "why"),
        [
            ({}, "smtpd_hard_error_limit", "10", "default of limits:errors"),
            (MIXED, "smtpd_hard_error_limit", "4", "pillar: limits:errors"),
            ({}, "smtpd_hide_client_session", "yes", "release: trixie"),
            (
                MIXED,
                "syslog_name",
                "x",
                "pillar: services:submission:options:syslog_name",
            ),
            (
                MIXED,
                "smtpd_etrn_restrictions",
                None,
                "pillar: master:submission/inet:options:smtpd_etrn_restrictions",
            ),
        ],
    )
    def test_option(self, pillar, name, value, why):
        found = shown(pillar)["master.cf"]["submission/inet"]["options"][name]
        assert (found["value"], found["why"]) == (value, why)


def keys_of(item):
    return {key["key"].removeprefix("postfix_sasl:") for key in item["keys"]}


class TestTheRest:
    def test_a_file_depends_on_all_that_its_text_and_path_are_made_of(self):
        pam = shown({"pam": {"allow_groups": ["mailers"]}})["files"]["/etc/pam.d/smtp"]
        assert "mailers" in pam["value"]["text"]
        assert pam["why"] == "derived from pam:allow_groups (pillar: [mailers]), 4 more"
        assert keys_of(pam) == {
            "pam:allow_groups",
            "pam:lockout:attempts",
            "pam:manage",
            "pam:service",
            "sasl:backend",
        }

    def test_packages_services_and_users(self):
        data = shown({**FETCHMAIL, **FAIL2BAN})
        assert data["packages"]["fail2ban"]["why"] == "derived from fail2ban (pillar: true)"
        assert data["packages"]["postfix"]["why"] == "default: the formula's own"
        assert data["services"]["postfix"]["value"] == {"running": True, "enabled": True}
        users = shown(SASLDB)["SASL users"]
        assert users["alice@example.org"]["value"] == "(hidden)"

    def test_a_job_is_there_because_of_its_mode(self):
        job = shown({"drift": {"mode": "report"}})["schedule"]["postfix_sasl-drift"]
        assert job["value"]["seconds"] == 3600
        assert job["keys"][0] == {
            "key": "postfix_sasl:drift:mode",
            "value": "report",
            "given": True,
        }


class TestNames:
    def test_one_name_is_shown_wherever_it_is(self):
        data = shown({}, "smtpd_tls_security_level")
        assert set(data["main.cf"]) == {"smtpd_tls_security_level"}
        assert {"submission/inet", "submissions/inet"} <= set(data["master.cf"])
        assert "files" not in data

    @pytest.mark.parametrize("name", ["tls:profile", "postfix_sasl:tls:profile"])
    def test_a_key_shows_what_depends_on_it(self, name):
        assert "tls_medium_cipherlist" in shown({}, name)["main.cf"]

    def test_an_unknown_name_is_refused_with_the_nearest_one(self):
        with pytest.raises(NoSuchName, match="did you mean smtpd_tls_security_level"):
            shown({}, "smtpd_tls_security_levl")


class TestReport:
    def test_says_each_value_and_why(self):
        report = shown(MIXED)["report"]
        lines = [" ".join(line.split()) for line in report.splitlines()]
        assert "smtpd_tls_security_level = encrypt pillar: tls:mode" in lines

    def test_of_one_name_says_what_the_key_means(self):
        report = shown({}, "smtpd_tls_mandatory_protocols")["report"]
        assert report.splitlines() == [
            "main.cf: smtpd_tls_mandatory_protocols = >=TLSv1.2",
            "  derived from",
            "    postfix_sasl:tls:profile: intermediate (the default)",
            f"      {OPTIONS['tls:profile'].meaning}",
        ]

    def test_of_a_file_has_its_text(self):
        assert "  | @include common-auth\n" in shown({}, "/etc/pam.d/smtp")["report"]


@pytest.mark.parametrize("pillar", [FETCHMAIL, RELAY, SASLDB, LDAP, TEXTS])
def test_secrets_are_hidden(pillar):
    said = json.dumps(shown(pillar))
    assert "s3cret" not in said and "czNjcmV0" not in said
    assert "(hidden)" in said


class TestAlternatives:
    @pytest.mark.parametrize("key", OPTIONS)
    def test_every_key_has_another_value_that_the_pillar_takes(self, key):
        others = postfix_sasl_alternatives.of_key(key, OPTIONS[key].default)
        valid = [other for other in others if is_valid({"relay:host": "r.example", **other})]
        assert valid or key in ANY_NAMES
        assert all(other[key] != OPTIONS[key].default for other in valid)

    def test_every_key_changes_something(self):
        pillars = [
            {},
            {"drift": {"mode": "report"}},
            FAIL2BAN,
            {"services": {"fetchmail": {"enabled": True}}},
            {"sasl": {"options": {"log_level": "3"}}},
            {"services": {name: {"options": {"x": "y"}} for name in ("submission", "smtps")}},
            {**FETCHMAIL, "services": {"fetchmail": {"options": {"x": "y"}}}},
            *(RELAY, SASLDB, LDAP, LOCKOUT, TEXTS),
        ]
        found = {
            key for pillar in pillars for item in items(shown(pillar)) for key in keys_of(item)
        }
        unseen = {
            key for key in OPTIONS if not any(f"{each}:".startswith(f"{key}:") for each in found)
        }
        assert unseen - {"main", "master"} == OF_THE_RUN

    def test_what_purge_removes_is_not_there_because_of_it(self, tmp_path):
        (tmp_path / "main.cf").write_text("mine = 1\nbiff = no\n")
        assert shown({}, "mine")["main.cf"]["mine"]["origin"] == "host"
        removed = shown({"purge": "remove"}, "mine")["main.cf"]["mine"]
        assert removed["value"] is None
        assert removed["why"] == "derived from purge (pillar: remove)"


def is_valid(given):
    try:
        check_flat(given)
    except ValueError:
        return False
    return True


def test_what_is_shown_is_what_the_checked_settings_ask_for():
    main = shown(MIXED)["main.cf"]
    wanted = postfix_sasl_config.main_cf(check(MIXED), "trixie")
    assert {name: item["value"] for name, item in main.items()} == wanted
