"""The dependency groups of pyproject.toml, each in a virtual environment when it is needed."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from . import images


def install_group(home: Path, group: str) -> None:
    """Install a dependency group into a virtual environment unless it is there."""
    project = images.REPOSITORY / "pyproject.toml"
    recipe = hashlib.sha256(project.read_bytes()).hexdigest()
    marker = home / "tools"
    if marker.is_file() and marker.read_text() == recipe:
        return
    print(f"installing the test tools ({group})", flush=True)
    pip = [home / "bin/python", "-m", "pip", "install", "--quiet", "--no-input"]
    subprocess.run([*pip, "pip>=25.1"], check=True)  # the first to know dependency groups
    subprocess.run([*pip, "--group", f"{project}:{group}"], check=True)
    marker.write_text(recipe)
