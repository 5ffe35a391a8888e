"""Text of files and peers, as it is shown and sent."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from postfix_sasl_text import quoted, visible

# What a terminal does not show, or obeys.
UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def texts(data):
    """Return every text in some data, names included."""
    if isinstance(data, dict):
        return [text for pair in data.items() for each in pair for text in texts(each)]
    if isinstance(data, list):
        return [text for each in data for text in texts(each)]
    return [data] if isinstance(data, str) else []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nof two lines", "plain\ttext\nof two lines"),
        ("für 日本 ½", "für 日本 ½"),
        (b"gr\xfc\xdf \xe2\x82".decode("utf-8", "surrogateescape"), r"gr\xfc\xdf \xe2\x82"),
        ("\x1b[31m\x00\x7f\x9b\r", r"\x1b[31m\x00\x7f\x9b\r"),
        ("\u202e\u2028\ud800", r"\u202e\u2028\ud800"),
    ],
)
def test_what_can_not_be_seen_is_written_out(text, shown):
    assert visible(text) == shown
    assert visible({text: [text, (text,)], "n": None}) == {shown: [shown, [shown]], "n": None}


@given(NESTED)
def test_whatever_it_is_it_can_be_sent_and_is_seen(data):
    seen = visible(data)
    assert visible(seen) == seen
    for text in texts(seen):
        text.encode()
        assert not [c for c in text if unicodedata.category(c) in UNSEEN and c not in "\n\t"]


@given(st.binary())
def test_in_quotes_a_byte_is_a_byte(content):
    text = quoted(content.decode("utf-8", "surrogateescape"))
    assert text.isprintable() and "\\udc" not in text
