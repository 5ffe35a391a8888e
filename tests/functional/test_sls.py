"""Each SLS compiles alone, and its ids and what it comes after are those that the page promises."""

import re

import pytest

from .conftest import REPOSITORY

ROOT = "postfix_sasl"
FILES = sorted((REPOSITORY / ROOT).rglob("*.sls"))
PAGE = (REPOSITORY / "docs/own-sls.md").read_text()
ROW = re.compile(rf"\| `({ROOT}[\w.]+)` \| `({ROOT}-[\w-]+)` \| (.*?) ?\|")
PROMISED = {sls: (name, after) for sls, name, after in ROW.findall(PAGE)}
# They run on a master.
NOT_FOR_A_MINION = {"reactor.drift", "orch.rollout"}


def name(path):
    """Return how an SLS file is named in `include`, without the formula's name."""
    parts = path.relative_to(REPOSITORY / ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "init" else parts)


SLS = [name(path) for path in FILES if name(path) not in NOT_FOR_A_MINION]


@pytest.fixture
def compiled(modules):
    """A function that compiles an SLS alone, and returns its states in the order they run."""
    return lambda sls: modules.state.show_low_sls(".".join(filter(None, (ROOT, sls))))


@pytest.mark.parametrize("sls", SLS)
def test_it_compiles_alone(compiled, sls):
    states = compiled(sls)
    assert states or sls == "sync"  # which has a state only where something is due
    for state in states:
        assert isinstance(state, dict), state
        assert re.fullmatch(rf"{ROOT}-[a-z0-9]+-[a-z_]+", state["__id__"])


@pytest.mark.parametrize("sls", [each for each in SLS if each not in ("", "sync")])
def test_it_has_the_id_and_comes_after_what_the_page_says(compiled, sls):
    states = compiled(sls)
    [own] = [state for state in states if state["__sls__"] == f"{ROOT}.{sls}"]
    required = [each[ROOT].split("-")[1] for each in own.get("require", [])]
    assert PROMISED[f"{ROOT}.{sls}"] == (own["__id__"], ", ".join(required))


def test_the_page_promises_nothing_else():
    assert set(PROMISED) == {f"{ROOT}.{sls}" for sls in SLS} - {f"{ROOT}.", f"{ROOT}.sync"}


def test_all_parts_are_in_the_whole(compiled):
    whole = {state["__id__"] for state in compiled("")}
    parts = {ident for ident, _ in PROMISED.values() if not ident.endswith("-removed")}
    assert parts <= whole
