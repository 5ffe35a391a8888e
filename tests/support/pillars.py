"""Pillars for tests, and what the formula complains about in one."""

import pytest
from postfix_sasl_settings import BadPillar, check

POLL = {"server": "pop.example.org", "users": [{"remote": "a", "password": "b", "local": "c"}]}
PEM = "-----BEGIN X-----\nMIIB\n-----END X-----\n"


def pillar(key, value):
    """Return nested pillar with *value* at *key*."""
    for name in reversed(key.split(":")):
        value = {name: value}
    return value


def problems(data):
    """Return the lines of the complaint about pillar *data*."""
    with pytest.raises(BadPillar) as bad:
        check(data)
    return str(bad.value).split("\n")
