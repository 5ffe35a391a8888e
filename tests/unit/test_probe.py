"""The probe against small SMTP servers on loopback: honest ones, broken ones, hostile ones."""

import socket
import time

import postfix_sasl_probe as probing
import postfix_sasl_smtp as smtp
import pytest
from support.peer import AUTH, PLAIN, Peer, submission


def saying(data, then=lambda peer: peer.hear()):
    """Return the behaviour of a server that sends bytes first, whatever comes."""

    def behave(peer):
        peer.raw(data)
        then(peer)

    return behave


def ask(port, tls="starttls", timeout=2.0):
    """Probe, and see that it stays within its time."""
    start = time.monotonic()
    seen = probing.probe("127.0.0.1", port, tls, timeout)
    assert time.monotonic() - start < timeout + 0.5
    return seen


# what honest servers show


def test_submission_shows_auth_only_after_tls(serve, server_context):
    port, heard = serve(submission(server_context))
    seen = ask(port)
    assert seen["error"] is None
    assert seen["connected"] and seen["starttls"] and seen["starttls_required"]
    assert seen["banner"] == "mail.example.org ESMTP Postfix"
    assert seen["ehlo"] == ["PIPELINING", "SIZE 10240000", "STARTTLS"]
    assert seen["auth"] == []
    assert seen["auth_tls"] == ["PLAIN", "LOGIN"]
    assert seen["tls"] == "starttls"
    assert seen["tls_version"] == "TLSv1.3"
    assert seen["cipher"]
    assert heard == ["EHLO [127.0.0.1]", "RSET", "STARTTLS", "EHLO [127.0.0.1]", "QUIT"]


def test_certificate_is_described_though_nobody_trusts_it(serve, server_context):
    port, _ = serve(submission(server_context))
    certificate = ask(port)["certificate"]
    assert certificate["subject"] == certificate["issuer"] == "CN=mail.example.org,O=Example"
    assert certificate["names"] == ["mail.example.org", "smtp.example.org", "127.0.0.1"]
    assert certificate["self_signed"] is True
    assert certificate["days_left"] in (29, 30)
    assert certificate["not_before"] < certificate["not_after"]


def test_a_certificate_nobody_can_read_is_no_failure():
    described = smtp._certificate(b"\x30\x82 not a certificate")
    assert described["days_left"] is None and described["names"] == []


def test_implicit_tls_has_no_before(serve, server_context):
    def behave(peer):
        inner = Peer(server_context.wrap_socket(peer.connection, server_side=True), peer.heard)
        inner.say("mail.example.org ESMTP", code=220)
        inner.converse([*PLAIN, *AUTH])

    port, heard = serve(behave)
    seen = ask(port, "implicit")
    assert (seen["error"], seen["tls"], seen["ehlo"], seen["auth"]) == (None, "implicit", [], [])
    assert seen["auth_tls"] == ["PLAIN", "LOGIN"]
    assert heard[-1] == "QUIT"


def test_a_server_without_tls(serve):
    def behave(peer):
        peer.say("mail.example.org", code=220)
        peer.converse([*PLAIN, *AUTH])

    port, heard = serve(behave)
    seen = ask(port)
    assert (seen["error"], seen["tls"], seen["starttls"]) == (None, "none", False)
    assert seen["auth"] == ["PLAIN", "LOGIN"]
    assert seen["certificate"] is None
    assert heard == ["EHLO [127.0.0.1]", "QUIT"]


def test_tls_none_leaves_an_offer_alone(serve, server_context):
    port, heard = serve(submission(server_context))
    seen = ask(port, "none")
    assert seen["starttls"] and seen["tls_version"] is None
    assert heard == ["EHLO [127.0.0.1]", "QUIT"]


def test_a_closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    seen = ask(port)
    assert not seen["connected"]
    assert seen["error"] == "no connection: Connection refused"


def test_a_name_that_cannot_exist():
    seen = probing.probe("x" * 70 + ".example.org", 25, timeout=5)
    assert not seen["connected"] and seen["error"].startswith("no connection: ")


# servers that fail


def until_starttls(peer):
    """Converse with a client that then waits for the answer to STARTTLS."""
    peer.say("mail.example.org", code=220)
    peer.hear()
    peer.say(*PLAIN, "STARTTLS")
    peer.hear()
    peer.say("Ok")
    peer.hear()


def test_an_offer_of_starttls_proves_nothing(serve):
    def behave(peer):
        until_starttls(peer)
        peer.say("4.7.0 TLS not available due to local problem", code=454)
        peer.hear()

    port, heard = serve(behave)
    seen = ask(port)
    assert seen["starttls"] is True and seen["tls_version"] is None
    assert seen["error"] == "STARTTLS: 454 4.7.0 TLS not available due to local problem"
    assert heard[-1] == "QUIT"


def test_a_handshake_that_fails(serve):
    def behave(peer):
        until_starttls(peer)
        peer.say("go ahead", code=220)
        peer.raw(b"not TLS at all\r\n" * 10)

    port, _ = serve(behave)
    seen = ask(port)
    assert seen["connected"] and seen["starttls"] and seen["certificate"] is None
    assert seen["error"].startswith(("TLS handshake: ", "STARTTLS: more text followed"))


def test_text_smuggled_in_before_tls_is_not_believed(serve):
    def behave(peer):
        until_starttls(peer)
        peer.raw(b"220 go ahead\r\n250-mail.example.org\r\n250 AUTH PLAIN\r\n")
        peer.hear()

    port, _ = serve(behave)
    seen = ask(port)
    assert seen["error"] == "STARTTLS: more text followed the answer"
    assert seen["auth_tls"] == []


def test_a_server_that_is_not_at_home(serve):
    port, heard = serve(saying(b"554 5.7.1 go away\r\n"))
    assert ask(port)["error"] == "greeting: 554 5.7.1 go away"
    assert heard == ["QUIT"]


def test_a_server_that_knows_no_ehlo(serve):
    def behave(peer):
        peer.say("old", code=220)
        while peer.hear():
            peer.say("what?", code=502)

    port, heard = serve(behave)
    assert ask(port)["error"] == "EHLO: 502 what?"
    assert heard[-1] == "QUIT"


def test_plain_text_where_tls_is_expected(serve):
    port, _ = serve(saying(b"220 mail.example.org ESMTP\r\n"))
    assert ask(port, "implicit")["error"].startswith("TLS handshake: ")


def test_a_server_that_hangs_up(serve):
    port, _ = serve(saying(b"", then=lambda peer: None))
    assert "closed the connection" in ask(port)["error"]


# servers that mean harm


@pytest.mark.parametrize(
    "data, error",
    [
        (b"\x1b[2J\x1b]0;owned\x07\r\n", "greeting: not an SMTP reply: ?[2J?]0;owned?"),
        ("\uff12\uff12\uff10 mail\r\n".encode(), "greeting: not an SMTP reply: "),
        (b"220 " + b"x" * 5000, "greeting: a line of more than 1000 bytes"),
        (b"220-x\r\n" * 500, "greeting: a reply of more than 100 lines"),
        (b"\r\n", "greeting: not an SMTP reply"),
    ],
)
def test_greetings_made_to_break_a_reader(serve, data, error):
    port, _ = serve(saying(data))
    assert ask(port)["error"].startswith(error)


def test_no_escape_sequence_gets_through(serve):
    def behave(peer):
        peer.raw(b"220 \x1b[31mred \xe2\x80\xae\x00\x9b\r\n")
        peer.converse(["mail", "X-\x1b[2J", "AUTH PLA\x07IN"])

    port, _ = serve(behave)
    seen = ask(port)
    texts = [seen["banner"], *seen["ehlo"], *seen["auth"], *probing.table([seen])]
    assert all(text.isprintable() and text.isascii() for text in texts)
    assert all(len(text) <= 200 for text in texts)


def test_a_huge_ehlo_is_cut_off(serve):
    def behave(peer):
        peer.say("mail", code=220)
        peer.hear()
        while True:
            peer.raw(b"250-" + b"A" * 900 + b"\r\n")

    port, _ = serve(behave)
    seen = ask(port)
    assert seen["error"] == "EHLO: a reply of more than 100 lines"
    assert seen["ehlo"] == []


@pytest.mark.parametrize("data", [b"", b"220", b"220 mail"])
def test_a_stall_ends_in_time(serve, data):
    port, _ = serve(saying(data))
    assert ask(port, timeout=0.5)["error"] == "greeting: no answer within 0.5 s"


def test_a_stall_in_the_handshake_ends_in_time(serve):
    port, _ = serve(saying(b"", then=lambda peer: time.sleep(1)))
    assert ask(port, "implicit", 0.5)["error"] == "TLS handshake: no answer within 0.5 s"


def test_dripping_bytes_do_not_stretch_the_time(serve):
    def drip(peer):
        while True:
            peer.raw(b"x")
            time.sleep(0.1)

    port, _ = serve(saying(b"220 ", drip))
    assert ask(port, timeout=0.7)["error"] == "greeting: no answer within 0.7 s"


# several at once, arguments


def test_all_at_once_in_the_time_of_one_and_in_order(serve, server_context):
    ports = [serve(saying(b""))[0] for _ in range(4)] + [serve(submission(server_context))[0]]
    start = time.monotonic()
    seen = probing.probe_all([("127.0.0.1", port, None) for port in ports], timeout=1.0)
    assert time.monotonic() - start < 2.5
    assert [one["port"] for one in seen] == ports
    assert [bool(one["error"]) for one in seen] == [True] * 4 + [False]


def test_a_name_server_that_never_answers(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    start = time.monotonic()
    (seen,) = probing.probe_all([("mail.example.org", 25, None)], timeout=0.2)
    assert time.monotonic() - start < 2
    assert seen["error"] == "no connection: no answer in time"


@pytest.mark.parametrize(
    "arguments",
    [
        ("", 25),
        ("a b", 25),
        ("a\nb", 25),
        (None, 25),
        ("localhost", 0),
        ("localhost", 65536),
        ("localhost", "25"),
        ("localhost", True),
        ("localhost", 25, "ssl"),
        ("localhost", 25, None, 0),
        ("localhost", 25, None, "10"),
    ],
)
def test_arguments_that_make_no_sense(arguments):
    with pytest.raises(ValueError):
        probing.probe(*arguments)
    if len(arguments) < 4:
        with pytest.raises(ValueError):
            probing.probe_all([(*arguments, None)[:3]])


def test_how_tls_starts_by_default():
    modes = [probing.default_tls(port) for port in (465, 25, 587, 40025)]
    assert modes == ["implicit", "starttls", "starttls", "starttls"]


# what is made of a result


def seen_on(port, **different):
    """Return a result as of a proper submission port, but for what is given."""
    good = {
        "tls": "starttls",
        "connected": True,
        "starttls": True,
        "starttls_required": True,
        "tls_version": "TLSv1.3",
        "auth_tls": ["PLAIN", "LOGIN"],
    }
    return probing.nothing_seen("127.0.0.1", port) | good | different


EXPECTED = {"tls": "required", "auth_before_tls": [], "auth_after_tls": ["LOGIN", "plain"]}


def test_nothing_is_said_of_a_port_as_configured():
    assert probing.checks(seen_on(587), EXPECTED) == []


@pytest.mark.parametrize(
    "different, message",
    [
        ({"auth": ["PLAIN"]}, "AUTH PLAIN is offered before TLS; expected none"),
        ({"auth_tls": []}, "AUTH is not offered after TLS; expected LOGIN plain"),
        ({"starttls": False}, "STARTTLS is not offered"),
        (
            {"starttls_required": False},
            "commands are accepted before STARTTLS; expected a demand for TLS",
        ),
        ({"error": "TLS handshake: eof"}, "TLS handshake: eof"),
        ({"connected": False, "error": "no connection: x"}, "no connection: x"),
    ],
)
def test_mismatches_are_named(different, message):
    assert probing.checks(seen_on(587, **different), EXPECTED) == [f"587: {message}"]


def test_each_kind_of_tls_is_told_from_the_others():
    none = seen_on(40025, tls="none", starttls=False, tls_version=None, auth_tls=[])
    implicit = seen_on(465, tls="implicit", starttls=False, starttls_required=None)
    optional = seen_on(25, starttls_required=False)
    every = {"none": none, "optional": optional, "required": seen_on(587), "implicit": implicit}
    for kind, result in every.items():
        fits = [name for name in every if not probing.checks(result, {"tls": name})]
        assert fits == [kind]
    with pytest.raises(ValueError):
        probing.checks(none, {"tls": "some"})


def test_a_table_for_people(serve, server_context):
    port, _ = serve(submission(server_context))
    lines = probing.table([ask(port), seen_on(25, connected=False, error="no connection: x")])
    assert lines[0].split()[:2] == ["port", "connection"]
    for part in ("open", "TLSv1.3, STARTTLS, demanded", "none", "PLAIN LOGIN", "self-signed"):
        assert part in lines[1]
    assert "no connection: x" in lines[2]
