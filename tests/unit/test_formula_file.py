"""FORMULA, from which `spm build` makes a package."""

from pathlib import Path

import yaml
from support.layers import FORMULA_DIRECTORIES

REPOSITORY = Path(__file__).resolve().parents[2]
FORMULA = yaml.safe_load((REPOSITORY / "FORMULA").read_text())


def test_the_package_has_what_a_minion_and_a_master_need_and_no_tests():
    named = set(FORMULA["files"])
    assert named == {"FORMULA", "LICENSE", "README.md", "pillar.example", *FORMULA_DIRECTORIES}
    assert all((REPOSITORY / name).exists() for name in named)


def test_no_key_is_empty_since_spm_stops_at_that():
    assert [key for key, value in FORMULA.items() if value is None] == []
