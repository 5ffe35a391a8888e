"""No minion goes on with modules in memory that a sync has replaced."""

import ast
import importlib
import pathlib
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
UTILS = REPOSITORY / "_utils"
FILES = [
    path
    for folder in REPOSITORY.glob("_*")
    for path in sorted(folder.glob("*.py"))
    if folder != UTILS and "import postfix_sasl_" in path.read_text()
]
HEADER = "__version__ = postfix_sasl_current.version()"


@pytest.fixture
def synced(tmp_path, monkeypatch):
    """A function that syncs a release, and imports its two modules as a loaded file would."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if ours(name)}
    current = (UTILS / "postfix_sasl_current.py").read_text()
    (tmp_path / "postfix_sasl_current.py").write_text(current)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def sync(version):
        mark = f'"""The mark."""\n\nVERSION = "{version}"\n'
        (tmp_path / "postfix_sasl_version.py").write_text(mark)
        (tmp_path / "postfix_sasl_one.py").write_text(f"VALUE = {version!r}\n")
        (tmp_path / "postfix_sasl_two.py").write_text("import postfix_sasl_one as one\n")
        return load

    def load():
        importlib.invalidate_caches()
        version = importlib.import_module("postfix_sasl_current").version()
        one, two = (importlib.import_module(f"postfix_sasl_{name}") for name in ("one", "two"))
        return version, one, two

    yield sync
    for name in list(sys.modules):
        if ours(name):
            del sys.modules[name]
    sys.modules.update(kept)


def ours(name):
    return name.startswith("postfix_sasl_")


def test_modules_stay_the_same_while_the_version_does(synced):
    load = synced("first")
    assert load() == load()


def test_another_version_replaces_all_modules_together(synced):
    _, old, _ = synced("first")()
    version, one, two = synced("second")()
    assert version == "second" and one.VALUE == "second"
    assert old.VALUE == "first"
    assert two.one is one


def test_the_version_after_that_is_noticed_too(synced):
    values = [synced(version)()[1].VALUE for version in ("first", "second", "third", "third")]
    assert values == ["first", "second", "third", "third"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_that_salt_loads_asks_before_it_imports(path):
    asked = False
    for statement in ast.parse(path.read_text()).body:
        if ast.unparse(statement) == HEADER:
            asked = True
        names = [alias.name for alias in getattr(statement, "names", ())]
        if isinstance(statement, ast.ImportFrom):
            names = [statement.module]
        for name in names:
            assert asked or not ours(name) or name == "postfix_sasl_current", name
    assert asked
