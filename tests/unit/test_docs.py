"""README and docs: what is generated is current, and Sphinx finds nothing to complain about."""

import runpy

import pillar_reference
import pytest
import yaml
from postfix_sasl_options import OPTIONS
from postfix_sasl_settings import check

ROOT = pillar_reference.ROOT


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


def test_the_pages_can_be_built_and_no_link_is_broken(tmp_path, capfd):
    build = runpy.run_path(str(ROOT / "bin/docs"))["build"]
    assert build(tmp_path) == 0, capfd.readouterr().err
    assert (tmp_path / "docs/index.html").exists()
