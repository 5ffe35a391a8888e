"""Real Debian hosts reached by salt-ssh: there is no master, and no host has a Salt of its own.

salt-ssh is the one of the test tools; it runs in the same network as the hosts (see fleet.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .errors import HostError
from .fleet import FleetRun, Site
from .layers import with_sshd
from .minion import StateRun

TIMEOUT = 300

ROOT_HOME = "/root"  # of the hosts


class SshSite(Site):
    """Hosts that have sshd and Debian's python3; `releases` says which, by name."""

    def __init__(self, directory: Path, releases: dict[str, str]):
        with ThreadPoolExecutor() as pool:
            layers = dict(zip(releases, pool.map(with_sshd, releases.values()), strict=True))
        hosts = {
            name: {"release": release, "layers": layers[name]} for name, release in releases.items()
        }
        super().__init__(directory, hosts)

    def apply(self, sls="postfix_sasl", test=False) -> FleetRun:
        """Type `salt-ssh '*' state.apply SLS`."""
        status, answers = self.salt("state.apply", sls, *(["test=True"] if test else []))
        return FleetRun(status, {name: StateRun(0, answer) for name, answer in answers.items()})

    def salt(self, *words: str, target="*", options=()) -> tuple[int, dict]:
        """Type `salt-ssh TARGET WORD ...`; return its exit status and `{host: answer}`."""
        program = Path(sys.executable).with_name("salt-ssh")
        usual = [f"--config-dir={self.directory}", "--out=json", "--static", "--no-color"]
        done = subprocess.run(
            self.command(program, *usual, *options, target, *words),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=TIMEOUT,
            env={**os.environ, "HOME": str(self.directory)},
        )
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            raise HostError(f"salt-ssh {' '.join(words)}:\n{done.stdout}{done.stderr}") from None

    def _start(self) -> None:
        super()._start()
        key = self.directory / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        for host in self.hosts.values():
            host.write(
                f"{ROOT_HOME}/.ssh/authorized_keys", key.with_suffix(".pub").read_text(), 0o600
            )
        roster = {
            name: {"host": address, "user": "root", "priv": str(key)}
            for name, address in self.addresses.items()
        }
        config = {
            "root_dir": str(self.directory / "root"),
            "file_roots": {"base": [str(self.formula)]},
            "pillar_roots": {"base": [str(self.pillar)]},
            "roster_file": str(self.directory / "roster"),
            "ssh_options": ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"],
        }
        (self.directory / "roster").write_text(json.dumps(roster))
        (self.directory / "master").write_text(json.dumps(config))
