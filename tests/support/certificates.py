"""Certificates and keys for tests, made by openssl(1) on this machine."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

SIGNER = """
[ca]
default_ca = self
[self]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
"""


class Made(NamedTuple):
    """A self-signed certificate and its key, in PEM format."""

    certificate: str
    key: str

    @property
    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.certificate)


def make(name="mail.example.com", kind="ec", start="20200101000000Z", end="20600101000000Z"):
    """Make a certificate; `kind` is ec or rsa, the dates are as openssl-ca(1) takes them."""
    algorithm = {
        "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    }
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        (home / "cnf").write_text(SIGNER)
        (home / "index").touch()
        for command in (
            ["genpkey", *algorithm[kind], "-out", "key"],
            ["req", "-new", "-key", "key", "-subj", f"/CN={name}", "-out", "request"],
            [
                *("ca", "-batch", "-config", "cnf", "-selfsign", "-notext", "-keyfile", "key"),
                *("-in", "request", "-out", "pem", "-startdate", start, "-enddate", end),
            ],
        ):
            subprocess.run(
                ["openssl", *command], cwd=home, check=True, capture_output=True, timeout=60
            )
        return Made((home / "pem").read_text(), (home / "key").read_text())
