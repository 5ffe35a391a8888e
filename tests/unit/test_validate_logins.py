"""What is refused and what is warned of: restrictions, SASL, certificates and tables."""

import pytest
from postfix_sasl_validate import problems
from support.candidates import candidate, entry, found, known

# Ports are the matter of test_validate_listeners.py.
pytestmark = pytest.mark.usefixtures("any_port_is_free")


class TestRestrictions:
    RELAY, RECIPIENT = "smtpd_relay_restrictions", "smtpd_recipient_restrictions"

    @pytest.mark.parametrize(
        "value",
        [
            "permit_mynetworks",
            "",
            "permit, reject",
            "warn_if_reject reject",
            "check_client_access static:reject",
            "reject_unknown_client_hostname, reject_plaintext_session",
        ],
    )
    def test_nobody_is_refused(self, value):
        (text,) = found({self.RELAY: "", self.RECIPIENT: value})
        assert text.startswith("error smtpd_recipient_restrictions: neither"), text

    @pytest.mark.parametrize(
        "value",
        [
            "permit_mynetworks, REJECT",
            "permit_sasl_authenticated reject_unauth_destination",
            "check_policy_service {unix:private/x, timeout=1}, defer",
            "mine",
            "check_sender_access static:x reject_rbl_client zen.example.org sleep 5 reject",
        ],
    )
    def test_somebody_is_refused(self, value):
        main = {self.RELAY: "", "smtpd_restriction_classes": "mine", "mine": "$yours"}
        assert found({**main, "yours": "reject", self.RECIPIENT: value}) == []

    def test_the_default_refuses(self):
        assert found({self.RECIPIENT: "permit_mynetworks"}) == []

    def test_for_one_entry(self):
        listener = entry(options={self.RELAY: "permit_mynetworks"})
        (text,) = found(entries={"587/inet": listener})
        assert text.startswith("error 587/inet: smtpd_recipient_restrictions: neither"), text

    def test_main_cf_is_reported_once(self):
        entries = {f"127.0.0.1:{port}/inet": entry() for port in range(2001, 2010)}
        assert len(found({self.RELAY: ""}, entries)) == 1

    def test_unknown_word(self):
        (text,) = found({"smtpd_client_restrictions": "permit_mynetwork"})
        assert "'permit_mynetwork'; did you mean permit_mynetworks?" in text


class TestSasl:
    CONF = {"/etc/postfix/sasl/smtpd.conf": "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n"}
    AUTH = {
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_security_options": "noanonymous, noplaintext",
        "cyrus_sasl_config_path": "/etc/postfix/sasl",
    }
    TLS = {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": "none"}

    def where(self, files=None, **main):
        conf = candidate(files=files or self.CONF, **{**self.AUTH, **main})
        return [problem.where for problem in problems(conf, known())]

    def test_before_tls(self):
        assert self.where() == ["smtpd_sasl_security_options"]

    def test_after_tls(self):
        assert self.where(**self.TLS, smtpd_tls_auth_only="yes") == [
            "smtpd_sasl_tls_security_options"
        ]

    def test_only_after_tls_and_allowed_there(self):
        more = {"smtpd_tls_auth_only": "yes", "smtpd_sasl_tls_security_options": "noanonymous"}
        assert self.where(**self.TLS, **more) == []
        del more["smtpd_tls_auth_only"]
        assert self.where(**{**self.TLS, **more, "smtpd_tls_security_level": "encrypt"}) == []

    def test_other_mechanisms_or_another_plug_in(self):
        path = "/etc/postfix/sasl/smtpd.conf"
        assert self.where({path: "mech_list: PLAIN SCRAM-SHA-256"}) == []
        assert self.where({path: "pwcheck_method: saslauthd"}) == []
        assert self.where(smtpd_sasl_type="dovecot") == []


class TestCertificates:
    def test_none_where_all_depends_on_it(self):
        assert found({"smtpd_tls_security_level": "may"})[0].startswith("warning smtpd_tls_cert")
        assert found({"smtpd_tls_security_level": "encrypt"})[0].startswith("error smtpd_tls_cert")
        auth = {"smtpd_sasl_auth_enable": "yes", "smtpd_tls_auth_only": "yes"}
        (text,) = found({"smtpd_tls_security_level": "may", **auth})
        assert text.startswith("error smtpd_tls_cert") and "nobody can log in" in text

    def test_missing_but_to_come(self, tmp_path):
        path = str(tmp_path / "new.pem")
        main = {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": path}
        assert f"{path}: No such file" in found(main)[0]
        assert problems(candidate(files={path: None}, **main), known()) == []

    def test_not_looked_at_without_tls(self):
        assert found({"smtpd_tls_cert_file": "/nonexistent"}) == []

    def test_ca_file(self):
        main = {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": "none"}
        assert "no TLS at all" in found({**main, "smtpd_tls_CAfile": "/nonexistent"})[0]


class TestTables:
    def test_type(self):
        (text,) = found({"virtual_alias_maps": "ldap:/etc/postfix/x.cf"})
        assert "no table type 'ldap'; install postfix-ldap" in text
        (text,) = found({"virtual_alias_maps": "hsah:/etc/x"})
        assert "did you mean hash?" in text

    def test_file(self, tmp_path):
        path = tmp_path / "access"
        value = f"check_sender_access hash:{path}"
        (text,) = found({"smtpd_sender_restrictions": value})
        assert text.endswith(f"hash:{path}: there is no {path}.db; make the table first")
        path.write_text("")
        (text,) = found({"smtpd_sender_restrictions": value})
        assert text.endswith(f"run: postmap hash:{path}")
        (tmp_path / "access.db").write_text("")
        assert found({"smtpd_sender_restrictions": value}) == []

    def test_words_with_a_colon_that_are_no_tables(self):
        main = {
            "smtpd_milters": "unix:/var/spool/postfix/opendkim.sock, inet:127.0.0.1:8891",
            "smtpd_recipient_restrictions": (
                "check_policy_service unix:private/policyd, check_policy_service inet:[::1]:10023,"
                "reject_unauth_destination"
            ),
            "local_transport": "lmtp:unix:private/dovecot-lmtp",
            "default_transport": "smtp:[relay.example.com]:587",
            "smtp_tls_session_cache_database": "btree:${data_directory}/smtp_scache",
            "alias_database": "cdb:/nonexistent",
            "virtual_alias_maps": "inline:{a@b=c:d, e=f}, static:x",
        }
        lmtp = {"lmtp/unix": entry("lmtp", private="-"), "smtp/unix": entry("smtp", private="-")}
        assert found(main, lmtp) == []

    def test_berkeley_db_on_its_way_out(self):
        things = known("3.11.7", default_database_type="cdb")
        main = {"transport_maps": "hash:/etc/passwd", "alias_maps": ""}
        (text,) = found(main, things=things)
        assert text.startswith("error")  # there is no passwd.db
        texts = found(main, things=things, declared={"transport_maps"})
        assert texts[1].startswith("warning transport_maps: the table type hash will go")
