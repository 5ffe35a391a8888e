"""Tools that others wrote, asking a host what TLS it offers: sslyze and testssl.sh.

They run in the network of a neighbour of the host, from this machine's own files.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from . import images, venvs

# Of its own, since it needs older libraries than Salt has.
SSLYZE_HOME = images.CACHE / "sslyze-{}.{}".format(*sys.version_info)
NAME = "mail.example.com"
IMPLICIT = (465,)
_TIMEOUT = 400
# What sslyze calls the versions; the key in its JSON.
_VERSIONS = {
    "ssl_2_0_cipher_suites": "SSLv2",
    "ssl_3_0_cipher_suites": "SSLv3",
    "tls_1_0_cipher_suites": "TLSv1.0",
    "tls_1_1_cipher_suites": "TLSv1.1",
    "tls_1_2_cipher_suites": "TLSv1.2",
    "tls_1_3_cipher_suites": "TLSv1.3",
}


class Scan:
    """What sslyze found at one port.

    ciphers
        ``{version: {cipher suite, ...}}``, only versions that are offered.
    groups
        The elliptic curves offered, of those that sslyze knows.
    complaint
        Where the server does not comply with Mozilla's guidelines, in sslyze's words; else empty.
    """

    def __init__(self, port: int, result: dict, complaint: str):
        self.port, self.complaint = port, complaint
        found = {
            version: {each["cipher_suite"]["name"] for each in result[key]["accepted"]}
            for key, version in _VERSIONS.items()
        }
        self.ciphers = {version: names for version, names in found.items() if names}
        self.groups = result["groups"]


def prepare_sslyze() -> None:
    """Make sslyze's virtual environment unless it is there."""
    with images.locked(SSLYZE_HOME):
        if not (SSLYZE_HOME / "bin/python").exists():
            subprocess.run([sys.executable, "-m", "venv", SSLYZE_HOME], check=True)
        venvs.install_group(SSLYZE_HOME, "outside")


def sslyze(network, address: str, port: int, profile: str, ca_file: Path) -> Scan:
    """Scan a port and have it compared with one of Mozilla's profiles."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as report:
        command = _inside(network, SSLYZE_HOME / "bin/sslyze", f"--mozilla_config={profile}")
        command += [f"--certinfo_ca_file={ca_file}", f"--json_out={report.name}"]
        command += [] if port in IMPLICIT else ["--starttls=smtp"]
        done = _run([*command, f"{NAME}:{port}{{{address}}}"])
        servers = json.load(report)["server_scan_results"]
    assert len(servers) == 1 and servers[0]["scan_status"] == "COMPLETED", done.stdout
    scanned = servers[0]["scan_result"]
    result = {
        key: {"accepted": scanned[key]["result"]["accepted_cipher_suites"]} for key in _VERSIONS
    }
    curves = scanned["elliptic_curves"]["result"]["supported_curves"] or []
    result["groups"] = {curve["name"] for curve in curves}
    return Scan(port, result, done.stdout if done.returncode else "")


def testssl(network, address: str, port: int, *checks: str) -> dict[str, tuple[str, str]]:
    """Return testssl.sh's findings as ``{id: (severity, finding)}``."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "report.json")
        command = _inside(network, "testssl", "--color=0", "--warnings=batch", "--nodns=none")
        command += [f"--ip={address}", f"--jsonfile={report}", *checks]
        command += [] if port in IMPLICIT else ["--starttls=smtp"]
        done = _run([*command, f"{NAME}:{port}"])
        assert report.exists(), done.stdout
        found = json.loads(report.read_text())
    return {each["id"]: (each["severity"], each["finding"]) for each in found}


def _inside(network, *command) -> list[str]:
    return ["nsenter", f"--net=/proc/{network.pid}/ns/net", *map(str, command)]


def _run(command: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        command,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_TIMEOUT,
        check=False,
    )
