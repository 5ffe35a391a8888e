"""What is refused and what is warned of in main.cf and master.cf."""

import time

import pytest
from postfix_sasl_known import KnownThings, NoAnswer
from postfix_sasl_validate import Candidate, Problem, problems
from support.candidates import MAP_TYPES, candidate, entry, found, known

# Ports are the matter of test_validate_listeners.py.
pytestmark = pytest.mark.usefixtures("any_port_is_free")


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
            ("tls_config_file", "/tmp/x.cnf"),
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
            ("tls_config_file", "none"),
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
