"""What must never raise an alarm, and that there is an answer to anything, soon."""

import time

import postfix_sasl_stock as stock
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postfix_sasl_validate import Candidate, problems
from support.candidates import DEFAULTS, MAP_TYPES, entry, known

# Ports are the matter of test_validate_listeners.py.
pytestmark = pytest.mark.usefixtures("any_port_is_free")


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
