"""The pillar: in which words it is refused, and that these hold no password."""

import re

import pytest
from postfix_sasl_options import OPTIONS
from support.pillars import PEM, POLL, problems


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            {"tls": {"mod": "may"}},
            "postfix_sasl:tls:mod: got an unknown key; it takes mode, certificate, key, "
            "chain_files, acme, certificate_text, key_text, ca_file, auth_only, loglevel, "
            "received_header, profile; did you mean postfix_sasl:tls:mode?",
        ),
        (
            {"tls": {"mode": "on"}},
            "postfix_sasl:tls:mode: got 'on'; it takes one of none, may, encrypt",
        ),
        (
            {"main": {"myhostname": "a\nb"}},
            "postfix_sasl:main:myhostname: got 'a\\nb'; takes one line without newlines or "
            "control characters",
        ),
        (
            {"master": {"smtp/inet": {"chroot": "maybe"}}},
            "postfix_sasl:master:smtp/inet:chroot: got 'maybe'; takes y, n or -",
        ),
    ],
)
def test_a_complaint_reads_like_this(data, line):
    assert problems(data) == [line]


@pytest.mark.parametrize(
    ("data", "meant"),
    [
        ({"tsl": {}}, "postfix_sasl:tls"),
        ({"TLS": {}}, "postfix_sasl:tls"),
        ({"mode": "may"}, "postfix_sasl:tls:mode"),
        ({"threads": 3}, "postfix_sasl:saslauthd:threads"),
        ({"submission": {}}, "postfix_sasl:services:submission"),
        ({"sasl": {"mechanism": "pam"}}, "postfix_sasl:sasl:mechanisms"),
        ({"services": {"submision": {}}}, "postfix_sasl:services:submission"),
        ({"services": {"smtps": {"enable": True}}}, "postfix_sasl:services:smtps:enabled"),
        ({"master": {"a/unix": {"chrot": "y"}}}, "postfix_sasl:master:a/unix:chroot"),
    ],
)
def test_an_unknown_key_names_the_nearest(data, meant):
    (line,) = problems(data)
    assert line.endswith(f"; did you mean {meant}?")
    assert "got an unknown key; it takes " in line


@pytest.mark.parametrize("name", ["lookup", "tofs"])
@pytest.mark.parametrize("value", [{}, {"pkg": {"name": "postfix"}}, None])
def test_a_key_of_other_formulas_is_refused_with_what_there_is_instead(name, value):
    (line,) = problems({name: value})
    assert line.startswith(f"postfix_sasl:{name}: got an unknown key; ")
    named = re.findall(r"[a-z0-9]+:[a-z_]+", line.partition("; ")[2])
    assert named and set(named) <= set(OPTIONS)


def test_an_unknown_key_like_none_names_those_that_there_are():
    (line,) = problems({"qqqq": 1})
    assert "did you mean" not in line
    assert all(name in line for name in ("main", "master", "tls", "services", "fetchmail"))


def test_several_problems_give_several_lines():
    lines = problems(
        {
            "chroot": "yes",
            "tls": {"mode": "x", "kee": 1},
            "main": {"a": {}, "b": "\n", "good": "x"},
            "sasl": {"mechanisms": ["PLAIN", "x", "y"]},
        }
    )
    assert {line.split(": ")[0] for line in lines} == {
        "postfix_sasl:chroot",
        "postfix_sasl:tls:mode",
        "postfix_sasl:tls:kee",
        "postfix_sasl:main:a",
        "postfix_sasl:main:b",
        "postfix_sasl:sasl:mechanisms:1",
        "postfix_sasl:sasl:mechanisms:2",
    }


SECRET = "hunter2 "


@pytest.mark.parametrize(
    "data",
    [
        SECRET,
        [SECRET],
        {"fetchmail": SECRET},
        {"fetchmail": [{**POLL, "password": SECRET}]},
        {"fetchmail": {"poll": SECRET}},
        {"fetchmail": {"poll": {"users": {"alice": SECRET}}}},
        {"fetchmail": {"pol": [{"password": SECRET}]}},
        {"fetchmail": {"poll": [{**POLL, "password": SECRET}]}},
        {"fetchmail": {"poll": [{**POLL, "users": SECRET}]}},
        {"fetchmail": {"poll": [{**POLL, "users": [{"remote": "a", "pasword": SECRET}]}]}},
        {"fetchmail": {"poll": [{**POLL, "users": [{"password": SECRET + "\n"}]}]}},
        {"fetchmail": {"poll": [{**POLL, "users": [{"password": [SECRET]}]}]}},
        {"fetchmail": {"poll": [{**POLL, "protocol": SECRET}]}},
        {"relay": SECRET},
        {"relay": {"host": "a", "username": "b", "password": SECRET}},
        {"relay": {"host": "a", "username": "b", "password": [SECRET]}},
        {"relay": {"host": "a", "username": "b", "password": "hunter2", "tls": "none"}},
        {"relay": {"username": "b", "password": "hunter2"}},
        {"tls": {"certificate_text": SECRET}},
        {"tls": {"key_text": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n"}},
        {"tls": {"key_text": PEM.replace("MIIB", "hunter2")}},
    ],
)
def test_a_password_is_never_quoted(data):
    assert "hunter2" not in "\n".join(problems(data))


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("x", "postfix_sasl: got text; it takes a dictionary with main, master"),
        (["tls"], "postfix_sasl: got a list; it takes a dictionary"),
        (True, "postfix_sasl: got true or false; it takes a dictionary"),
        ({"tls": []}, "postfix_sasl:tls: got a list; it takes a dictionary with mode, "),
        ({"services": {"smtps": True}}, "postfix_sasl:services:smtps: got True; it takes a dict"),
        ({5: 1}, "postfix_sasl:5: got an unknown key"),
        ({None: 1}, "postfix_sasl:None: got an unknown key"),
        ({"": {}}, "postfix_sasl:: got an unknown key"),
        ({"tls": {True: 1}}, "postfix_sasl:tls:True: got an unknown key"),
        ({"a\nb\x1b[2J": 1}, r"postfix_sasl:a\nb\x1b[2J: got an unknown key"),
        ({"main": {5: 1}}, "postfix_sasl:main:5: got 5; takes letters"),
        ({"master": {5: {}}}, "postfix_sasl:master:5: takes service/type"),
        ({"master": {"a/unix": {5: 1}}}, "postfix_sasl:master:a/unix:5: got an unknown key"),
        ({"sasl": {"options": {5: "x"}}}, "postfix_sasl:sasl:options:5: got 'x'; it takes"),
        ({"main": {"a": "\ud800"}}, r"postfix_sasl:main:a: got '\ud800'; it takes text that UTF-8"),
        ({"saslauthd": {"threads": 10**5000}}, "postfix_sasl:saslauthd:threads: got a huge int;"),
        ({"main": {"a": 10**5000}}, "postfix_sasl:main:a: "),
        ({"main": {"a": "#" + "x" * 10**6}}, "postfix_sasl:main:a: got '#xxx"),
        ({"tls": {"mode": ["may"] * 10**5}}, "postfix_sasl:tls:mode: got ['may', "),
    ],
)
def test_odd_data_is_a_complaint_of_bearable_length(data, line):
    (found,) = problems(data)
    assert found.startswith(line)
    assert len(found) < 500
