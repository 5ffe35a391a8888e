"""The pillar's JSON Schema says what the formula's own check says, as far as a schema can."""

import json
import re

import pillar_schema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from postfix_sasl_options import OPTIONS
from postfix_sasl_settings import BadPillar, check
from postfix_sasl_wrong import Wrong
from support.pillars import pillar

from unit.test_pillar_example import EXAMPLE
from unit.test_settings import FULL_POLL, RIGHT, WRONG, cases
from unit.test_settings_any import ANY_KEY, MAYBE_RIGHT

# What only the formula's own check refuses, in its words.
BEYOND_A_SCHEMA = (
    r"balanced braces",
    r"is never closed",
    r"a \$ has no name after it",
    r"a -o option goes under options",
    r"a path of 80 characters at most",
    r"it takes a rule|modules by their names|by their names alone|whole rule",
    r"runs a program as root",
    r"got -?[0-9.e+]+\.0; |got the number|got -?[0-9.e+]+e\+[0-9]+; ",  # 5.0 is an integer to JSON
)


def for_python(schema):
    """Return *schema* with the $ of JSON's regular expressions, the very end, as Python has it."""
    if isinstance(schema, list):
        return [for_python(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: for_python(each) for name, each in schema.items()}
    if isinstance(schema.get("pattern"), str):
        found["pattern"] = schema["pattern"].replace("$", r"\Z")
    if "patternProperties" in schema:
        of_names = found["patternProperties"]
        found["patternProperties"] = {
            name.replace("$", r"\Z"): each for name, each in of_names.items()
        }
    return found


SCHEMA = for_python(json.loads(pillar_schema.PATH.read_text(encoding="utf-8")))
VALIDATOR = Draft7Validator(SCHEMA)


def is_taken(data):
    return VALIDATOR.is_valid({"postfix_sasl": data})


def test_the_file_is_what_the_table_says():
    assert pillar_schema.PATH.read_text(encoding="utf-8") == pillar_schema.text(), "run bin/docs"


def test_it_is_a_schema():
    Draft7Validator.check_schema(pillar_schema.schema())


def test_the_example_is_right_by_it_and_names_it():
    yaml = pytest.importorskip("yaml")
    text = EXAMPLE.read_text(encoding="utf-8")
    VALIDATOR.validate(yaml.safe_load(text))
    named = re.search(r"^# yaml-language-server: \$schema=(\S+)$", text, re.MULTILINE)[1]
    assert (EXAMPLE.parent / named).resolve() == pillar_schema.PATH


@pytest.mark.parametrize("key", OPTIONS)
def test_it_has_meaning_and_default_of(key):
    found = SCHEMA["properties"]["postfix_sasl"]
    for name in key.split(":"):
        found = found["properties"][name]
    assert found["description"].startswith(OPTIONS[key].meaning)
    assert OPTIONS[key].type.takes in found["description"]
    assert found.get("default") == OPTIONS[key].default


@pytest.mark.parametrize(("key", "value"), [case[:2] for case in cases(RIGHT)])
def test_it_takes(key, value):
    assert is_taken(pillar(key, value)) and is_taken({key: value})


@pytest.mark.parametrize("key", OPTIONS)
def test_it_takes_null_for(key):
    assert is_taken(pillar(key, None))


@pytest.mark.parametrize(("key", "value", "words"), cases(WRONG))
def test_it_refuses(key, value, words):
    beyond = (
        *("never closed", "{ }", "80 characters", "no more than drift:interval", "got 1.0"),
        *("runs a program as root", "modules by their names", "by their names alone", "whole rule"),
        "it takes a rule",
    )
    assert is_taken(pillar(key, value)) == words.startswith(beyond)


@pytest.mark.parametrize(
    "data",
    [
        *({"main": {"a": value}} for value in ("#", " # b", "a\nb", "a\tb", 1.5, {}, [[]], ["#"])),
        *({"main": {name: "x"}} for name in ("", "-a", "a b", "a=")),
        *({"master": {key: {}}} for key in ("smtp", "smtp/tcp", "/inet", "a b/unix", "-/unix")),
        *(
            {"master": {"a/unix": {"command": "pipe", **fields}}}
            for fields in (
                *({"command": value} for value in ("{a}", "-a", "#a", "a b", "", 1)),
                *({"chroot": value} for value in ("yes", 1, "")),
                *({"wakeup": value} for value in ("x", -1, True, "5??")),
                *({"process_limit": value} for value in ("x", -1, True, "5?")),
                *({"args": value} for value in ("a", [True], [None], ["#"], ["a\tb"])),
                *({"options": value} for value in ([], {"a b": 1}, {"a": "#"}, {"a": {}})),
                {"chrot": "y"},
            )
        ),
        {"master": {"smtp/inet": {"private": "y"}}},
        {"master": {"smtp/inet": {"private": True}}},
    ],
)
def test_it_refuses_as_the_formula_does(data):
    assert not is_taken(data)
    with pytest.raises(BadPillar):
        check(data)


@pytest.mark.parametrize("data", [{"tsl": {}}, {"tls": {"mod": "may"}}, {"tls": "may"}, [], "may"])
def test_it_refuses_what_is_no_key(data):
    assert not is_taken(data)


def near(schema):
    """Return a strategy for values about as often right by *schema* as not."""
    others = SCALARS | st.lists(SCALARS, max_size=1) | st.dictionaries(ANY_KEY, SCALARS, max_size=1)
    kinds = [others]
    if "anyOf" in schema:
        kinds += [near(each) for each in schema["anyOf"]]
    if "enum" in schema:
        kinds.append(st.sampled_from(schema["enum"]))
    if "pattern" in schema:
        kinds += [st.from_regex(schema["pattern"]), PIECES]
    if "minimum" in schema:
        kinds.append(st.integers(schema["minimum"] - 1, schema.get("maximum", 9) + 1))
    if "items" in schema:
        kinds.append(st.lists(near(schema["items"]), max_size=3))
    if "properties" in schema:
        fields = {name: near(each) for name, each in schema["properties"].items()}
        required = {name: fields.pop(name) for name in schema.get("required", ())}
        kinds.append(st.fixed_dictionaries(required, optional=fields))
    if "patternProperties" in schema and "properties" not in schema:
        kinds += [
            st.dictionaries(st.from_regex(name) | ANY_KEY, near(each), max_size=2)
            for name, each in schema["patternProperties"].items()
        ]
    return st.one_of(kinds)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
)
# Text of what means something in paths, addresses, main.cf or master.cf.
PIECES = st.lists(st.sampled_from([*"/.:@-${}# \t\n,=a1o", "var", "run", "tmp"]), max_size=8).map(
    "".join
)
SECTION = SCHEMA["properties"]["postfix_sasl"]


@given(near(SECTION) | MAYBE_RIGHT)
@example({"fetchmail": {"poll": [{**FULL_POLL, "sever": None}]}})
@example({"services:submission": {"enabled": False}, "tls": None})
@example({"sasl": {"sender_logins": {"nobody": None}}})
def test_what_it_refuses_the_formula_refuses(data):
    if not is_taken(data):
        with pytest.raises(BadPillar):
            check(data)


def schema_at(key):
    found = SECTION
    for name in key.split(":"):
        found = found["properties"][name]
    return found


@st.composite
def keys_with_values(draw):
    key = draw(st.sampled_from(sorted(OPTIONS)))
    return key, draw(near(schema_at(key)))


@given(keys_with_values())
@example(("main", {"a": ["b", "c "], "d": "\te "}))
@example(("saslauthd:run_dir", "/var//run/"))
@example(("tls:certificate", "/a/../b"))
def test_what_it_takes_for_a_key_the_formula_takes(key_and_value):
    key, value = key_and_value
    if value is None or not is_taken(pillar(key, value)):
        return
    try:
        OPTIONS[key].type.check(value)
    except Wrong as wrong:
        for each in wrong.each:
            assert any(re.search(words, str(each)) for words in BEYOND_A_SCHEMA), str(each)
