"""Servers that mean harm, asked by the probe and by the login: bounded in time, memory and text."""

import json
import time
import tracemalloc

import postfix_sasl_login as login
import postfix_sasl_probe as probing
import pytest
from postfix_sasl_status import _listener as in_status
from support import hostile

TIMEOUT = 0.8
SLACK = 4.0  # for this machine to come round to it
MOST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """A server's TLS with a certificate that means harm, too."""
    return hostile.tls_context(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(params=hostile.SERVERS)
def port(request, context):
    """The port of each of the servers."""
    with hostile.serving(hostile.SERVERS[request.param], context) as port:
        yield port


def bounded(call):
    """Return what a call returns, once it is seen to end in time and to take little memory."""
    tracemalloc.start()
    try:
        start = time.monotonic()
        result = call()
        taken = time.monotonic() - start
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < TIMEOUT + SLACK
    assert peak < MOST_BYTES
    return result


def texts(data):
    """Return every text in some data."""
    if isinstance(data, dict):
        return [text for each in data.values() for text in texts(each)]
    if isinstance(data, (list, tuple)):
        return [text for each in data for text in texts(each)]
    return [data] if isinstance(data, str) else []


def assert_fit_to_be_shown(data):
    shown = texts(data)
    assert [text for text in shown if not text.isprintable() or len(text) > 300] == []
    assert len(json.dumps(data)) < 50_000


@pytest.mark.parametrize("tls", ["starttls", "implicit", "none"])
def test_what_a_probe_shows(port, tls):
    seen = bounded(lambda: probing.probe("127.0.0.1", port, tls, TIMEOUT))
    # A reset may come while the client still waits for its connection.
    assert seen["connected"] or seen["error"] == "no connection: Connection reset by peer"
    wrong = probing.checks(seen, {"tls": "required", "auth_after_tls": ["PLAIN", "LOGIN"]})
    assert_fit_to_be_shown([seen, wrong, probing.table([seen]), in_status("x/inet", port, seen)])


@pytest.mark.parametrize("tls", ["starttls", "implicit", "none"])
def test_what_a_login_shows(port, tls):
    words = ("127.0.0.1", port, tls, "alice", "hush8731")
    result = bounded(lambda: login.attempt(*words, TIMEOUT))
    wrong = login.judge(result, known=True)
    assert wrong and result["code"] != login.ACCEPTED
    assert_fit_to_be_shown([result, wrong])
    assert "hush8731" not in json.dumps(result)


def test_a_certificate_that_a_terminal_would_obey(context):
    with hostile.serving(hostile.SERVERS["odd_certificate"], context) as port:
        seen = probing.probe("127.0.0.1", port, timeout=10)
    assert (seen["error"], seen["auth_tls"]) == (None, ["PLAIN", "LOGIN"])
    certificate = seen["certificate"]
    assert certificate["subject"].startswith("CN=?[2J") and certificate["days_left"] == 29
    assert certificate["names"][0] == "?[31mx0?.example.org" and len(certificate["names"]) == 20
