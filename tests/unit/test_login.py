"""A login tried against small servers on loopback: what is sent, what comes of it, what is kept."""

import base64

import postfix_sasl_login as login
import pytest
from support.peer import AUTH, PLAIN, submission

USER, PASSWORD = "alice", "correct horse 7"
TEXT_OF_454 = "4.7.0 Temporary authentication failure: Connection refused"


@pytest.fixture
def attempt(serve, server_context):
    """A function that tries to log in to a server with these answers; keeps what that heard."""

    def work(answers, auth=AUTH, **account):
        port, work.heard = serve(submission(server_context, answers=answers, auth=auth))
        result = login.attempt("127.0.0.1", port, timeout=3, **account)
        result["wrong"] = login.judge(result, bool(account))
        assert result["port"] == port and result["host"] == "127.0.0.1"
        return result

    return work


def plain(text):
    return base64.b64decode(text).decode()


def test_a_known_account_is_accepted(attempt):
    result = attempt([(235, "2.7.0 ok")], user=USER, password=PASSWORD)
    assert (result["code"], result["error"], result["wrong"]) == (235, None, None)
    assert result["tls_version"] == "TLSv1.3"
    _, _, _, _, said, bye = attempt.heard
    assert bye == "QUIT"
    assert plain(said.removeprefix("AUTH PLAIN ")) == f"\0{USER}\0{PASSWORD}"
    assert PASSWORD not in str(result)


def test_login_is_spoken_where_plain_is_not(attempt):
    answers = [(334, "VXNlcm5hbWU6"), (334, "UGFzc3dvcmQ6"), (235, "2.7.0 ok")]
    result = attempt(answers, auth=["AUTH LOGIN"], user=USER, password=PASSWORD)
    assert (result["code"], result["wrong"]) == (235, None)
    assert attempt.heard[-4] == "AUTH LOGIN"
    assert [plain(word) for word in attempt.heard[-3:-1]] == [USER, PASSWORD]


def test_without_an_account_a_new_one_is_made_up_each_time(attempt):
    seen = set()
    for _ in range(2):
        result = attempt([(535, "5.7.8 Error: authentication failed: authentication failure")])
        assert (result["code"], result["wrong"]) == (535, None)
        seen.add(attempt.heard[-2])
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("answer", "account", "words"),
    [
        ((454, TEXT_OF_454), {}, f"454 {TEXT_OF_454}; expected 535 from saslauthd"),
        ((535, "5.7.8 Error: no mechanism available"), {}, "expected 535 from saslauthd"),
        ((503, "5.5.1 Error: authentication not enabled"), {}, "503 5.5.1 Error"),
        ((530, "5.7.0 Must issue a STARTTLS command first"), {}, "530 5.7.0 Must"),
        ((235, "2.7.0 ok"), {}, "235 2.7.0 ok; expected 535, since nobody has that name"),
        ((535, "5.7.8 no"), {"user": USER, "password": PASSWORD}, "535 5.7.8 no; expected 235"),
    ],
)
def test_another_answer_is_wrong(attempt, answer, account, words):
    assert words in attempt([answer], **account)["wrong"]


def test_other_mechanisms_are_not_tried(attempt):
    result = attempt([(235, "ok")], auth=["AUTH CRAM-MD5"])
    assert result["wrong"].endswith("AUTH: CRAM-MD5 is offered; this login speaks PLAIN and LOGIN")
    assert attempt.heard[-1] == "QUIT"


def test_a_server_that_closes_instead_of_an_answer(serve):
    def behave(peer):
        peer.say("mail.example.org", code=220)
        while not (peer.hear() or "").startswith("AUTH"):
            peer.say(*PLAIN, *AUTH)

    port, _ = serve(behave)
    result = login.attempt("127.0.0.1", port, tls="none", timeout=3)
    assert result["error"] == "AUTH: the server closed the connection"


def test_no_password_is_sent_in_the_clear_unless_that_is_asked_for(serve):
    def behave(peer):
        peer.answers = [(235, "2.7.0 ok")]
        peer.say("mail.example.org", code=220)
        peer.converse([*PLAIN, *AUTH])

    port, heard = serve(behave)
    account = {"user": USER, "password": PASSWORD, "timeout": 3}
    refused = login.attempt("127.0.0.1", port, **account)
    assert refused["error"].startswith("STARTTLS is not offered")
    assert not any(line.startswith("AUTH") for line in heard)
    assert login.attempt("127.0.0.1", port, tls="none", **account)["code"] == 235


@pytest.mark.parametrize("echo", [PASSWORD, base64.b64encode(PASSWORD.encode()).decode()[:9]])
def test_a_server_that_repeats_the_password_is_not_quoted(attempt, echo):
    result = attempt([(535, f"no: {echo}")], user=USER, password=PASSWORD)
    assert echo not in str(result)
    assert result["code"] == 535


def test_a_closed_port_is_named(serve):
    result = login.attempt("127.0.0.1", 9, timeout=3)
    assert login.judge(result, False) == "9: no connection: Connection refused"


def test_several_at_once_each_with_its_verdict(serve, server_context):
    port, _ = serve(submission(server_context, answers=[(535, "5.7.8 no")]))
    found = login.visit(["127.0.0.1", "127.0.0.2"], port, timeout=3)
    assert found["127.0.0.1"]["wrong"] is None
    assert "Connection refused" in found["127.0.0.2"]["wrong"]


@pytest.mark.parametrize(
    "account",
    [
        *({"user": USER}, {"password": PASSWORD}, {"user": "", "password": "x"}, {"user": 1}),
        {"user": USER, "password": "a\0b"},
    ],
)
def test_arguments_that_make_no_sense(account):
    with pytest.raises(ValueError) as error:
        login.attempt("127.0.0.1", 587, **account)
    assert PASSWORD not in str(error.value)
