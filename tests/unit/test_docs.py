"""README and docs: what is generated is current, and Sphinx finds nothing to complain about."""

import importlib
import re
import runpy

import pillar_reference
import pytest
import yaml
from postfix_sasl_doctor import CHECKS
from postfix_sasl_options import OPTIONS
from postfix_sasl_settings import check
from support import pages

ROOT = pillar_reference.ROOT
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
WAYS_IN = ("masterless", "master", "salt-ssh", "gitfs", "spm")
SCREEN = 50  # lines


def test_the_page_of_the_pillar_is_what_the_table_says():
    assert pillar_reference.PATH.read_text(encoding="utf-8") == pillar_reference.text(), "bin/docs"


@pytest.mark.parametrize("key", OPTIONS)
def test_the_page_of_the_pillar_has(key):
    page = pillar_reference.PATH.read_text(encoding="utf-8").splitlines()
    assert f"## {key}" in page or f"### {key}" in page


@pytest.mark.parametrize("key", pillar_reference.EXAMPLES)
def test_its_example_is_a_pillar_with(key):
    value = yaml.safe_load(pillar_reference.example(key))["postfix_sasl"]
    assert check(value)[key] != OPTIONS[key].default


def pillars():
    """Return each YAML block of a page that is a pillar, or a part of one."""
    is_pillar = re.compile(r"^postfix_sasl:", re.MULTILINE).search
    return [each for each in pages.blocks() if each.language == "yaml" and is_pillar(each.text)]


@pytest.mark.parametrize("block", pillars(), ids=str)
def test_a_pillar_on_a_page_is_valid_and_says_something(block):
    value = completed(yaml.safe_load(block.text)["postfix_sasl"])
    assert check(value) != check({})


def completed(value):
    """Return a pillar with all that a page leaves out: lines of certificates and keys."""
    if isinstance(value, dict):
        return {name: completed(each) for name, each in value.items()}
    if isinstance(value, str) and value.endswith(f"{pages.LEFT_OUT}\n"):
        return f"{value}-----END CERTIFICATE-----\n"
    return value


def test_the_pages_can_be_built_and_no_link_is_broken(tmp_path, capfd):
    build = runpy.run_path(str(ROOT / "bin/docs"))["build"]
    assert build(tmp_path) == 0, capfd.readouterr().err
    assert (tmp_path / "docs/index.html").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_it_names_is_there(page):
    named = re.findall(r"`([\w./-]+\.(?:py|md))`", page.read_text(encoding="utf-8"))
    missing = [name for name in named if not is_here(name)]
    assert missing == []


@pytest.mark.parametrize("page", WAYS_IN)
def test_a_way_in_is_at_most_one_screen(page):
    text = (ROOT / f"docs/{page}.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= SCREEN


def test_what_it_says_of_how_it_works_is_there():
    text = (ROOT / "docs/how-it-works.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(postfix_sasl_\w+)\.(?!py`)(\w+)`", text))
    assert len(named) > 5
    missing = [each for each in named if not hasattr(importlib.import_module(each[0]), each[1])]
    assert missing == []


def test_the_checks_of_the_doctor_that_it_names_are_there():
    text = (ROOT / "docs/how-it-works.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [1-6] \|.*\|(.*)\|$", text, re.MULTILINE)
    assert len(rows) == 6
    named = {name for row in rows for name in re.findall(r"\*([^*]+)\*", row)}
    assert named <= {each.name for each in CHECKS}


def is_here(name):
    """Whether there is a file of that name, by its path from the root or without its folder."""
    if "/" in name or (ROOT / name).exists():
        return (ROOT / name).exists()
    return any(ROOT.glob(f"*/{name}")) or any(ROOT.glob(f"tests/*/{name}"))
