"""What is refused, what is warned of, and what must never raise an alarm."""

import time

import postfix_sasl_stock as stock
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postfix_sasl_known import KnownThings, NoAnswer
from postfix_sasl_validate import Candidate, Problem, problems

DEFAULTS = {
    "alias_database": "hash:/etc/aliases",
    "alias_maps": "hash:/etc/aliases",
    "append_dot_mydomain": "${{$compatibility_level} <level {1} ? {yes} : {no}}",
    "biff": "yes",
    "compatibility_level": "3.6",
    "content_filter": "",
    "cyrus_sasl_config_path": "",
    "daemon_directory": "/usr/lib/postfix/sbin",
    "default_database_type": "hash",
    "default_destination_concurrency_positive_feedback": "1",
    "default_transport": "smtp",
    "header_checks": "",
    "inet_interfaces": "all",
    "inet_protocols": "all",
    "local_transport": "local:$myhostname",
    "mail_version": "3.7.11",
    "mailbox_size_limit": "51200000",
    "message_size_limit": "10240000",
    "multi_instance_name": "",
    "mydestination": "$myhostname, localhost.$mydomain, localhost",
    "mydomain": "example.com",
    "myhostname": "mail.example.com",
    "mynetworks": "127.0.0.0/8",
    "mynetworks_style": "host",
    "process_id": "1",
    "queue_directory": "/var/spool/postfix",
    "recipient_delimiter": "",
    "relay_domains": "",
    "smtp_helo_timeout": "300s",
    "smtp_tls_loglevel": "0",
    "smtp_tls_security_level": "",
    "smtp_tls_session_cache_database": "",
    "smtpd_banner": "$myhostname ESMTP $mail_name",
    "smtpd_client_restrictions": "",
    "smtpd_forbid_bare_newline": "no",
    "smtpd_helo_required": "no",
    "smtpd_milters": "",
    "smtpd_recipient_limit": "1000",
    "smtpd_recipient_restrictions": "",
    "smtpd_relay_restrictions": (
        "${{$compatibility_level} <level {1} ? {} : "
        "{permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination}}"
    ),
    "smtpd_restriction_classes": "",
    "smtpd_sasl_auth_enable": "no",
    "smtpd_sasl_path": "smtpd",
    "smtpd_sasl_security_options": "noanonymous",
    "smtpd_sasl_tls_security_options": "$smtpd_sasl_security_options",
    "smtpd_sasl_type": "cyrus",
    "smtpd_sender_restrictions": "",
    "smtpd_timeout": "${stress?{10}:{300}}s",
    "smtpd_tls_CAfile": "",
    "smtpd_tls_auth_only": "no",
    "smtpd_tls_cert_file": "",
    "smtpd_tls_chain_files": "",
    "smtpd_tls_ciphers": "medium",
    "smtpd_tls_dcert_file": "",
    "smtpd_tls_dkey_file": "$smtpd_tls_dcert_file",
    "smtpd_tls_eccert_file": "",
    "smtpd_tls_eckey_file": "$smtpd_tls_eccert_file",
    "smtpd_tls_key_file": "$smtpd_tls_cert_file",
    "smtpd_tls_protocols": ">=TLSv1",
    "smtpd_tls_security_level": "",
    "smtpd_tls_wrappermode": "no",
    "smtpd_use_tls": "no",
    "syslog_name": "postfix",
    "transport_maps": "",
    "virtual_alias_maps": "$virtual_maps",
    "virtual_mailbox_domains": "",
    "virtual_mailbox_limit": "51200000",
    "virtual_transport": "virtual",
}
DAEMONS = frozenset(
    "anvil bounce cleanup discard error flush lmtp local pickup pipe postlogd postscreen proxymap "
    "qmgr scache showq smtp smtpd spawn tlsmgr trivial-rewrite verify virtual dnsblog "
    "tlsproxy".split()
)
MAP_TYPES = frozenset("cidr hash inline proxy regexp static texthash unionmap unix".split())


def known(version="3.7.11", **defaults):
    return KnownThings(
        defaults={**DEFAULTS, **defaults, "mail_version": version},
        map_types=MAP_TYPES,
        server_sasl_types=frozenset({"cyrus", "dovecot"}),
        client_sasl_types=frozenset({"cyrus"}),
        daemons=DAEMONS,
    )


@pytest.fixture(autouse=True)
def any_port_is_free(monkeypatch):
    """Ports are the matter of test_validate_listeners.py."""
    monkeypatch.setattr("postfix_sasl_sockets.holder", lambda *place: None)


def entry(command="smtpd", **fields):
    return {
        "command": command,
        "private": "n",
        "unprivileged": "-",
        "chroot": "y",
        "wakeup": "-",
        "process_limit": "-",
        "options": {},
        "args": [],
        **fields,
    }


def candidate(entries=None, files=None, **main):
    return Candidate(main, {"smtp/inet": entry(), **(entries or {})}, files=files)


def found(main=None, entries=None, things=None, **options):
    """Return the problems of a main.cf, as ``severity where: message``."""
    conf = candidate(entries, **(main or {}))
    return [
        f"{problem.severity} {problem}" for problem in problems(conf, things or known(), **options)
    ]


class TestValues:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("smtpd_helo_required", "maybe"),
            ("smtpd_helo_required", "true"),
            ("smtpd_helo_required", ""),
            ("append_dot_mydomain", "1"),
            ("smtpd_recipient_limit", "many"),
            ("smtpd_recipient_limit", "10k"),
            ("smtpd_recipient_limit", ""),
            ("smtpd_recipient_limit", "99999999999"),
            ("smtpd_timeout", "5x"),
            ("smtpd_timeout", "5 m"),
            ("smtpd_timeout", "1.5h"),
            ("smtpd_timeout", "-5s"),
            ("smtp_helo_timeout", ""),
            ("message_size_limit", "10M"),
            ("smtpd_tls_security_level", "bogus"),
            ("smtpd_tls_security_level", "dane"),
            ("smtp_tls_security_level", "dance"),
            ("smtpd_tls_ciphers", "strong"),
            ("smtpd_tls_protocols", "TLSv9"),
            ("smtpd_tls_protocols", "TLSv12"),
            ("smtpd_tls_protocols", ">=TLSv1.9"),
            ("inet_protocols", "ipv5"),
            ("inet_protocols", "IPv4"),
            ("mynetworks_style", "hosts"),
            ("smtpd_forbid_bare_newline", "note"),  # only since 3.9
            ("smtpd_sasl_type", "courier"),
            ("smtpd_sasl_security_options", "noanonymous, noplain"),
            ("myhostname", "mail example"),
            ("mynetworks", "127.0.0.1/33"),
            ("mynetworks", "127.0.0.1/8"),
            ("compatibility_level", "latest"),
            ("smtpd_banner", "${myhostname ESMTP"),
        ],
    )
    def test_outside_the_set(self, name, value):
        first, *_ = found({name: value})
        assert first.startswith(f"error {name}: got {value!r}; "), first

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("smtpd_helo_required", "YES"),
            ("smtpd_helo_required", "$biff"),
            ("smtpd_recipient_limit", "-1"),
            ("smtpd_timeout", "5"),
            ("smtpd_timeout", "5min"),
            ("message_size_limit", "99999999999"),
            ("smtpd_tls_security_level", ""),
            ("smtp_tls_security_level", "dane-only"),
            ("smtpd_tls_ciphers", "HIGH"),
            ("smtpd_tls_protocols", "!SSLv2, !SSLv3, !TLSv1.1"),
            ("smtpd_tls_protocols", ">= TLSv1.2"),
            ("smtpd_tls_protocols", ">=0303"),
            ("smtpd_tls_protocols", "TLSv1.2:tlsv1.3"),
            ("inet_protocols", "ipv4, ipv6"),
            ("smtpd_forbid_bare_newline", "normalize"),
            ("default_destination_concurrency_positive_feedback", "1/concurrency"),
            ("smtp_tls_loglevel", "summary"),
            ("mynetworks", "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128 hash:/x !10.0.0.1"),
            ("mynetworks", "192.0.2.1, .example.com, cidr:/etc/passwd"),
        ],
    )
    def test_inside_the_set(self, name, value):
        assert [text for text in found({name: value}) if f" {name}: got" in text] == []

    def test_of_an_option_names_the_entry(self):
        listener = entry(options={"smtpd_helo_required": "maybe"})
        assert found(entries={"587/inet": listener}) == [
            "error 587/inet: -o smtpd_helo_required: got 'maybe'; takes yes or no"
        ]

    def test_bounds_on_protocols_came_with_3_6(self):
        main = {"smtpd_tls_protocols": ">=TLSv1.2"}
        assert "only since Postfix 3.6" in found(main, things=known("3.5.25"))[0]
        assert found(main) == []

    def test_level_that_smtpd_takes_for_encrypt_is_a_warning(self, tmp_path):
        texts = found({"smtpd_tls_security_level": "verify", "smtpd_tls_cert_file": "none"})
        assert [text.split(";")[0] for text in texts] == [
            "warning smtpd_tls_security_level: got 'verify', which smtpd does not support"
        ]


class TestNames:
    def test_misspelled(self):
        assert found({"smtpd_hello_required": "yes"}) == [
            "error smtpd_hello_required: Postfix has no such parameter and ignores it; "
            "did you mean smtpd_helo_required?"
        ]

    def test_misspelled_in_an_option(self):
        listener = entry(options={"smtpd_clientrestrictions": "reject"})
        (text,) = found(entries={"587/inet": listener})
        assert text.startswith("error 587/inet: -o smtpd_clientrestrictions: Postfix has no such")
        assert text.endswith("did you mean smtpd_client_restrictions?")

    def test_gone_with_a_version(self):
        (text,) = found({"tls_low_cipherlist": "x"}, things=known("3.10.13"))
        assert "Postfix 3.8 and later have no such parameter" in text

    def test_names_that_somebody_uses_are_fine(self):
        main = {
            "mua_client_restrictions": "permit_sasl_authenticated, reject",
            "mua_helo_restrictions": "",
            "my_banner": "$myhostname",
            "smtpd_banner": "${my_banner} ESMTP",
            "slow_destination_rate_delay": "1s",
            "policy_time_limit": "3600",
            "smtpd_restriction_classes": "greylist, strict",
            "greylist": "reject_unknown_client_hostname",
            "strict": "reject",
            "virtual_alias_maps": "proxy:mysql:aliases, texthash:/etc/passwd",
            "aliases_hosts": "127.0.0.1",
            "aliases_query": "SELECT 1",
            "transport_maps": "unionmap:{static:x, ldap:routes}",
            "routes_server_host": "localhost",
        }
        entries = {
            "587/inet": entry(
                options={
                    "smtpd_client_restrictions": "$mua_client_restrictions",
                    "smtpd_sender_restrictions": "${mua_helo_restrictions?{x}:{}}",
                }
            ),
            "slow/unix": entry("smtp", private="-"),
            "policy/unix": entry(
                "spawn", private="-", unprivileged="n", args=["user=nobody", "argv=/bin/true"]
            ),
        }
        things = known()
        things.map_types = MAP_TYPES | {"mysql", "ldap"}
        assert [text for text in found(main, entries, things) if "no such" in text] == []

    def test_deprecated_only_where_it_is(self):
        main = {"smtpd_use_tls": "no"}
        assert found(main) == []
        assert found(main, things=known("3.10.13")) == [
            "warning smtpd_use_tls: deprecated since Postfix 3.9; use smtpd_tls_security_level"
        ]

    def test_many_unknown_names_do_not_take_long(self):
        main = {f"made_up_{number}": "x" for number in range(500)}
        start = time.perf_counter()
        assert len(found(main)) == 500
        assert time.perf_counter() - start < 1


class TestEntries:
    @pytest.mark.parametrize(
        ("key", "fields", "says"),
        [
            ("587/inet", {"private": "-"}, "an inet entry takes only n"),
            ("587/inet", {"private": "x"}, "private: got 'x'; takes y, n or -"),
            ("587/inet", {"wakeup": "1x"}, "wakeup: got '1x'"),
            ("587/inet", {"process_limit": "many"}, "process_limit: got 'many'"),
            ("587/inet", {"command": "smptd"}, "did you mean smtpd?"),
            ("587/inet", {"command": "/usr/sbin/smtpd"}, "no '/usr/sbin/smtpd' in daemon_direc"),
            ("587/inet", {"unprivileged": "n"}, "smtpd runs only with y or -"),
            ("587/inet", {"args": ["reject"]}, "a blank ends the value"),
            ("587/inet", {"args": ["-o", "foo"]}, "got '-o foo'; -o takes name=value"),
            ("587/inet", {"args": ["-Q"]}, "got the option '-Q'"),
            ("foo/inetx", {}, "type: got 'inetx'"),
            ("private/foo/unix", {"command": "smtp"}, "takes a name without a /"),
            ("qmgr/unix", {"command": "qmgr"}, "qmgr runs only with 1"),
            ("cleanup/unix", {"command": "cleanup", "process_limit": "5"}, "runs only with 0"),
            ("local/unix", {"command": "local"}, "local runs only with n"),
            ("x/unix", {"command": "pipe", "unprivileged": "n"}, "needs user= and argv="),
        ],
    )
    def test_of_no_use_to_its_daemon(self, key, fields, says):
        texts = found(entries={key: entry(**fields)})
        assert [text for text in texts if text.startswith(f"error {key}: ") and says in text], texts

    def test_words_that_are_fine(self):
        entries = {
            "587/inet": entry(args=["-v"]),
            "maildrop/unix": entry(
                "pipe",
                unprivileged="n",
                args="flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}".split(),
            ),
            "dovecot/unix": entry(
                "pipe", unprivileged="n", args=["user=x:y", "argv=/usr/lib/dovecot/deliver -f"]
            ),
        }
        assert found(entries=entries) == []

    def test_own_daemon_directory_is_not_judged(self):
        main, mine = {"daemon_directory": "/opt/x"}, {"x/unix": entry("mine", private="-")}
        assert found(main, mine, before=candidate(**main)) == []


class TestWhatRunsAsRoot:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("daemon_directory", "/tmp/x"),
            ("command_directory", "$queue_directory/public"),
            ("shlib_directory", "/tmp"),
            ("debugger_command", "touch /pwned"),
            ("multi_instance_wrapper", "/bin/touch /pwned"),
            ("import_environment", "MAIL_CONFIG TZ LD_PRELOAD=/tmp/x.so"),
            ("import_environment", "MAIL_CONFIG { OPENSSL_CONF = /tmp/x }"),
            ("import_environment", "$x"),
        ],
    )
    def test_is_not_for_a_pillar_to_say(self, name, value):
        says = "decides what runs as root"
        assert says in "\n".join(found({name: value}, declared={name}))
        assert says in "\n".join(found({name: value}, before=candidate(**{name: "other"})))
        options = {"x/unix": entry("smtp", options={name: value})}
        expected = f"error x/unix: -o {name}: it {says}"
        assert expected in "\n".join(found(entries=options, declared={"x/unix"}))
        assert says not in "\n".join(found({name: value}, before=candidate(**{name: value})))
        assert says not in "\n".join(found({name: value})), "nobody asks for a change"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("import_environment", "MAIL_CONFIG TZ=UTC, KRB5_KTNAME=/etc/postfix/smtp.keytab"),
            ("daemon_directory", "/usr/lib/postfix/sbin"),
        ],
    )
    def test_but_what_does_no_harm_or_is_the_default_is(self, name, value):
        things = known(daemon_directory="/usr/lib/postfix/sbin")
        assert "runs as root" not in "\n".join(found({name: value}, things=things, declared={name}))

    def test_a_program_is_named_without_a_path(self):
        with_path = {"x/unix": entry("../../../../bin/sh")}
        main = {"daemon_directory": "/opt/x"}
        assert "name of a program" in "\n".join(found(main, with_path, before=candidate(**main)))


class TestSyntax:
    def test_main_cf(self):
        text = "  stray\nsmtpd_banner = x\ngarbage\nsmtpd_banner = y\n"
        conf = Candidate.from_texts(text, "")
        assert [tuple(problem) for problem in problems(conf, known())] == [
            ("main.cf", "'garbage' takes name = value (all of Postfix stops) (line 3)", "error"),
            ("main.cf", "'stray' continues nothing, and Postfix ignores it (line 1)", "warning"),
            (
                "smtpd_banner",
                "it is there more than once; Postfix uses the last (line 4)",
                "warning",
            ),
        ]

    def test_master_cf(self):
        text = "x unix - - n - - smtp -o { a=b\ny unix - -\nx unix - - n - - smtp\n"
        texts = [str(problem) for problem in problems(Candidate.from_texts("", text), known())]
        assert texts[0].startswith("x/unix: 'x unix - - n - - smtp -o { a=b' has a brace without")
        assert texts[1].startswith("master.cf: 'y unix - -' takes eight columns")
        assert texts[2] == "x/unix: it is there more than once; Postfix uses the last (line 3)"

    def test_each_thing_is_said_once(self):
        conf = Candidate.from_texts("", "587 inet - - n - - smtpd -o foo\n")
        texts = [str(problem) for problem in problems(conf, known())]
        assert len(texts) == 2 and "private" in texts[0] and "-o foo" in texts[1], texts


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


class TestTogether:
    def test_mailbox_smaller_than_a_message(self):
        local = {"local/unix": entry("local", private="-", unprivileged="n")}
        main = {"message_size_limit": "52428800"}
        (text,) = found(main, local)
        assert text.startswith("error mailbox_size_limit: got 51200000; takes at least")
        assert found({**main, "mailbox_size_limit": "0"}, local) == []
        assert found({**main, "local_transport": "error:5.1.1 nobody here"}, local) == [
            "error local_transport: master.cf has no error/unix (mail would wait for it)"
        ]
        assert found({**main, "mydestination": ""}, local) == []
        assert found({"message_size_limit": "0"}, local)[0].startswith("error mailbox_size_limit")

    def test_transport(self):
        (text,) = found({"content_filter": "amavsi:[127.0.0.1]:10024"})
        assert text == (
            "error content_filter: master.cf has no amavsi/unix (mail would wait for it)"
        )


class TestBefore:
    def test_what_was_there_before_is_a_warning(self):
        before = candidate(nonsense="1", smtpd_timeout="5x")
        after = candidate(nonsense="1", smtpd_timeout="5x", biff="maybe")
        assert [tuple(problem)[::2] for problem in problems(after, known(), before)] == [
            ("biff", "error"),
            ("smtpd_timeout", "warning"),
            ("nonsense", "warning"),
        ]
        (_, warning, _) = problems(after, known(), before)
        assert warning.message.endswith("(this was so before)")

    def test_but_not_what_somebody_asks_for(self):
        before = candidate(smtpd_timeout="5x")
        (problem,) = problems(before, known(), before, declared={"smtpd_timeout"})
        assert problem.severity == "error"

    def test_another_way_of_being_wrong_is_an_error(self):
        before, after = candidate(smtpd_timeout="5x"), candidate(smtpd_timeout="6x")
        assert [problem.severity for problem in problems(after, known(), before)] == ["error"]

    def test_a_line_that_moved_is_the_same(self):
        before = Candidate.from_texts("garbage\n", "")
        after = Candidate.from_texts("# new\ngarbage\n", "")
        assert [problem.severity for problem in problems(after, known(), before)] == ["warning"]

    def test_mending_leaves_nothing_to_say(self):
        assert problems(candidate(), known(), candidate(nonsense="1")) == []


class TestNoPostfix:
    def test_only_what_needs_none(self):
        conf = candidate(
            {"587/inet": entry(private="y")},
            nonsense="1",
            smtpd_tls_security_level="bogus",
            smtpd_tls_cert_file="/nonexistent",
            alias_maps="hash:/nonexistent",
        )
        assert [problem.where for problem in problems(conf, None)] == [
            "smtpd_tls_security_level",
            "587/inet",
        ]

    def test_a_postconf_that_does_not_answer_is_a_warning(self):
        class Silent(KnownThings):
            @property
            def defaults(self):
                raise NoAnswer("postconf -d: no answer within 10 s")

        (problem,) = problems(candidate(nonsense="1"), Silent())
        assert problem == Problem(
            "postconf",
            "postconf -d: no answer within 10 s; names, values and tables could not be checked",
            "warning",
        )


@pytest.mark.parametrize("release", stock.RELEASES)
def test_no_alarm_for_what_debian_ships(release):
    main = {name: value for name, value in stock.MAIN[release].items() if value is not None}
    main = {name: value for name, value in main.items() if not name.startswith("smtp_tls")}
    for name in ("smtpd_tls_cert_file", "smtpd_tls_key_file", "alias_maps", "readme_directory"):
        main.pop(name, None)
    main["smtpd_tls_security_level"] = "none"
    things = known(**dict.fromkeys(main, ""))
    assert problems(Candidate(main, stock.MASTER[release]), things) == []


HAND_MADE = """\
smtp      inet  n       -       y       -       1       postscreen
smtpd     pass  -       -       y       -       -       smtpd
dnsblog   unix  -       -       y       -       0       dnsblog
tlsproxy  unix  -       -       y       -       0       tlsproxy
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o { smtpd_relay_restrictions = permit_sasl_authenticated, reject }
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o milter_macro_daemon_name=ORIGINATING
127.0.0.1:10025 inet n  -       n       -       -       smtpd
  -o content_filter=
  -o mynetworks=127.0.0.0/8
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o smtpd_restriction_classes=
  -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks
[::1]:10025 inet n      -       n       -       -       smtpd -v
amavis    unix  -       -       n       -       2       smtp
  -o smtp_data_done_timeout=1200
  -o smtp_send_xforward_command=yes
policy    unix  -       n       n       -       0       spawn
  user=nobody argv=/usr/bin/policyd
pickup    unix  n       -       y       60      1       pickup
  -o content_filter=
dovecot   unix  -       n       n       -       -       pipe
  flags=DRhu user=vmail:vmail argv=/usr/lib/dovecot/dovecot-lda -f ${sender} -d ${recipient}
"""
HAND_MADE_MAIN = """\
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_auth_enable = yes
smtpd_tls_cert_file = none
smtpd_tls_protocols = !SSLv2, !SSLv3
mua_client_restrictions = permit_sasl_authenticated,reject
content_filter = amavis:[127.0.0.1]:10024
virtual_transport = dovecot
dovecot_destination_recipient_limit = 1
policy_time_limit = 3600
virtual_alias_maps = ldap:accounts
accounts_server_host = ldap://localhost
mydestination =
"""


def test_no_alarm_for_what_people_make_by_hand():
    things = known(
        receive_override_options="",
        smtp_data_done_timeout="600s",
        smtp_send_xforward_command="no",
        milter_macro_daemon_name="",
    )
    things.map_types = MAP_TYPES | {"ldap"}
    assert problems(Candidate.from_texts(HAND_MADE_MAIN, HAND_MADE), things) == []


def test_a_thousand_parameters_and_two_hundred_entries():
    main = {f"p{number}_maps": "hash:/x" for number in range(900)}
    main["all_of_them"] = " ".join(f"${name}" for name in main)
    main |= {"smtpd_timeout": "$smtp_helo_timeout"}
    options = {"smtpd_recipient_restrictions": "permit_sasl_authenticated,reject", "biff": "no"}
    entries = {f"127.0.0.1:{port}/inet": entry(options=options) for port in range(3000, 3200)}
    start = time.process_time()
    problems(Candidate(main, entries, files={"/x": None}), known())
    assert time.process_time() - start < 0.5  # 0.02 s where nothing else runs


NAMES = st.sampled_from([*DEFAULTS, "nonsense", "mine"])
WORDS = (
    "a 1 9999999999999999999999 $ { } ( ) ${ , : / = ? ! [ ] $myhostname ${biff?{ permit reject "
    "warn_if_reject hash:/x proxy: unionmap:{ <level ::1 127.0.0.1 mine host.invalid TLSv1.2 >= "
    "\udc80 \x00 \xb2 smtp: all"
)
VALUE = st.lists(st.sampled_from([*WORDS.split(), "9" * 5000]), max_size=6).map(" ".join)
MAIN_CF = st.lists(st.builds("{} = {}\n".format, NAMES, VALUE), max_size=8).map("".join)
MASTER_CF = st.lists(
    st.builds(
        "{} {} n {} - {} - {} -o {}={} {}\n".format,
        st.sampled_from(["25", "smtp", "::1:25", "[::1]:25", "\xb2", "9" * 5000, "a/b"]),
        st.sampled_from(["inet", "unix", "pass", "x"]),
        st.sampled_from("yn-"),
        st.sampled_from(["-", "1x", "\xb2"]),
        st.sampled_from(["smtpd", "pipe", "nosuch", "local", "virtual"]),
        NAMES,
        VALUE,
        VALUE,
    ),
    max_size=4,
).map("".join)


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(main=MAIN_CF, master=MASTER_CF, has_postfix=st.booleans())
def test_whatever_it_is_given_there_is_an_answer(monkeypatch, main, master, has_postfix):
    monkeypatch.setattr("postfix_sasl_sockets.addresses_of", lambda host, families: [])
    conf = Candidate.from_texts(main, master)
    for problem in problems(conf, known() if has_postfix else None, conf, {"biff"}):
        assert "\n" not in problem.message
        assert problem.severity in ("error", "warning")
