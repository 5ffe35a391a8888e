"""What many tests start from, made once and kept: layers over an image, for `Host.boot`.

A layer is named by all that goes into it, so a changed formula gets a new one by itself.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from . import images, salts
from .host import Host, HostError

USER, PASSWORD = "alice", "correct horse 7"
FORMULA_DIRECTORIES = (
    "postfix_sasl",
    "_beacons",
    "_modules",
    "_output",
    "_runners",
    "_states",
    "_utils",
)
# Users who are not the system's own: lena in LDAP, kim in Kerberos.
DIRECTORY_PASSWORD = "of the directory"
KRB5_CONF = """\
[libdefaults]
  default_realm = EXAMPLE.COM
  dns_lookup_kdc = false
[realms]
  EXAMPLE.COM = {
    kdc = 127.0.0.1
  }
"""
DIRECTORY_PACKAGES = ("slapd", "ldap-utils", "krb5-kdc", "krb5-admin-server")
DIRECTORIES = f"""
set -e
debconf-set-selections <<END
slapd slapd/domain string example.com
slapd slapd/password1 password {DIRECTORY_PASSWORD}
slapd slapd/password2 password {DIRECTORY_PASSWORD}
END
apt-get install -y --no-install-recommends {" ".join(DIRECTORY_PACKAGES)}
ldapadd -x -H ldap://127.0.0.1 -D cn=admin,dc=example,dc=com -w '{DIRECTORY_PASSWORD}' <<END
dn: uid=lena,dc=example,dc=com
objectClass: account
objectClass: simpleSecurityObject
uid: lena
userPassword: in ldap
END
kdb5_util create -s -r EXAMPLE.COM -P master
kadmin.local addprinc -pw 'in kerberos' kim
kadmin.local addprinc -randkey host/mail.example.com
kadmin.local ktadd host/mail.example.com
systemctl enable krb5-kdc
"""


def installed(release: str) -> list[Path]:
    """Return the layers of a host with Debian's postfix and sasl2-bin as apt leaves them."""

    def build(target: Path) -> None:
        with Host.boot(release) as host:
            host.install("postfix", "sasl2-bin")
            host.snapshot(target)

    return [_layer("installed", build, images.image(release).name)]


def with_user(release: str) -> list[Path]:
    """Return the layers of an installed host with an ordinary user, for fleets of them."""
    below = installed(release)

    def build(target: Path) -> None:
        with Host.boot(release, layers=below) as host:
            host.add_user(USER, PASSWORD)
            host.snapshot(target)

    return [*below, _layer("user", build, below[-1].name)]


def with_dovecot(release: str) -> list[Path]:
    """Return the layers of an installed host that also serves its mailboxes by POP3 and IMAP."""
    below = installed(release)

    def build(target: Path) -> None:
        with Host.boot(release, layers=below) as host:
            host.install("dovecot-pop3d", "dovecot-imapd")
            host.snapshot(target)

    return [*below, _layer("dovecot", build, below[-1].name)]


def with_directories(release: str) -> list[Path]:
    """Return the layers of a host with Dovecot that has users in LDAP (lena) and Kerberos (kim).

    The system's own are USER and pat, who may get a password in /etc/passwd.
    """
    below = with_dovecot(release)

    def build(target: Path) -> None:
        with Host.boot(release, layers=below) as host:
            _download(host, *DIRECTORY_PACKAGES)
            host.add_user(USER, PASSWORD)
            host.add_user("pat", PASSWORD)
            host.write("/etc/krb5.conf", KRB5_CONF)
            environment = {"DEBIAN_FRONTEND": "noninteractive"}
            host.run("sh", "-c", DIRECTORIES, env=environment, timeout=300)
            host.snapshot(target)

    return [*below, _layer("directories", build, below[-1].name)]


def with_fail2ban(release: str) -> list[Path]:
    """Return the layers of an installed host whose apt has fail2ban, not installed yet."""
    below = installed(release)

    def build(target: Path) -> None:
        with Host.boot(release, layers=below) as host:
            _download(host, "fail2ban", "nftables", "python3-systemd", recommended=True)
            host.add_user(USER, PASSWORD)
            host.snapshot(target)

    return [*below, _layer("fail2ban", build, below[-1].name)]


def with_sshd(release: str) -> list[Path]:
    """Return the layers of a host that has nothing beyond the image but sshd and scp."""
    packages = ("openssh-server", "openssh-client")  # since forky one does not bring the other

    def build(target: Path) -> None:
        with Host.boot(release) as host:
            _download(host, *packages)
            host.install("--no-install-recommends", *packages)
            host.snapshot(target)

    return [_layer("sshd", build, images.image(release).name)]


def _download(host: Host, *packages: str, recommended: bool = False) -> None:
    """Put packages, with what they need, where the host's apt looks: it has no way out itself.

    Salt installs what is recommended, too.
    """
    option = "--install-recommends" if recommended else "--no-install-recommends"
    show = ("apt-get", "install", "--print-uris", "-qq", "-y", option)
    for line in host.run(*show, *packages).stdout.splitlines():
        uri, name, _size, digest = line.split()
        target = host.path(f"/var/cache/apt/archives/{name}")
        command = ["/usr/lib/apt/apt-helper", "download-file", uri.strip("'"), target, digest]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise HostError(
                f"{host.release}: no {name} to be had; if the mirror has a newer one by now, "
                f"remove {images.CACHE}/images\n{done.stdout}{done.stderr}"
            )


def applied(release: str) -> list[Path]:
    """Return the layers of a host with the formula applied as it comes, and an ordinary user."""
    below = installed(release)

    def build(target: Path) -> None:
        with Host.boot(release, layers=below) as host:
            host.add_user(USER, PASSWORD)
            result = host.apply()
            if not result.succeeded:
                raise HostError(f"{release}: applying the formula failed\n{result}")
            host.snapshot(target)

    return [*below, _layer("applied", build, below[-1].name, _formula())]


def _layer(name: str, build, *ingredients: str) -> Path:
    recipe = [Path(__file__).read_text(), salts.chosen(), *ingredients]
    key = hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:12]
    release = ingredients[0].split("-")[0]
    return images.cached(images.CACHE / "layers" / f"{release}-{name}-{key}", build)


def _formula() -> str:
    """Return a text that changes with any file of the formula."""
    digest = hashlib.sha256()
    for directory in FORMULA_DIRECTORIES:
        for path in sorted((images.REPOSITORY / directory).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                name = path.relative_to(images.REPOSITORY)
                digest.update(f"{name}\0".encode() + path.read_bytes())
    return digest.hexdigest()
