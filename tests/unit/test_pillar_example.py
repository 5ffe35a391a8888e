"""pillar.example: it is YAML, it is valid, and it has every key."""

import pathlib

import pytest
from postfix_sasl_options import OPTIONS
from postfix_sasl_settings import check

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "pillar.example"


@pytest.fixture
def example():
    return pytest.importorskip("yaml").safe_load(EXAMPLE.read_text())


def test_it_is_a_valid_pillar(example):
    assert list(example) == ["postfix_sasl"]
    check(example["postfix_sasl"])


@pytest.mark.parametrize("key", OPTIONS)
def test_it_has(example, key):
    value = example["postfix_sasl"]
    for name in key.split(":"):
        assert name in value
        value = value[name]


# The rest says what it would be without the line.
SHOWS_SOMETHING = (
    *("main", "master", "sasl:options", "pam:rules", "services:submission:options"),
    *("services:fetchmail:enabled", "fetchmail:enabled", "fetchmail:poll"),
    *("relay:host", "relay:username", "relay:password"),
)


@pytest.mark.parametrize("key", sorted(set(OPTIONS) - set(SHOWS_SOMETHING)))
def test_it_shows_the_default_of(example, key):
    assert check(example["postfix_sasl"])[key] == OPTIONS[key].default
