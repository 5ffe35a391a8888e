"""The pillar that leads to what a host has."""

import pytest
from postfix_sasl_config import main_cf
from postfix_sasl_export import pillar
from postfix_sasl_live import Live
from postfix_sasl_pam import DEFAULT_RULES
from postfix_sasl_sasl import SASLDB_INSIDE
from postfix_sasl_services import entries, merged
from postfix_sasl_settings import check
from postfix_sasl_stock import MAIN, MASTER, RELEASES, USUAL

NAME = "mail.example.org"
SPOOL = "/var/spool/postfix"
CONF = {"pwcheck_method": "saslauthd", "mech_list": "PLAIN LOGIN"}


def stock_main(release):
    usual = {
        **USUAL,
        "myhostname": NAME,
        "mydestination": "$myhostname, mail.example.org, localhost.example.org, , localhost",
    }
    return {name: usual[name] if value is None else value for name, value in MAIN[release].items()}


def made(release, settings):
    """Return (main, entries) of a fresh host with *settings* applied."""
    main = {**stock_main(release), **main_cf(settings, release)}
    stock = MASTER[release]
    return (
        {name: value for name, value in main.items() if value is not None},
        merged(stock, entries(settings, stock, release)),
    )


def live(release="trixie", applied=None, main=None, master=None, **more):
    """Return a host made from a pillar, then changed by hand; None takes something out."""
    main_now, entries_now = made(release, check(applied or {}))
    if applied is None:
        main_now, entries_now = stock_main(release), MASTER[release]
    main_now, entries_now = {**main_now, **(main or {})}, {**entries_now, **(master or {})}
    return Live(
        release,
        {name: value for name, value in main_now.items() if value is not None},
        {name: value for name, value in entries_now.items() if value is not None},
        **{
            "hostname": NAME,
            "smtpd_conf": CONF,
            "saslauthd": {"postfix": {"OPTIONS": f"-m {SPOOL}/var/run/saslauthd"}},
            "pam": {"smtp": list(DEFAULT_RULES)},
            **more,
        },
    )


def smtpd(**fields):
    columns = dict.fromkeys(("unprivileged", "chroot", "wakeup", "process_limit"), "-")
    return {"command": "smtpd", "private": "n", **columns, "options": {}, "args": [], **fields}


@pytest.mark.parametrize("release", RELEASES)
class TestOnAnyRelease:
    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"chroot": False},
            {"tls": {"mode": "encrypt", "profile": "modern", "loglevel": 0}},
            {"tls": {"mode": "none", "profile": None}},
            {"tls": {"certificate": "/etc/ssl/own.pem", "key": "/etc/ssl/own.key"}},
            {"tls": {"chain_files": ["/etc/ssl/rsa.pem", "/etc/ssl/ecdsa.pem"]}},
            {"tls": {"auth_only": False, "received_header": False, "ca_file": "/etc/ssl/ca.pem"}},
            {"sasl": {"local_domain": "example.org", "broken_clients": False}},
            {"sasl": {"recipient_restrictions": ["reject_unauth_destination"]}},
            {"sasl": {"sender_logins": {"@example.org": ["alice", "bob"], "x@b.org": ["c@d.org"]}}},
            {"sasl": {"sender_logins": "hash:/etc/postfix/senders", "local_domain": ""}},
            {"limits": {"auth_per_minute": 5, "messages_per_minute": 7, "errors": 0}},
            {"services": {"submission": {"enabled": False}}},
            {"services": {"smtps": {"enabled": False}, "fetchmail": {"enabled": True}}},
            {"services": {"fetchmail": {"enabled": True, "port": 40026, "address": "127.0.0.2"}}},
            {"main": {"message_size_limit": 9, "smtpd_helo_required": True, "biff": None}},
            {"master": {"verify/unix": None, "mine/unix": {"command": "smtp"}}},
            {"master": {"smtps/inet": {}}},
            {"master": {"submission/inet": {"process_limit": 7, "options": {"syslog_name": "x"}}}},
            {"master": {"submission/inet": {"chroot": False}}},
        ],
        ids=str,
    )
    def test_what_the_formula_made_is_said_as_it_was_given(self, release, given):
        assert pillar(live(release, applied=given)) == given

    def test_a_copy_is_said_by_where_it_comes_from(self, release):
        given = {"tls": {"acme": ["/etc/letsencrypt/live/mail.example.org"]}}
        assert pillar(live(release, applied=given, acme=given["tls"]["acme"])) == given

    def test_stock_debian_is_reproduced(self, release):
        host = live(release, smtpd_conf=None, saslauthd={}, pam={})
        found = pillar(host)
        assert made(release, check(found)) == (host.main, host.entries)
        assert found["services"] == {
            "submission": {"enabled": False},
            "smtps": {"enabled": False},
        }

    def test_a_name_of_the_hosts_own_is_not_said(self, release):
        assert pillar(live(release, {}, {"myhostname": "else.example.org"})) == {
            "main": {"myhostname": "else.example.org"}
        }
        changed = live(release, {}, {"myhostname": "new.example.org"}, hostname="new.example.org")
        assert pillar(changed) == {}

    def test_another_name_for_a_port_is_kept(self, release):
        removed = {"submission/inet": None, "submissions/inet": None}
        host = live(release, {}, master={**removed, "587/inet": smtpd(chroot="y")})
        found = pillar(host)
        assert found["services"] == {"smtps": {"enabled": False}}
        assert set(found["master"]) == {"587/inet"}
        assert made(release, check(found)) == (host.main, host.entries)


class TestLogins:
    def test_mechanisms_and_options_of_smtpd_conf(self):
        conf = {**CONF, "mech_list": "plain", "log_level": "7", "saslauthd_path": "/x/mux"}
        assert pillar(live(applied={}, smtpd_conf=conf)) == {
            "sasl": {"mechanisms": ["PLAIN"], "options": {"log_level": "7"}}
        }

    def test_mechanisms_that_saslauthd_cannot_check_are_left_out(self):
        conf = {**CONF, "mech_list": "PLAIN CRAM-MD5"}
        found = pillar(live(applied={}, smtpd_conf=conf))
        assert found == {"sasl": {"mechanisms": ["PLAIN"]}}

    def test_another_way_to_check_passwords(self):
        conf = {"pwcheck_method": "auxprop", "auxprop_plugin": "sasldb", "mech_list": "CRAM-MD5"}
        found = pillar(live(applied={}, smtpd_conf=conf))
        assert found["sasl"]["backend"] == "sasldb"
        assert found["sasl"]["mechanisms"] == ["CRAM-MD5"]
        # Where it is, with its users; the formula's own would be an empty one.
        assert found["sasl"]["options"] == {"sasldb_path": "/etc/sasldb2"}

    @pytest.mark.parametrize("place", [SASLDB_INSIDE, SPOOL + SASLDB_INSIDE])
    def test_sasldb_as_the_formula_has_it(self, place):
        conf = {"pwcheck_method": "auxprop", "auxprop_plugin": "sasldb", "sasldb_path": place}
        found = pillar(live(applied={}, smtpd_conf={**conf, "mech_list": "PLAIN LOGIN"}))
        assert found == {"sasl": {"backend": "sasldb"}}

    @pytest.mark.parametrize("place", ["private/auth", f"{SPOOL}/private/auth"])
    def test_dovecot(self, place):
        main = {"smtpd_sasl_type": "dovecot", "smtpd_sasl_path": place}
        assert pillar(live(applied={}, main=main)) == {"sasl": {"backend": "dovecot"}}

    def test_what_smtpd_offers_of_dovecots_mechanisms(self):
        given = {"sasl": {"backend": "dovecot", "mechanisms": ["PLAIN"]}}
        assert pillar(live(applied=given)) == given

    @pytest.mark.parametrize(
        ("variables", "said"),
        [
            ({"MECHANISMS": "shadow"}, {"mechanism": "shadow"}),
            (
                {"MECHANISMS": "rimap", "MECH_OPTIONS": "-O imap.example.org"},
                {"mechanism": "rimap", "mechanism_options": "imap.example.org"},
            ),
            ({"THREADS": "9"}, {"threads": 9}),
            (
                {"OPTIONS": f"-c -r -m {SPOOL}/run/own"},
                {"cache": True, "realm": True, "run_dir": "/run/own"},
            ),
        ],
        ids=str,
    )
    def test_what_the_defaults_file_says(self, variables, said):
        variables = {"OPTIONS": f"-m {SPOOL}/var/run/saslauthd", **variables}
        path = {"saslauthd_path": "/run/own/mux"} if "run_dir" in said else {}
        conf = {**CONF, **path}
        found = pillar(live(applied={}, smtpd_conf=conf, saslauthd={"postfix": variables}))
        assert found == {"saslauthd": said}

    def test_the_instance_that_smtpd_asks(self):
        saslauthd = {
            "": {"MECHANISMS": "shadow"},
            "imap": {"OPTIONS": "-m /run/imap"},
            "mail": {"OPTIONS": f"-m {SPOOL}/run/saslauthd"},
        }
        found = pillar(live(applied={}, saslauthd=saslauthd))
        assert found == {"saslauthd": {"instance": "mail"}}

    def test_debians_own_instance_in_the_chroot_keeps_its_place(self):
        saslauthd = {"": {"OPTIONS": f"-c -m {SPOOL}/var/run/saslauthd"}}
        found = pillar(live(applied={}, saslauthd=saslauthd))
        assert found["saslauthd"]["run_dir"] == "/var/run/saslauthd-postfix"

    def test_pam_rules_of_ones_own_and_none_at_all(self):
        rules = ["auth required pam_unix.so"]
        assert pillar(live(applied={}, pam={"smtp": rules})) == {"pam": {"rules": rules}}
        assert pillar(live(applied={}, pam={})) == {"pam": {"manage": False}}

    def test_a_pam_service_of_the_system_is_not_taken_over(self):
        found = pillar(
            live(applied={}, main={"smtpd_sasl_service": "login"}, pam={"login": ["auth x"]})
        )
        assert found == {"pam": {"service": "login", "manage": False}}

    def test_where_smtpd_finds_the_configuration_is_left_to_the_formula(self):
        own = {"cyrus_sasl_config_path": "/etc/sasl2", "smtpd_sasl_path": "own"}
        assert pillar(live(applied={}, main=own)) == {}
        assert pillar(live(applied={}, main={"cyrus_sasl_config_path": None})) == {}


def test_what_no_pillar_can_say_is_an_error():
    with pytest.raises(ValueError, match="postfix_sasl:main:smtpd_banner: got '#"):
        pillar(live(applied={}, main={"smtpd_banner": "# no banner"}))


def test_an_option_without_an_equals_sign_is_named_with_its_entry():
    args = ["-o", "smtpd_client_restrictions:", "permit_sasl_authenticated,reject"]
    with pytest.raises(ValueError, match=r"master\.cf: submission/inet: got -o smtpd_client_restr"):
        pillar(live(master={"submission/inet": smtpd(args=args)}))


def test_an_o_of_another_program_is_nobodys_option():
    args = ["user=nobody", "argv=/bin/x", "-o", "y"]
    found = pillar(live(applied={}, master={"x/unix": smtpd(command="pipe", args=args)}))
    assert found["master"]["x/unix"]["args"] == args
