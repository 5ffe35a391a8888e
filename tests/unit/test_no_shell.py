"""No code of ours starts a process through a shell, or with a command that is one string."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("_beacons", "_modules", "_output", "_runners", "_states", "_utils")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.py"))
STARTERS = {"Popen", "call", "check_call", "check_output", "run"}
# Each starts a shell, or code that a string holds.
FORBIDDEN = {
    *("os.popen", "os.system", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("eval", "exec", "pty.spawn", "pickle.load", "pickle.loads", "yaml.load", "yaml.unsafe_load"),
}
SHELLS = {"sh", "bash", "dash", "env", "python", "python3", "perl", "xargs"}


def name_of(node):
    """Return a called function as it is written: `os.system`, `__salt__["cmd.run"]`."""
    return ast.unparse(node.func)


def words_of(call):
    """Return the node of the command: the first argument, or the keyword `args`."""
    given = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "args")]
    return given[0] if given else None


def lists_of(node, tree):
    """Return the nodes that the command may be: itself, or what a name stands for."""
    if not isinstance(node, ast.Name):
        return [node]
    assigned = [
        each.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Assign)
        and any(isinstance(to, ast.Name) and to.id == node.id for to in each.targets)
    ]
    arguments = [
        each for each in ast.walk(tree) if isinstance(each, ast.arg) and each.arg == node.id
    ]
    return [*assigned, *arguments]


def complaints(text):
    """Return what is wrong with the calls in a source text, one line each."""
    tree, found = ast.parse(text), []
    imported = {
        each.asname or each.name: f"{node.module}.{each.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = imported.get(name_of(call), name_of(call))
        keywords = {each.arg: each.value for each in call.keywords}
        if name in FORBIDDEN or name.startswith(("os.exec", "os.spawn", "os.posix_spawn")):
            found.append(f"{call.lineno}: {name}")
        elif "'cmd." in name:
            if ast.unparse(keywords.get("python_shell", ast.Constant(None))) != "False":
                found.append(f"{call.lineno}: {name} without python_shell=False")
            found += [f"{call.lineno}: {text}" for text in wrong_command(words_of(call), tree)]
        elif name in {f"subprocess.{each}" for each in STARTERS}:
            if "shell" in keywords:
                found.append(f"{call.lineno}: {name} with shell=")
            found += [f"{call.lineno}: {text}" for text in wrong_command(words_of(call), tree)]
    return found


def wrong_command(node, tree):
    """Say why a command is not a list of words, or one that starts a shell."""
    found = []
    for each in lists_of(node, tree):
        if isinstance(each, ast.arg):
            continue  # `run(command)`: its callers are judged by their own calls
        if not isinstance(each, ast.List):
            found.append(f"{ast.unparse(each)} is not a list")
        elif isinstance(each.elts[0], ast.Constant):
            program = each.elts[0].value.rpartition("/")[2]
            if program in SHELLS:
                found.append(f"{ast.unparse(each)} starts a shell")
    return found


def helper_complaints(text):
    """Return the calls of `postfix_sasl_daemons.run` whose command is not a list."""
    tree = ast.parse(text)
    return [
        f"{call.lineno}: {reason}"
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and name_of(call) in ("run", "postfix_sasl_daemons.run")
        for reason in wrong_command(words_of(call), tree)
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_processes_are_started_with_lists_and_without_a_shell(path):
    text = path.read_text()
    assert complaints(text) == []
    # Its own module takes a command from others; `run` of another one may be something else.
    if "postfix_sasl_daemons" in text or path.stem == "postfix_sasl_daemons":
        assert helper_complaints(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.system(x)",
        "from os import system\nsystem(x)",
        "import subprocess\nsubprocess.run('ls ' + x)",
        "import subprocess\nsubprocess.run(x.split(), check=True)",
        "import subprocess\nsubprocess.run([x], shell=True)",
        "import subprocess\nsubprocess.run(args=f'ls {x}')",
        "import subprocess\ncommand = f'ls {x}'\nsubprocess.Popen(command)",
        "import subprocess\nsubprocess.check_output(['/bin/sh', '-c', x])",
        "from subprocess import run\nrun('ls')",
        "import os\nos.execvp(x, [x])",
        "__salt__['cmd.run'](['ls', x])",
        "__salt__['cmd.run_all']('ls ' + x, python_shell=False)",
        "eval(x)",
    ],
)
def test_the_wrong_way_is_noticed(text):
    assert complaints(text)


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess\nsubprocess.run(['ls', x], check=True)",
        "import subprocess\ncommand = ['ls', x]\nsubprocess.run(command)",
        "__salt__['cmd.run_all'](['ls', x], python_shell=False)",
        "salt['service.start'](name)",
    ],
)
def test_the_right_way_is_not(text):
    assert complaints(text) == []
