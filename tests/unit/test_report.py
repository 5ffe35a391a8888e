"""The fleet's report: rows, their order, the table; nothing a host says can break it."""

import unicodedata

import postfix_sasl_report as report
import postfix_sasl_report_table
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postfix_sasl_text import clean, fitted, width
from support.answers import ANSWERS, TEXTS, answer, listener, made


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [
        (-2, "wrong", "expired 2 days ago"),
        (-1, "wrong", "expired 1 day ago"),
        (0, "wrong", "expires today"),
        (1, "wrong", "expires in 1 day"),
        (7, "wrong", "expires in 7 days"),
        (8, "attention", "expires in 8 days"),
        (21, "attention", "expires in 21 days"),
    ],
)
def test_a_certificate_that_ends_soon(days, level, words):
    row = report.row("mail", answer(days))
    assert (row["level"], row["problems"]) == (level, [f"certificate mail {words}"])


def test_a_certificate_with_22_days_left_is_fine():
    row = report.row("mail", answer(22))
    assert (row["level"], row["problems"], row["days_left"]) == ("fine", [], 22)


def test_the_certificate_that_expires_first_counts():
    row = report.row("mail", answer(listeners=[listener(90), listener(30), listener(60)]))
    assert row["days_left"] == 30


def test_one_certificate_on_three_listeners_is_one_problem():
    row = report.row("mail", answer(listeners=[listener(3, port) for port in (25, 587, 465)]))
    assert row["problems"] == ["certificate mail expires in 3 days"]


def test_what_is_wrong_comes_first_then_what_expires_first_then_by_name():
    answers = {
        "b-fine": answer(),
        "a-fine": answer(),
        "soon": answer(20),
        "sooner": answer(10),
        "drifts": answer(drift={"drifted": True, "things": ["main"], "error": None}),
        "no-postfix": {"postfix": None},
        "dead": answer(wrong=["Postfix does not run"], listeners=[]),
        "expired": answer(-1),
    }
    data = made(answers, silent=["a-silent"])
    order = "expired a-silent dead sooner soon drifts a-fine b-fine no-postfix"
    assert list(data["hosts"]) == order.split()
    assert data["summary"] | {"time": None} == {
        "time": None,
        "hosts": 9,
        "wrong": 3,
        "attention": 3,
        "fine": 2,
        "none": 1,
        "page": None,
    }


def test_the_exit_status_is_1_only_where_a_host_is_wrong():
    assert "retcode" not in made({"mail": answer(20)})
    assert made({"mail": answer(2)})["retcode"] == 1
    assert made({}, silent=["mail"])["retcode"] == 1


def test_a_host_that_cannot_be_compared_says_why():
    drift = {"drifted": None, "things": [], "error": "postfix_sasl:tls:mod: no such key"}
    row = report.row("mail", answer(drift=drift))
    assert row["level"] == "attention"
    assert row["problems"] == [f"could not be compared with its pillar: {drift['error']}"]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            "'postfix_sasl.status' is not available.",
            "lacks this formula's modules; type: salt 'mail' saltutil.sync_all",
        ),
        ("ERROR: no\nspace", "could not say: ERROR: no space"),
        ("Traceback (most recent call last):\n  a\nOSError: b\n", "could not say: OSError: b"),
        (["?"], "gave an answer that says nothing of its mail server"),
        ({}, "gave an answer that says nothing of its mail server"),
    ],
)
def test_an_answer_that_is_no_status(said, problem):
    row = report.row("mail", said)
    assert (row["level"], row["problems"]) == ("wrong", [problem])


def test_names_that_look_the_same_are_two_hosts():
    assert list(made({"a\u200bb": answer(), "a\u200cb": answer()})["hosts"]) == ["a?b", "a?b'"]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(TEXTS, ANSWERS, max_size=2))
def test_whatever_hosts_answer_the_table_fits_and_hides_nothing(answers):
    data = made(answers, silent=["silent"])
    assert len(data["hosts"]) == len({*answers, "silent"})
    lines = postfix_sasl_report_table.table(data)
    for line in lines:
        assert all(unicodedata.category(each) not in ("Cc", "Cf", "Cs") for each in line)
    rows = lines[next(n for n, line in enumerate(lines) if line.startswith("host  ")) :]
    assert max(map(width, rows)) <= 100


def test_twenty_hosts_with_long_names_fit_in_100_columns():
    names = [f"a-host-with-quite-a-long-name-{number}.example.com" for number in range(20)]
    ports = [listener(port=port) for port in (25, 587, 465, 40025, 2525)]
    data = made({name: answer(listeners=ports) for name in names})
    lines = postfix_sasl_report_table.table(data)
    assert len(lines) == 3 + 20
    assert max(map(width, lines)) <= 100


def test_the_columns_are_aligned_for_wide_characters_too():
    data = made({"郵便": answer(), "mail": answer()})
    rows = postfix_sasl_report_table.table(data)[-3:]
    columns = {
        width(row.partition(word)[0]) for row, word in zip(rows, ("rel", "tr", "tr"), strict=True)
    }
    assert len(columns) == 1


@given(TEXTS, st.integers(2, 40))
def test_fitted_text_takes_exactly_the_columns(text, columns):
    assert width(fitted(clean(text), columns)) == columns


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\r\n lines", "two lines"),
        ("\x1b[31mred\x07", "?[31mred?"),
        ("\u202egnp.exe", "?gnp.exe"),
        ("z\u0301\u0301\u0301\u0301", "z\u0301\u0301"),
        ("\udce9", "?"),
        ("x" * 300, "x" * 199 + "…"),
        (None, "None"),
    ],
)
def test_clean(text, shown):
    assert clean(text) == shown
