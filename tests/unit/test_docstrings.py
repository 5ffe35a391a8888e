"""What people call says what it takes and returns, and shows how: the pages are made of it."""

import ast
import re

import pytest
from salt_functions import ROOT, functions


def of(*folders):
    """Return ``{file and name: (name, arguments, docstring)}`` of all public functions."""
    return {
        f"{folder}/{path.stem}.{name}": (f"{path.stem}.{name}", arguments, docstring)
        for folder in folders
        for path in sorted((ROOT / folder).glob("*.py"))
        for name, arguments, docstring in functions(path)
    }


CALLED = of("_modules", "_runners")
STATES = of("_states")
EVERYTHING = {**CALLED, **STATES, **of("_beacons", "_output")}


def names(arguments):
    args = ast.parse(f"def f({arguments}): pass").body[0].args
    return [each.arg for each in (*args.args, args.vararg, args.kwarg) if each]


def test_there_is_something_to_look_at():
    assert {"_modules/postconf.set", "_runners/postfix_sasl.report"} <= set(CALLED)
    assert "_states/postfix_master.absent" in STATES


@pytest.mark.parametrize("function", CALLED)
def test_a_cli_example_of(function):
    name, _, docstring = CALLED[function]
    program = "salt-run" if function.startswith("_runners") else r"salt \S+"
    block = docstring.partition("CLI Example:\n\n.. code-block:: bash\n\n")[2]
    assert re.match(rf"    {program} {re.escape(name)}\b", block)


@pytest.mark.parametrize("function", STATES)
def test_an_sls_example_of(function):
    name, _, docstring = STATES[function]
    block = docstring.partition(".. code-block:: yaml\n\n")[2]
    assert re.search(rf"^      {re.escape(name)}:", block, re.MULTILINE)


@pytest.mark.parametrize("function", EVERYTHING)
def test_what_it_takes(function):
    _, arguments, docstring = EVERYTHING[function]
    # "name", "one, another" or "name (what else)" on a line of its own, its meaning beneath.
    terms = re.findall(r"^([a-z_][\w, ]*?)(?: \(.*\))?\n {4}\S", docstring, re.MULTILINE)
    told = {name for term in terms for name in term.split(", ")}
    assert set(names(arguments)) - {"data", "_kwargs", "kwargs"} == told


@pytest.mark.parametrize("function", EVERYTHING)
def test_what_it_returns(function):
    assert re.search(r"\b[Rr]eturns?\b", EVERYTHING[function][2])
