"""The main.cf parameters that the settings ask for."""

import pytest
from postfix_sasl_config import main_cf
from postfix_sasl_senders import PARAMETER, RULE, leftovers, setting_of
from postfix_sasl_settings import check
from postfix_sasl_stock import RELEASES
from postfix_sasl_tls import modern


def parameters(**pillar):
    return main_cf(check(pillar))


def test_the_recipe_with_an_empty_pillar():
    of_profiles = {name for name in PROFILE_PARAMETERS if "cipher" in name or "auto" in name}
    assert {name: parameters()[name] for name in parameters().keys() - of_profiles} == {
        "smtpd_forbid_bare_newline": "normalize",
        "smtpd_forbid_unauth_pipelining": "yes",
        "disable_vrfy_command": "yes",
        "smtpd_client_auth_rate_limit": "30",
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_local_domain": "$myhostname",
        "smtpd_sasl_security_options": "noanonymous",
        "broken_sasl_auth_clients": "yes",
        "smtpd_recipient_restrictions": (
            "permit_sasl_authenticated, permit_mynetworks, reject_unauth_destination"
        ),
        "cyrus_sasl_config_path": "/etc/postfix/sasl",
        "smtpd_sasl_service": None,
        "smtpd_sasl_type": None,
        "smtpd_sasl_path": None,
        "smtpd_sasl_mechanism_filter": None,
        "smtpd_use_tls": None,
        "smtpd_enforce_tls": None,
        "smtpd_tls_chain_files": None,
        "smtpd_tls_eccert_file": None,
        "smtpd_tls_eckey_file": None,
        "smtpd_tls_dcert_file": None,
        "smtpd_tls_dkey_file": None,
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": "/etc/ssl/certs/ssl-cert-snakeoil.pem",
        "smtpd_tls_key_file": "/etc/ssl/private/ssl-cert-snakeoil.key",
        "smtpd_tls_CAfile": None,
        "smtpd_tls_auth_only": "yes",
        "smtpd_tls_loglevel": "1",
        "smtpd_tls_received_header": "yes",
        "smtpd_tls_protocols": ">=TLSv1.2",
        "smtpd_tls_mandatory_protocols": ">=TLSv1.2",
    }


def test_dovecot_is_asked_at_its_socket_and_only_for_the_mechanisms_of_the_pillar():
    wanted = parameters(sasl={"backend": "dovecot", "mechanisms": ["PLAIN", "XOAUTH2"]})
    assert wanted["smtpd_sasl_type"] == "dovecot"
    assert wanted["smtpd_sasl_path"] == "private/auth"
    assert wanted["smtpd_sasl_mechanism_filter"] == "PLAIN, XOAUTH2"


@pytest.mark.parametrize(
    ("mode", "auth_only"), [("none", "no"), ("may", "yes"), ("encrypt", "yes")]
)
def test_each_tls_mode_and_no_login_without_tls_where_there_is_any(mode, auth_only):
    wanted = parameters(tls={"mode": mode})
    assert wanted["smtpd_tls_security_level"] == mode
    assert wanted["smtpd_tls_auth_only"] == auth_only


@pytest.mark.parametrize("mode", ["none", "may", "encrypt"])
def test_a_login_without_tls_may_be_allowed(mode):
    assert parameters(tls={"mode": mode, "auth_only": False})["smtpd_tls_auth_only"] == "no"


def test_own_certificate_key_and_authorities():
    tls = {"certificate": "/c.pem", "key": "/k.pem", "ca_file": "/ca.pem"}
    wanted = parameters(tls=tls)
    names = ("smtpd_tls_cert_file", "smtpd_tls_key_file", "smtpd_tls_CAfile")
    assert [wanted[name] for name in names] == ["/c.pem", "/k.pem", "/ca.pem"]


PEM = "-----BEGIN X-----\nMIIB\n-----END X-----\n"
STORE = "/etc/postfix/postfix_sasl-server.pem"


@pytest.mark.parametrize(
    ("tls", "chain"),
    [
        ({"chain_files": ["/rsa.pem", "/ecdsa.pem"]}, "/rsa.pem, /ecdsa.pem"),
        ({"acme": "/etc/letsencrypt/live/a"}, STORE),
        ({"certificate_text": PEM, "key_text": PEM}, STORE),
    ],
)
def test_key_and_chain_together(tls, chain):
    wanted = parameters(tls=tls)
    assert wanted["smtpd_tls_chain_files"] == chain
    assert [wanted[f"smtpd_tls_{name}_file"] for name in ("cert", "key", "eccert")] == [None] * 3


def test_a_relay():
    relay = {"host": "smtp.example.org", "username": "alice", "password": "secret"}
    wanted = parameters(relay=relay)
    assert wanted["relayhost"] == "[smtp.example.org]:587"
    assert wanted["smtp_sasl_auth_enable"] == "yes"
    assert wanted["smtp_sasl_password_maps"] == "texthash:/etc/postfix/postfix_sasl-relay"
    assert wanted["smtp_sasl_security_options"] == "noanonymous"
    assert wanted["smtp_tls_security_level"] == "encrypt"
    assert wanted["smtp_tls_wrappermode"] is None
    assert "smtp_tls_CAfile" not in wanted
    assert "secret" not in str(wanted)
    assert parameters(relay={**relay, "port": 465})["smtp_tls_wrappermode"] == "yes"
    verified = parameters(relay={**relay, "tls": "verify"})
    assert verified["smtp_tls_CAfile"] == "/etc/ssl/certs/ca-certificates.crt"
    unsure = parameters(relay={**relay, "tls": "may"})
    assert "noplaintext" in unsure["smtp_sasl_security_options"]
    assert unsure["smtp_sasl_tls_security_options"] == "noanonymous"
    without = parameters(relay={"host": "192.0.2.1", "port": 25})
    assert without["relayhost"] == "[192.0.2.1]:25"
    assert without["smtp_sasl_password_maps"] is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"smtp_use_tls": "yes"}, {"smtp_use_tls": None, "smtp_tls_security_level": "may"}),
        ({"smtp_use_tls": "no"}, {"smtp_use_tls": None}),
        (
            {"smtp_use_tls": "Yes", "smtp_tls_security_level": "encrypt"},
            {"smtp_use_tls": None},
        ),
        (
            {"smtp_enforce_tls": "yes", "smtp_tls_security_level": ""},
            {"smtp_enforce_tls": None, "smtp_tls_security_level": "verify"},
        ),
        (
            {"lmtp_enforce_tls": "yes", "lmtp_tls_enforce_peername": "no"},
            {
                "lmtp_enforce_tls": None,
                "lmtp_tls_enforce_peername": None,
                "lmtp_tls_security_level": "encrypt",
            },
        ),
        (
            {"smtpd_enforce_tls": "yes"},
            {"smtpd_enforce_tls": None, "smtpd_tls_security_level": "encrypt"},
        ),
        ({"smtp_tls_note_starttls_offer": "yes", "tls_random_source": "dev:/dev/urandom"}, {}),
    ],
)
def test_what_old_parameters_say_in_todays_words(old, new):
    assert modern(old) == new
    wanted = parameters(main=old)
    assert {name: wanted[name] for name in new} == new


PROFILE_PARAMETERS = (
    "smtpd_tls_protocols",
    "smtpd_tls_mandatory_protocols",
    "smtpd_tls_mandatory_ciphers",
    "tls_medium_cipherlist",
    "tls_preempt_cipherlist",
    "tls_eecdh_auto_curves",
    "tls_ffdhe_auto_groups",
)


def test_without_a_profile_postfix_has_its_own_defaults():
    wanted = parameters(tls={"profile": None})
    assert [wanted[name] for name in PROFILE_PARAMETERS] == [None] * 7


@pytest.mark.parametrize(
    ("profile", "least", "preempt"),
    [("modern", ">=TLSv1.3", "no"), ("intermediate", ">=TLSv1.2", "no"), ("old", ">=TLSv1", "yes")],
)
def test_a_profile_sets_protocols_and_who_chooses_the_cipher(profile, least, preempt):
    wanted = parameters(tls={"profile": profile})
    assert wanted["smtpd_tls_protocols"] == wanted["smtpd_tls_mandatory_protocols"] == least
    assert wanted["tls_preempt_cipherlist"] == preempt


@pytest.mark.parametrize("profile", [None, "modern", "intermediate", "old"])
def test_each_profile_has_a_say_in_the_same_parameters(profile):
    """So that going from one to another leaves nothing of the first."""
    assert set(PROFILE_PARAMETERS) <= set(parameters(tls={"profile": profile}))


def test_no_profile_but_old_has_a_cipher_without_forward_secrecy_or_with_sha1():
    ciphers = parameters()["tls_medium_cipherlist"].split(":")
    assert all(cipher.startswith("ECDHE-") for cipher in ciphers)
    assert not any(cipher.endswith("-SHA") for cipher in ciphers)


def test_sasl_values():
    wanted = parameters(
        sasl={
            "local_domain": "",
            "security_options": ["noanonymous", "noactive"],
            "broken_clients": False,
            "recipient_restrictions": ["permit_sasl_authenticated", "reject"],
        }
    )
    assert wanted["smtpd_sasl_local_domain"] == ""
    assert wanted["smtpd_sasl_security_options"] == "noanonymous, noactive"
    assert wanted["broken_sasl_auth_clients"] == "no"
    assert wanted["smtpd_recipient_restrictions"] == "permit_sasl_authenticated, reject"


def test_smtpd_names_the_pam_service():
    assert parameters(pam={"service": "mail"})["smtpd_sasl_service"] == "mail"


def test_main_wins_over_everything_and_null_removes():
    main = {
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_auth_only": False,
        "smtpd_sasl_local_domain": None,
        "smtpd_recipient_restrictions": ["a", "b"],
        "message_size_limit": 10,
        "relayhost": None,
    }
    wanted = parameters(main=main, tls={"mode": "none"})
    assert {name: wanted[name] for name in main} == {
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_auth_only": "no",
        "smtpd_sasl_local_domain": None,
        "smtpd_recipient_restrictions": "a, b",
        "message_size_limit": "10",
        "relayhost": None,
    }


class TestRelease:
    """What Debian 12's Postfix and OpenSSL don't know is not asked of them."""

    def test_before_openssl_3_5_there_is_no_group_that_holds_against_quantum_computers(self):
        groups = [main_cf(check({}), release)["tls_eecdh_auto_curves"] for release in RELEASES]
        assert ["MLKEM" in each for each in groups] == [False, True, True]

    def test_a_parameter_that_is_not_there_is_not_set(self):
        wanted = [main_cf(check({}), release)["tls_ffdhe_auto_groups"] for release in RELEASES]
        assert wanted == [None, "", ""]


class TestLimits:
    def test_0_leaves_it_to_postfix(self):
        assert parameters(limits={"auth_per_minute": 0})["smtpd_client_auth_rate_limit"] is None

    def test_another_number(self):
        assert parameters(limits={"auth_per_minute": 5})["smtpd_client_auth_rate_limit"] == "5"


class TestSenderLogins:
    LOGINS = {"Alice@example.org": ["alice"], "@example.net": ["alice", "bob@example.com"]}

    def test_nobody_asked_for_them_and_a_table_of_ones_own_is_left_alone(self):
        assert PARAMETER not in parameters()
        assert RULE not in parameters()["smtpd_recipient_restrictions"]

    def test_a_dictionary_becomes_a_table_in_main_cf(self):
        wanted = parameters(sasl={"sender_logins": self.LOGINS})
        assert wanted[PARAMETER] == (
            "inline:{ {alice@example.org = alice@$smtpd_sasl_local_domain}, "
            "{@example.net = alice@$smtpd_sasl_local_domain, bob@example.com} }"
        )
        assert wanted["smtpd_recipient_restrictions"].startswith(f"{RULE}, permit_sasl")

    @pytest.mark.parametrize(
        "pillar",
        [{"sasl": {"local_domain": ""}}, {"main": {"smtpd_sasl_local_domain": None}, "sasl": {}}],
    )
    def test_without_a_local_domain_a_login_is_a_plain_name(self, pillar):
        pillar["sasl"]["sender_logins"] = {"alice@example.org": ["alice"]}
        assert parameters(**pillar)[PARAMETER] == "inline:{ {alice@example.org = alice} }"

    def test_a_table_is_taken_as_it_is(self):
        assert parameters(sasl={"sender_logins": "hash:/x"})[PARAMETER] == "hash:/x"

    @pytest.mark.parametrize("value", [{"a@b.c": ["x", "y@z.org"], "@d.e": ["x"]}, "hash:/x"])
    def test_it_is_read_back(self, value):
        value = check({"sasl": {"sender_logins": value}})["sasl:sender_logins"]
        assert setting_of(parameters(sasl={"sender_logins": value})[PARAMETER]) == value

    @pytest.mark.parametrize("text", ["inline:{}", "inline:{ {a = b} }", "inline:{{a@b.c = d} e}"])
    def test_a_table_that_the_pillar_cannot_say_otherwise_stays_text(self, text):
        assert setting_of(text) == text

    def test_what_an_earlier_run_put_there_goes_with_the_key(self):
        with_it = parameters(sasl={"sender_logins": self.LOGINS})
        assert leftovers(with_it, parameters()) == {PARAMETER: None}
        assert leftovers(with_it, with_it) == {}
        assert leftovers({PARAMETER: "hash:/own"}, parameters()) == {}
        assert leftovers(with_it, {**parameters(), PARAMETER: "hash:/own"}) == {}
