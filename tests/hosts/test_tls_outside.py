"""TLS on every port as sslyze and testssl.sh see it; the tables say what Mozilla recommends.

https://wiki.mozilla.org/Security/Server_Side_TLS: version 6.0 of the guidelines for modern and
intermediate; old was last in 5.8. sslyze holds the server against 5.7 by itself, as well.
"""

import functools
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import outside

# testssl.sh is a shell script of 20,000 lines, and many hosts may share the processors.
pytestmark = pytest.mark.timeout(480)

HOST, OTHER = "198.51.100.1", "198.51.100.2"
PORTS = (25, 587, 465)
# Versions and forward secrecy. Kinds of ciphers take it longest; sslyze lists each, on every port.
TESTSSL_CHECKS = {25: ("-p", "-f"), 587: ("-p", "-s", "-f"), 465: ("-p", "-f")}
HARMLESS = ("OK", "INFO", "DEBUG")
TLS13 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
AEAD = {"AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256"}
CBC1 = {"AES_128_CBC_SHA", "AES_256_CBC_SHA"}
# With an RSA certificate: {version: {key exchange: ciphers}}.
INTERMEDIATE = {"TLSv1.2": {"ECDHE_RSA": AEAD}}
OLD_BEFORE_TLS12 = {"ECDHE_RSA": CBC1, "RSA": CBC1}
OLD = {
    "TLSv1.0": OLD_BEFORE_TLS12,
    "TLSv1.1": OLD_BEFORE_TLS12,
    "TLSv1.2": {
        "ECDHE_RSA": AEAD | CBC1 | {"AES_128_CBC_SHA256", "AES_256_CBC_SHA384"},
        "DHE_RSA": AEAD | {"AES_128_CBC_SHA256", "AES_256_CBC_SHA256"},
        "RSA": (AEAD - {"CHACHA20_POLY1305_SHA256"})
        | CBC1
        | {"AES_128_CBC_SHA256", "AES_256_CBC_SHA256"},
    },
}
GROUPS = {"X25519", "secp256r1", "secp384r1"}  # besides X25519MLKEM768, which sslyze can't see


def suites(by_key_exchange):
    """Return cipher suites by their names in the RFCs; those of TLS 1.3 are always there."""
    return {
        version: {f"TLS_{kx}_WITH_{cipher}" for kx, ciphers in kinds.items() for cipher in ciphers}
        for version, kinds in by_key_exchange.items()
    } | {"TLSv1.3": TLS13}


# profile: (kind of certificate, what is offered)
PROFILES = {
    "modern": ("ec", suites({})),
    "intermediate": ("rsa", suites(INTERMEDIATE)),
    "old": ("rsa", suites(OLD)),
}
KEYS = {"rsa": "rsa:2048", "ec": "ec -pkeyopt ec_paramgen_curve:prime256v1"}

EXTENSIONS = f"""subjectAltName=DNS:{outside.NAME}
authorityKeyIdentifier=keyid
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
"""


@pytest.fixture(scope="session")
def authorities(tmp_path_factory):
    """A directory with two certificate authorities, and a server certificate of each."""
    home = tmp_path_factory.mktemp("authorities")
    (home / "extensions").write_text(EXTENSIONS)
    for kind, key in KEYS.items():
        for command in (
            f"req -x509 -newkey {key} -nodes -days 365 -subj /CN=Test-{kind} "
            f"-addext keyUsage=critical,keyCertSign -keyout {kind}-ca.key -out {kind}-ca.pem",
            f"req -newkey {key} -nodes -subj /CN={outside.NAME} -keyout {kind}.key -out {kind}.csr",
            f"x509 -req -in {kind}.csr -days 60 -CA {kind}-ca.pem -CAkey {kind}-ca.key "
            f"-CAcreateserial -extfile extensions -out {kind}.pem",
        ):
            command = ["openssl", *command.split()]
            subprocess.run(command, cwd=home, check=True, capture_output=True, timeout=60)
    return home


@pytest.fixture(scope="session", autouse=True)
def sslyze():
    """It is here: made when first wanted."""
    outside.prepare_sslyze()


def wear(host, authorities, profile):
    """Apply the formula with a certificate and a profile; None is the formula's own choice."""
    kind = PROFILES[profile or "intermediate"][0]
    tls = {"certificate": f"/etc/ssl/certs/{kind}.pem", "key": f"/etc/ssl/private/{kind}.key"}
    host.write(tls["certificate"], (authorities / f"{kind}.pem").read_text())
    host.write(tls["key"], (authorities / f"{kind}.key").read_text(), mode=0o600)
    if profile:
        tls["profile"] = profile
    # The scanners ask more often than any user would.
    run = host.apply(pillar={"tls": tls, "limits": {"connections_per_minute": 0}})
    assert run.succeeded, run
    return authorities / f"{kind}-ca.pem"


def test_by_default_there_is_nothing_weak_on_any_port(host, authorities):
    ca_file = wear(host, authorities, None)
    neighbour = host.neighbour(OTHER, HOST)
    complies(neighbour, "intermediate", ca_file)
    reports = at_each_port(
        lambda port: outside.testssl(neighbour, HOST, port, *TESTSSL_CHECKS[port])
    )
    for port, found in reports.items():
        offered = {name: finding for name, (_, finding) in found.items()}
        versions = ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3")
        is_there = [offered[version].startswith("offered") for version in versions]
        assert is_there == [False] * 4 + [True] * 2, port
        assert "offered" in (offered.get("PFS"), offered.get("FS")), port
        found.pop("engine_problem", None)  # of this machine's own openssl
        found.pop("service", None)  # whether it speaks HTTP as well
        bad = {name: each for name, each in found.items() if each[0] not in HARMLESS}
        assert not bad, port
    ciphers = {name: each for name, each in reports[587].items() if name.startswith("cipherlist_")}
    there = {name for name, (_, text) in ciphers.items() if not text.startswith("not offered")}
    # Version 3.2 of testssl.sh says STRONG_FS.
    assert len(ciphers) >= 6 and there in ({"cipherlist_STRONG"}, {"cipherlist_STRONG_FS"})


def test_the_other_profiles_offer_what_mozilla_recommends(host, authorities):
    neighbour = host.neighbour(OTHER, HOST)
    for profile in ("modern", "old"):
        complies(neighbour, profile, wear(host, authorities, profile))


def complies(neighbour, profile, ca_file):
    """Compare every port with a profile, by our own table and by what sslyze says."""
    scan = functools.partial(outside.sslyze, neighbour, HOST, profile=profile, ca_file=ca_file)
    for port, found in at_each_port(scan).items():
        assert found.ciphers == PROFILES[profile][1], (profile, port)
        assert found.groups == GROUPS, (profile, port)
        assert not found.complaint, (profile, port)


def at_each_port(scan):
    """Return ``{port: what scan(port) returns}``, scanned side by side."""
    with ThreadPoolExecutor(len(PORTS)) as pool:
        return dict(zip(PORTS, pool.map(scan, PORTS), strict=True))
