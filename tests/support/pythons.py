"""The Pythons of this machine besides the one that runs us."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def find(version: str) -> str:
    """Return a Python of this version, `3.10`, that can make virtual environments; else our own.

    Looked for on the PATH and where pyenv keeps them.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    kept = sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))
    for candidate in (shutil.which(f"python{version}"), *map(str, kept)):
        if candidate and _works(candidate):
            return candidate
    return sys.executable


def _works(program: str) -> bool:
    # Debian has ensurepip in a package of its own, and pyenv's programs may lead to nothing.
    command = [program, "-c", "import ensurepip, venv"]
    return not subprocess.run(command, capture_output=True, timeout=60).returncode
