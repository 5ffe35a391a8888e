"""The grammar that both files share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from postfix_sasl_lines import (
    Document,
    check_braces,
    check_macros,
    check_name,
    nearest,
    split_name_value,
    to_text,
)

FILE_LIKE = st.text(alphabet="ab=#\n\n \t\r\v\0{}-$é\u0085\u2028\udc80").filter(bool)


def texts(source):
    return [line.text for line in Document.parse(source).logical_lines()]


@given(FILE_LIKE)
def test_an_unedited_document_is_the_same_text(source):
    assert str(Document.parse(source)) == source


@given(st.text())
def test_any_text_at_all_survives(source):
    assert str(Document.parse(source)) == source


@given(FILE_LIKE)
def test_the_mask_is_as_long_as_the_raw_text(source):
    for line in Document.parse(source).logical_lines():
        assert len(line.mask) == len(line.raw)


def test_a_line_that_starts_with_white_space_continues_the_one_before():
    assert texts("a = b\n  c\n\td\ne = f\n") == ["a = b  c\td", "e = f"]


@pytest.mark.parametrize("between", ["# comment\n", "   # indented\n", "\n", " \t \n", "\r\n"])
def test_comments_and_empty_lines_do_not_end_a_logical_line(between):
    assert texts(f"a = b\n{between}  c\n") == ["a = b  c"]


def test_a_comment_after_a_logical_line_is_not_part_of_it():
    assert [line.raw for line in Document.parse("a = b\n# c\n\nd = e\n").logical_lines()] == [
        "a = b\n",
        "d = e\n",
    ]


def test_a_continuation_of_nothing_is_a_stray():
    lines = Document.parse("# top\n  lost\n more\na = b\n").logical_lines()
    assert [line.is_stray for line in lines] == [True, False]


def test_characters_that_only_unicode_calls_white_space_are_text():
    assert texts("a = b\n\u00a0c\n") == ["a = b", "\u00a0c"]


def test_text_after_a_nul_is_not_seen():
    assert texts("a = b\0c\n  d\n") == ["a = b"]


def test_lines_are_numbered_from_one():
    numbered = Document.parse("# one\n\na = b\n c\n# five\nd = e\n").numbered()
    assert [number for number, _ in numbered] == [3, 6]


def test_deleting_a_line_keeps_the_comments_inside_it():
    document = Document.parse("a = b\n# why\n  c\nd = e\n")
    document.delete(document.logical_lines()[0])
    assert str(document) == "# why\nd = e\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "x = y\n"),
        ("a = b", "a = b\nx = y\n"),
        ("# end", "# end\nx = y\n"),
        ("a = b\r\n", "a = b\r\nx = y\r\n"),
    ],
)
def test_appending_starts_a_line_of_its_own(before, after):
    document = Document.parse(before)
    document.append("x = y")
    assert str(document) == after


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("a=b", ("a", "b")),
        ("a \t=  b c ", ("a", "b c")),
        ("a=", ("a", "")),
        ("a==b", ("a", "=b")),
        ("a", None),
        ("= b", None),
        ("a b = c", None),
        ("", None),
    ],
)
def test_name_and_value_are_split_as_postfix_splits_them(text, pair):
    assert split_name_value(text) == pair


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (False, "no"),
        (7, "7"),
        ("  spaced\t", "spaced"),
        (["a", True, 3], "a, yes, 3"),
        ([], ""),
        ("", ""),
        ("a  #b", "a  #b"),
    ],
)
def test_values_become_text(value, text):
    assert to_text("x", value, ", ") == text


@pytest.mark.parametrize(
    "value",
    ["a\nb", "a\n", "a\rb", "a\0b", "a\x1bb", "a\x7f", "#a", "  #a", 3.1, None, {"a": 1}, [["a"]]],
)
def test_values_that_would_break_out_are_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^x: "):
        to_text("x", value, ", ")


@pytest.mark.parametrize("name", ["mydomain", "_x", "1st", "my-service_delay", "10.0.0.1:25_time"])
def test_names_that_could_be_parameters_are_taken(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", " a", "a b", "a=b", "#a", "-o", "a\nb", "$a", "ä", None, 1, "{a}"]
)
def test_odd_names_are_refused(name):
    with pytest.raises(ValueError, match="parameter name"):
        check_name(name)


@pytest.mark.parametrize(
    "value", ["$a", "${a}", "$(a)", "${a?{b}:{c}}", "5$$", "$$", "a${b}$c/d", ""]
)
def test_macros_that_postfix_can_expand_are_taken(value):
    assert check_macros("x", value) == value


@pytest.mark.parametrize("value", ["${a", "$(a", "${a?{b}", "5$", "$ a", "$$$", "${}", "$()", "$-"])
def test_macros_that_are_fatal_to_postfix_are_refused(value):
    with pytest.raises(ValueError, match=r"^x: "):
        check_macros("x", value)


@pytest.mark.parametrize("value", ["{", "}", "}{", "a{b", "{{}"])
def test_unbalanced_braces_are_refused(value):
    with pytest.raises(ValueError, match="balanced"):
        check_braces("x", value)


def test_the_nearest_name_is_suggested():
    assert nearest("smtpd_baner", ["smtpd_banner", "relayhost"]) == "; did you mean smtpd_banner?"
    assert nearest("zzz", ["smtpd_banner"]) == ""
