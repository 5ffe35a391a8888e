"""What this machine needs before tests can make hosts on it.

Only what is missing is installed, so a machine that has it all is left alone, offline too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

HOST_PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
TEST_PROGRAMS = {
    "chromium": "chromium",
    "git": "git",
    "gpg": "gpg",
    "gpg-agent": "gpg-agent",
    "postconf": "postfix",
    "ssh": "openssh-client",
    "strace": "strace",
    "swaks": "swaks",
    "testssl": "testssl.sh",
}
# What swaks needs for TLS, and does without otherwise.
SSLEAY = "libnet-ssleay-perl"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
POLICY = Path("/usr/sbin/policy-rc.d")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class MachineError(RuntimeError):
    """The tests cannot run here; the message says what it lacks."""


def require_root(what: str) -> None:
    """Refuse to go on without root."""
    if os.geteuid():
        raise MachineError(f"{what} needs root: sudo {what}")


def install_missing(programs: dict[str, str]) -> None:
    """Install the Debian packages of those programs that are missing."""
    packages = {
        package for program, package in programs.items() if not shutil.which(program, path=PATH)
    }
    if "mmdebstrap" in programs and not KEYRING.exists():
        packages.add("debian-archive-keyring")
    if "swaks" in programs and not any(Path("/usr/lib").glob("*/perl5/*/Net/SSLeay.pm")):
        packages.add(SSLEAY)
    if packages:
        apt_install(sorted(packages))


def apt_install(packages: list[str]) -> None:
    """Install packages without starting any daemon and without removing any package."""
    if shutil.which("apt-get") is None:
        raise MachineError(f"missing here: {' '.join(packages)}; this is not a Debian machine")
    require_root(f"apt-get install {' '.join(packages)}")
    print(f"installing {' '.join(packages)}", flush=True)
    install = ["apt-get", "install", "--yes", "--no-remove", "--no-install-recommends", *packages]
    with _no_daemons():
        if "postfix" in packages:  # wanted for postconf; without a main.cf it never runs
            _quietly(
                ["debconf-set-selections"],
                text="postfix postfix/main_mailer_type select No configuration\n",
            )
        try:
            _quietly(install)
        except MachineError:  # the package lists may be missing or old
            _quietly(["apt-get", "update"])
            _quietly(install)


@contextlib.contextmanager
def _no_daemons():
    """Let no package start its daemon, and put back the policy that was there."""
    before = POLICY.read_bytes() if POLICY.exists() else None
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        if before is None:
            POLICY.unlink()
        else:
            POLICY.write_bytes(before)


def _quietly(command: list[str], text: str = "") -> None:
    done = subprocess.run(
        command,
        check=False,
        input=text,
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"},
    )
    if done.returncode:
        output = (done.stdout + done.stderr).strip().splitlines()[-15:]
        raise MachineError("\n".join([f"{' '.join(command)} failed:", *output]))
