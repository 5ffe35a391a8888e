"""Validation with the real Postfix of this machine: what it knows, and what it ships."""

import re
import time

import postfix_sasl_macros as macros
import pytest
from postfix_sasl_known import KnownThings
from postfix_sasl_maincf import MainCf
from postfix_sasl_names import DEPRECATED
from postfix_sasl_validate import Candidate, problems
from postfix_sasl_values import complaint


@pytest.fixture(scope="module")
def known(postfix):
    if str(postfix.root) != "/":
        pytest.skip("postconf is asked where it is installed")
    return KnownThings.here()


@pytest.fixture(autouse=True)
def any_port_is_free(monkeypatch):
    monkeypatch.setattr("postfix_sasl_sockets.holder", lambda *place: None)


def test_it_knows_this_postfix(known):
    assert known.version >= (3, 5)
    assert {"smtpd_banner", "mail_version", "daemon_directory"} <= set(known.defaults)
    assert {"static", "texthash", "cidr"} <= known.map_types
    assert "dovecot" in known.server_sasl_types
    assert {"smtpd", "smtp", "master"} <= known.daemons
    assert known.defaults["config_directory"] == "/etc/postfix"


def test_it_is_asked_once(known, monkeypatch):
    known.version, known.map_types, known.daemons  # noqa: B018
    monkeypatch.setattr("subprocess.run", None)
    assert known.version and known.map_types and known.daemons


def test_no_default_is_wrong(known):
    assert {
        name: wrong
        for name, value in known.defaults.items()
        if (wrong := complaint(name, value, known))
    } == {}


def test_no_alarm_for_the_stock_files(postfix, known):
    mains, masters = (postfix.stock_files(name) for name in ("main.cf", "master.cf"))
    for main in mains or [""]:
        for master in masters:
            assert problems(Candidate.from_texts(main, master), known) == []


def test_values_expand_as_postconf_has_them(postfix, known):
    texts = {
        "smtpd_banner": "$myhostname ${biff?{has}:{no}} ${relayhost:none} $nosuch.",
        "syslog_name": "${multi_instance_name?{$multi_instance_name}:{postfix}}/x",
        "mydestination": "${{$compatibility_level} <level {3.9} ? {old} : {new}}, $myorigin",
        "relay_domains": "${{10} < {9} ? {text} : {number}} $(biff)",
    }
    main = "".join(f"{name} = {value}\n" for name, value in texts.items())
    main += "compatibility_level = 3.6\nmyhostname = mail.example.com\n"
    postfix.write(main=main)
    lookup = {**known.defaults, **MainCf.parse(main).as_dict()}
    names = [*texts, "smtpd_relay_restrictions", "smtpd_timeout", "append_dot_mydomain"]
    status, output, _ = postfix.run("-xh", *names)
    assert status == 0
    ours = [macros.expand(lookup[name], lambda other: lookup.get(other, "")) for name in names]
    assert ours == output.splitlines()


MAIN = """\
compatibility_level = 3.6
unused = 1
used = 2
smtpd_banner = $used ${used_too} ${{$used_three} == {x} ? {y} : {z}}
used_too = 3
used_three = 3
smtpd_restriction_classes = mine, yours
mine = reject
yours = permit
slow_destination_concurrency_limit = 1
nosuch_destination_concurrency_limit = 1
policy_time_limit = 3600
virtual_alias_maps = proxy:ldap:accounts, mysql:/etc/postfix/x.cf
accounts_server_host = localhost
account_server_host = localhost
mua_restrictions = reject
smtpd_tls_securty_level = may
"""
MASTER = """\
smtp inet n - y - - smtpd -o stress=yes
587 inet n - y - - smtpd -o smtpd_client_restrictions=$mua_restrictions -o mispelled=1
slow unix - - y - - smtp
policy unix - n n - 0 spawn user=nobody argv=/bin/true
"""


def test_unknown_is_what_postconf_calls_unused(postfix, known):
    postfix.write(main=MAIN, master=MASTER)
    _, _, complaints = postfix.run("-n")
    _, _, more = postfix.run("-M")
    unused = set(re.findall(r"unused parameter: (\w+)=", complaints + more))
    found = problems(Candidate.from_texts(MAIN, MASTER), known)
    ours = {
        "mispelled" if "mispelled" in str(problem) else problem.where
        for problem in found
        if "no such parameter" in problem.message
    }
    assert ours - {"mispelled"} == unused - {"mispelled"}
    assert "mispelled" in ours


def test_deprecated_is_what_postconf_says_will_be_removed(postfix, known):
    """Parameters that have had no effect for long are not on postconf's list."""
    names = [name for name in DEPRECATED if name in known.defaults and "dh512" not in name]
    text = "".join(f"{name} = {known.defaults[name]}\n" for name in names)
    postfix.write(main=f"compatibility_level = 3.6\n{text}")
    _, _, complaints = postfix.run("-n")
    removed = set(re.findall(r'support for parameter "(\w+)" will be removed', complaints))
    found = problems(Candidate.from_texts(text, ""), known)
    assert {p.where for p in found if "deprecated since" in p.message} == removed


def test_it_takes_no_time(known):
    main = dict(list(known.defaults.items())[:1000])
    main = {name: value for name, value in main.items() if "_restrictions" not in name}
    options = {"smtpd_client_restrictions": "permit_sasl_authenticated,reject", "biff": "no"}
    fields = {
        "command": "smtpd",
        "private": "n",
        "unprivileged": "-",
        "chroot": "y",
        "wakeup": "-",
        "process_limit": "-",
        "options": options,
        "args": [],
    }
    entries = {f"127.0.0.1:{port}/inet": fields for port in range(3000, 3200)}
    known.map_types, known.server_sasl_types, known.client_sasl_types  # noqa: B018
    start = time.process_time()
    problems(Candidate(main, entries), known)
    assert time.process_time() - start < 0.1
