"""A checkout of this repository, for what changes its git or one of its files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .images import REPOSITORY


def make(target: Path) -> Path:
    """Copy the repository as it is now, with everything in the index of a git of its own."""
    left_out = shutil.ignore_patterns(".git", ".cache", ".hypothesis", "__pycache__", ".*_cache")
    shutil.copytree(REPOSITORY, target, ignore=left_out)
    for words in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *words], cwd=target, check=True)
    return target
