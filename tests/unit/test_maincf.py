"""main.cf: reading and editing."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from postfix_sasl_maincf import MainCf, plan

FILE_LIKE = st.text(alphabet="aab==#\n\n  \t\r\0{}é")
VALUES = st.text(alphabet="ab ,=#{}'\"é\t").filter(lambda text: not text.strip().startswith("#"))

STOCK = """\
# See /usr/share/postfix/main.cf.dist
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no

# appending .domain is the MUA's job.
append_dot_mydomain = no
mydestination = $myhostname,
  # this host under its old name
  old.example.com,
  localhost
relayhost =
"""


def edited(source, **parameters):
    return plan(source, parameters)[1]


@given(FILE_LIKE)
def test_an_unedited_file_is_the_same_text(source):
    assert str(MainCf.parse(source)) == source


@given(FILE_LIKE)
def test_setting_what_is_set_already_changes_no_byte(source):
    value = MainCf.parse(source).get("a")
    assume(not value or (value[0] != "#" and "\r" not in value))
    assert edited(source, a=value) == source


@given(FILE_LIKE)
def test_setting_what_is_set_on_one_line_changes_no_byte(source):
    value = MainCf.parse(source).folded().get("a")
    assume(not value or (value[0] != "#" and not {"\r", "\0"} & set(value)))
    assert edited(source, a=value) == source


@given(FILE_LIKE, VALUES)
def test_what_is_set_is_read_back_and_nothing_else_changes(source, value):
    before = MainCf.parse(source).as_dict()
    after = MainCf.parse(edited(source, a=value)).as_dict()
    assert after.pop("a").split() == value.split()
    before.pop("a", None)
    assert after == before


@given(FILE_LIKE)
def test_what_is_removed_is_gone_and_nothing_else_changes(source):
    before = MainCf.parse(source).as_dict()
    before.pop("a", None)
    assert MainCf.parse(edited(source, a=None)).as_dict() == before


@given(FILE_LIKE, VALUES)
def test_comments_outlive_any_edit(source, value):
    def comments(text):
        return [line for line in map(str.strip, text.split("\n")) if line.startswith("#")]

    assert comments(edited(source, a=value)) == comments(source)
    assert comments(edited(source, a=None)) == comments(source)


@given(FILE_LIKE, VALUES)
def test_a_second_edit_finds_nothing_to_do(source, value):
    once = edited(source, a=value)
    assert plan(once, {"a": value}) == ({}, once)


def test_continuation_lines_are_joined():
    value = MainCf.parse(STOCK).get("mydestination")
    assert value == "$myhostname,  old.example.com,  localhost"


def test_a_line_break_and_the_white_space_around_it_are_one_blank_on_one_line():
    source = "a = x  y\n\tz\n# not this\n      end\nb =\n  c\n"
    assert MainCf.parse(source).folded() == {"a": "x  y z end", "b": "c"}


def test_an_empty_value_is_not_the_same_as_none():
    assert MainCf.parse(STOCK).get("relayhost") == ""
    assert MainCf.parse(STOCK).get("mydomain") is None


def test_the_last_duplicate_wins():
    assert MainCf.parse("a = 1\na = 2\n").as_dict() == {"a": "2"}


def test_a_change_takes_out_dead_duplicates_of_that_name_only():
    source = "a = 1\nb = 1\na = 2\nb = 2\n"
    assert edited(source, a=3) == "b = 1\na = 3\nb = 2\n"


def test_dead_duplicates_stay_where_nothing_changes():
    source = "a = 1\na = 2\n"
    assert edited(source, a=2) == source


def test_a_parameter_is_edited_in_its_place():
    assert edited(STOCK, biff=True) == STOCK.replace("biff = no", "biff = yes")


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("a = 1\n", "a = 2\n"),
        ("a=1\n", "a=2\n"),
        ("a\t=  1\n", "a\t=  2\n"),
        ("a=\n  1\n", "a=2\n"),
        ("a =\n  1\n", "a = 2\n"),
        ("a\n  = 1\n", "a = 2\n"),
        ("a = 1\r\n", "a = 2\r\n"),
        ("a = 1", "a = 2"),
    ],
)
def test_an_edit_keeps_the_authors_spacing(line, after):
    assert edited(line, a=2) == after


def test_comments_inside_a_value_stay_below_it():
    assert "mydestination = x\n  # this host under its old name\nrelayhost" in edited(
        STOCK, mydestination="x"
    )


def test_a_value_that_only_differs_in_its_folding_is_left_alone():
    assert edited(STOCK, mydestination=["$myhostname", "old.example.com", "localhost"]) == STOCK


def test_a_new_parameter_goes_to_the_end_of_a_file_without_a_final_newline():
    assert edited("a = 1", b="x y") == "a = 1\nb = x y\n"


def test_none_and_lists_and_booleans_are_understood():
    source = "a = 1\n"
    assert edited(source, a=None, b=["x", "y"], c=False) == "b = x, y\nc = no\n"


def test_only_real_changes_are_reported():
    changes, _ = plan(STOCK, {"biff": False, "relayhost": None, "mydomain": None, "new": 1})
    assert changes == {"relayhost": {"old": "", "new": None}, "new": {"old": None, "new": "1"}}


def test_lines_postfix_rejects_or_ignores_are_listed_with_their_numbers():
    conf = MainCf.parse("  stray\na = 1\noops\n=x\n\nb c = d\n")
    assert conf.malformed() == [(1, "stray"), (3, "oops"), (4, "=x"), (6, "b c = d")]


def test_a_value_that_would_be_fatal_is_refused_before_anything_changes():
    with pytest.raises(ValueError, match=r"mydomain: .*never closed"):
        plan(STOCK, {"biff": True, "mydomain": "${x"})


def test_character_lists_may_hold_any_dollar():
    assert edited("", smtpd_expansion_filter="!#$%") == "smtpd_expansion_filter = !#$%\n"


def test_an_odd_name_that_is_in_the_file_can_be_taken_out():
    assert plan("a$ = 1\nb = 2\n", {"a$": None})[1] == "b = 2\n"
    with pytest.raises(ValueError, match="parameter name"):
        plan("b = 2\n", {"a$": None})
