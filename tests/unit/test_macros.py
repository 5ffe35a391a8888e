"""``$name`` in values; that postconf(1) reads the same is seen in the functional tests."""

import pytest
from postfix_sasl_macros import expand, names_in

VALUES = {
    "name": "value",
    "nested": "a $name b",
    "empty": "",
    "loop": "$pool",
    "pool": "$loop",
    "level": "3.10",
    "yes": "${name?{$nested}:{no}}",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$name", "value"),
        ("${name} $(name), $name.", "value value, value."),
        ("$nested", "a value b"),
        ("5$$", "5$"),
        ("$nosuch|", "|"),
        ("${name?yes}${empty?no}", "yes"),
        ("${name:no}${empty:yes}", "yes"),
        ("${name?{a}:{b}} ${empty?{a}:{b}}", "a b"),
        ("${name ? {a} : {b}}", "a"),
        ("$yes", "a value b"),
        ("${{$name} == {value} ? {same} : {other}}", "same"),
        ("${{$level} <level {3.9} ? {old} : {new}}", "new"),
        ("${{2} < {10} ? {less} : {more}}", "less"),
        ("${{a} != {b} ? {differs}}", "differs"),
    ],
)
def test_expand(text, expected):
    assert expand(text, lambda name: VALUES.get(name, "")) == expected


@pytest.mark.parametrize("text", ["$loop", "${name", "${name!x}", "${{a} ~ {b} ? {c}}", "$unknown"])
def test_what_cannot_be_told(text):
    assert expand(text, VALUES.get) is None


def test_names_in():
    text = "$a ${b} $(c) ${d?{$e}:{x}} ${{$f} == {g} ? {$h}} $$ i"
    assert set(names_in(text)) >= set("abcdefh")
    assert "i" not in names_in(text)
