"""Whatever a page tells to type, a test types: each heading with commands is followed by one."""

import ast
from pathlib import Path

import pytest
from support import pages

TESTS = Path(__file__).resolve().parents[1]


def followed():
    """Return (page, heading) of each `walk.follow` in a test; heading None for the whole page."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in TESTS.rglob("test_*.py")]
    return {
        follow
        for tree in trees
        for test in ast.walk(tree)
        if isinstance(test, ast.FunctionDef)
        for call in ast.walk(test)
        if isinstance(call, ast.Call)
        for follow in of_call(call, test)
    }


def of_call(call, test):
    """Return what a call follows: `walk.follow(...)`, or `submit(walk.follow, ...)` of a thread."""
    words = [call.func, *call.args]
    at = [number for number, word in enumerate(words) if ast.unparse(word) == "walk.follow"]
    if not at:
        return []
    _host, page, *rest = words[at[0] + 1 :]
    heading = rest[0] if rest else ast.Constant(None)
    return [(value(page, test), value(heading, test))]


def value(node, test):
    """Return what a literal is, or a name that the test gives a literal."""
    if isinstance(node, ast.Name):
        [node] = [
            each.value
            for each in ast.walk(test)
            if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == node.id
        ]
    return ast.literal_eval(node)


FOLLOWED = followed()


@pytest.mark.parametrize(("page", "heading"), pages.with_commands(), ids=str)
def test_a_test_types_the_commands_of(page, heading):
    assert {(page, heading), (page, None)} & FOLLOWED, f"no test follows {page}, {heading!r}"


@pytest.mark.parametrize(("page", "heading"), sorted(FOLLOWED, key=str), ids=str)
def test_there_is_something_to_type_in(page, heading):
    commands = pages.with_commands()
    assert any(key[0] == page and heading in (None, key[1]) for key in commands)
