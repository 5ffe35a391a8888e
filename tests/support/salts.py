"""The versions of Salt that the formula runs on, and how a host gets another than the image has.

`bin/test --salt 3006` says by the environment which one a whole run is with. What the formula
itself does differently for one of them, and why, is in docs/salt-versions.md.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import private_salt

from . import images

VARIABLE = "POSTFIX_SASL_SALT"


@dataclass(frozen=True)
class Salt:
    """One version: its number on the package index, and the Pythons it runs on."""

    number: str
    pythons: tuple
    # Of what it requires: neither has a wheel, and neither is needed by any Python it runs on.
    not_needed: tuple[str, ...] = (*private_salt.NOT_NEEDED, "contextvars")


USUAL = "3008"
SALTS = {
    "3006": Salt("3006.28", ((3, 10), (3, 13))),
    "3007": Salt("3007.15", ((3, 10), (3, 13))),
    USUAL: Salt(private_salt.SALT, private_salt.PYTHONS, private_salt.NOT_NEEDED),
}
# One host with each, where a host of every release is wanted; forky's Python is 3.14.
OF_RELEASE = {"bookworm": "3006", "trixie": "3007", "forky": USUAL}

# What else the functional tests run on, and which Python then: those that no release has.
BESIDE = {"3006": "3.10", "3007": "3.12"}
PYTHON_OF_RELEASE = {"bookworm": (3, 11), "trixie": (3, 13), "forky": (3, 14)}

PREPARE = """
import sys
sys.path.insert(0, "/srv/postfix_sasl/tools")
import private_salt
private_salt.SALT, private_salt.PYTHONS, private_salt.NOT_NEEDED = {salt!r}
private_salt.prepare()
"""
# What the layer holds is made over the image in a mount namespace of its own; see host.py.
OVERLAY = """
set -e
image=$1 target=$2; shift 2
mkdir -p /run/postfix_sasl_salt
mount -t tmpfs salt /run/postfix_sasl_salt
cd /run/postfix_sasl_salt
mkdir upper work root
mount -t overlay -o "lowerdir=$image,upperdir=$PWD/upper,workdir=$PWD/work" salt root
"$@"
umount root
mkdir -p "$target/opt"
cp -a upper/opt/. "$target/opt/"
"""


def chosen() -> str:
    """Return the Salt that this run is with."""
    return os.environ.get(VARIABLE, USUAL)


def choose(name: str) -> None:
    """Have private_salt make this Salt from now on. Raises private_salt.Problem if unknown."""
    if name not in SALTS:
        raise private_salt.Problem(f"Salt {name!r}? There are {', '.join(SALTS)}.")
    os.environ[VARIABLE] = name
    salt = SALTS[name]
    private_salt.SALT, private_salt.PYTHONS = salt.number, salt.pythons
    private_salt.NOT_NEEDED = salt.not_needed


def runs_on(release: str) -> bool:
    """Say whether the Salt of this run runs on the Python of this release."""
    first, last = SALTS[chosen()].pythons
    return first <= PYTHON_OF_RELEASE[release] <= last


def layers(release: str, name: str) -> list[Path]:
    """Return the layers that put this Salt in the place of the image's; none if it is the same."""
    if name == USUAL:
        return []
    image, salt = images.image(release), SALTS[name]
    target = images.CACHE / "layers" / f"{image.name}-salt-{salt.number}"
    return [images.cached(target, lambda path: _build(image, path, salt))]


def _build(image: Path, target: Path, salt: Salt) -> None:
    pip_cache = images.CACHE / "pip"
    environment, binds = images._pip_environment()
    nspawn = [
        *("sh", "-c", images.OWN_NSPAWN_STATE, "systemd-nspawn"),
        *("--quiet", "--pipe", "--register=no", "--keep-unit", "--resolv-conf=bind-host"),
        "--directory=/run/postfix_sasl_salt/root",
        f"--bind={pip_cache}:/srv/pip",
        "--setenv=PIP_CACHE_DIR=/srv/pip",
        f"--bind-ro={images.REPOSITORY}:/srv/postfix_sasl",
        *(f"--bind-ro={path}" for path in binds),
        *(f"--setenv={name}={value}" for name, value in environment.items()),
        *("python3", "-c"),
        PREPARE.format(salt=(salt.number, salt.pythons, salt.not_needed)),
    ]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", OVERLAY, "overlay", image, target, *nspawn],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=images.BUILD_TIMEOUT,
    )
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise images.ImageError(f"no Salt {salt.number} for {image.name}:\n{end}")
