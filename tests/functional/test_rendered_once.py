"""The settings' template is rendered once in a state run, and anew in each call outside of one."""

import pytest

URL = "salt://postfix_sasl/files/settings.json.jinja"


@pytest.fixture
def module(loaders):
    """The function postfix_sasl.check, and the names that it sees."""
    check = loaders.modules.postfix_sasl.check
    return check, check.__globals__


@pytest.fixture
def renderings(module, monkeypatch):
    """A list that gets longer with each rendering."""
    _, names = module
    source = names["postfix_sasl_pillar"].Source
    found, real = [], source.rendered
    monkeypatch.setattr(
        source, "rendered", lambda *arguments: found.append(arguments) or real(*arguments)
    )
    return found


@pytest.mark.parametrize(
    ("context", "times"), [({"fileclient": object()}, 1), ({}, 3)], ids=["state run", "calls"]
)
def test_how_often(module, renderings, monkeypatch, context, times):
    check, names = module
    monkeypatch.setitem(names, "__context__", context)
    assert [check(settings=URL)["tls:mode"] for _ in range(3)] == ["may"] * 3
    assert len(renderings) == times


def test_a_dictionary_is_not_kept(module, renderings, monkeypatch):
    check, names = module
    monkeypatch.setitem(names, "__context__", {"fileclient": object()})
    assert check(settings=URL)["tls:mode"] == "may"
    assert check(settings={"tls": {"mode": "encrypt"}})["tls:mode"] == "encrypt"
    assert check(settings=URL)["tls:mode"] == "may"
    assert len(renderings) == 1
