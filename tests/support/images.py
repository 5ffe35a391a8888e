"""Debian system images for test hosts, built once and kept in a cache.

An image is a directory: a minimal Debian with systemd, the packages a mail host needs downloaded
but not installed (so apt works inside with no network), and a private Salt. Nothing ever writes
to a finished image; hosts lay their own file system over it (see host.py).

Run as a script, it builds what is missing: ``python3 tests/support/images.py trixie forky``.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

RELEASES = ("bookworm", "trixie", "forky")
REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("POSTFIX_SASL_CACHE", "/var/cache/postfix_sasl_tests"))
SALT_HOME = "/opt/postfix_sasl/salt"

INSTALLED = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "python3",
    "python3-venv",
    "iproute2",
    "procps",
    "ca-certificates",
)
DOWNLOADED = (
    "postfix",
    "sasl2-bin",
    "libsasl2-modules",
    "ssl-cert",
    "fetchmail",
    "dovecot-core",
    "dovecot-pop3d",
    "dovecot-imapd",
)
FILES = {
    "etc/hostname": "mail\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 mail.example.com mail\n::1 localhost\n",
    # Hosts have no way out: name service questions shall be refused at once, not time out.
    "etc/resolv.conf": "nameserver 127.0.0.1\n",
    # An empty file, unlike a missing one, does not make systemd treat each boot as the first.
    "etc/machine-id": "",
}
PRESEED = (
    "postfix postfix/main_mailer_type select Internet Site\n"
    "postfix postfix/mailname string mail.example.com\n"
)
# systemd-nspawn keeps locks and mounts under /run and cannot always remove them.
OWN_NSPAWN_STATE = """
mkdir -p /run/systemd/nspawn && mount -t tmpfs nspawn /run/systemd/nspawn || exit
exec systemd-nspawn "$@"
"""
BUILD_TIMEOUT = 1200
UNUSED_DAYS = 7


class ImageError(RuntimeError):
    """An image could not be built; the message ends with the build's last lines."""


def image(release: str) -> Path:
    """Return the image of this release, after building it if it isn't there."""
    if release not in RELEASES:
        raise ImageError(f"unknown release {release!r}; there are {', '.join(RELEASES)}")
    return cached(CACHE / "images" / f"{release}-{_recipe_hash(release)}", _Builder(release))


def cached(target: Path, build) -> Path:
    """Return `target`, made by `build(temporary path)` unless it exists already.

    Safe between processes, and only ever a complete result gets the final name.
    """
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target):
            if not target.exists():
                unfinished = target.with_name(f"{target.name}.unfinished")
                remove_tree(unfinished)
                _prune(target.parent)
                build(unfinished)
                unfinished.rename(target)
    os.utime(target)  # what has been used lately is not pruned
    return target


@contextlib.contextmanager
def locked(target: Path):
    """Hold the lock that belongs to this path."""
    with open(target.with_name(f".{target.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove_tree(path: Path) -> None:
    """Delete a directory tree, but never reach through a mount into the machine."""
    if path.exists():
        subprocess.run(["rm", "-rf", "--one-file-system", str(path)], check=True, timeout=120)


def _prune(directory: Path) -> None:
    """Delete what older recipes left here and nobody has used for a while."""
    oldest = time.time() - UNUSED_DAYS * 86400
    for old in directory.iterdir():
        if old.is_dir() and old.stat().st_mtime < oldest:
            remove_tree(old)


def _recipe_hash(release: str) -> str:
    """Name what goes into an image: this file, and how the private Salt is made."""
    salt = REPOSITORY / "tools/private_salt.py"
    recipe = Path(__file__).read_bytes() + salt.read_bytes() + release.encode()
    return hashlib.sha256(recipe).hexdigest()[:12]


class _Builder:
    """Builds one image; calling it with a path does the work."""

    def __init__(self, release: str):
        self.release = release
        self.log = CACHE / "images" / f"{release}.log"

    def __call__(self, tree: Path) -> None:
        with open(self.log, "w") as log:
            self._log = log
            self._debian(tree)
            for name, text in FILES.items():
                (tree / name).unlink(missing_ok=True)
                (tree / name).write_text(text)
            self._salt(tree)

    def _debian(self, tree: Path) -> None:
        apt = 'chroot "$1" apt-get -y --download-only -o APT::Install-Recommends=true install '
        options = [f"--aptopt={option}" for option in _apt_options()]
        self._run(
            "mmdebstrap",
            "--mode=root",
            "--variant=important",
            "--skip=cleanup/apt",
            f"--include={','.join(INSTALLED)}",
            *options,
            f'--customize-hook=echo {shlex.quote(PRESEED)} | chroot "$1" debconf-set-selections',
            '--customize-hook=rm -f "$1"/var/cache/apt/archives/*.deb',
            "--customize-hook=" + apt + " ".join(DOWNLOADED),
            self.release,
            str(tree),
            mirror(),
        )

    def _salt(self, tree: Path) -> None:
        """Install the private Salt the way users do, with this machine's network and pip settings.

        All releases share pip's cache: a source package becomes a wheel once per Python version.
        """
        pip_cache = CACHE / "pip"
        pip_cache.mkdir(parents=True, exist_ok=True)
        environment, binds = _pip_environment()
        self._run(
            *("unshare", "--mount", "sh", "-c", OWN_NSPAWN_STATE, "systemd-nspawn"),
            "--quiet",
            "--pipe",
            "--register=no",
            "--keep-unit",
            "--resolv-conf=bind-host",
            f"--directory={tree}",
            f"--bind={pip_cache}:/srv/pip",
            "--setenv=PIP_CACHE_DIR=/srv/pip",
            f"--bind-ro={REPOSITORY}:/srv/postfix_sasl",
            *(f"--bind-ro={path}" for path in binds),
            *(f"--setenv={name}={value}" for name, value in environment.items()),
            "/srv/postfix_sasl/bin/apply",
            "--prepare",
        )
        # The mount points made for this; only empty directories can go this way.
        for path in [*binds, "/srv/pip", "/srv/postfix_sasl"]:
            with contextlib.suppress(OSError):
                (tree / str(path).lstrip("/")).rmdir()

    def _run(self, *command: str) -> None:
        self._log.write(f"+ {shlex.join(command)}\n")
        self._log.flush()
        try:
            subprocess.run(
                command,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                timeout=BUILD_TIMEOUT,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            )
        except (OSError, subprocess.SubprocessError) as error:
            end = "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])
            raise ImageError(f"building {self.release} failed: {error}\n{end}") from error


def mirror() -> str:
    """Return the Debian mirror this machine itself installs from."""
    output = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    wanted = _os_release("VERSION_CODENAME")
    for line in output.splitlines():
        uri, _, rest = line.partition(" ")
        if rest == f"{wanted} main":
            return uri
    raise ImageError(f"apt on this machine has no source for Debian {wanted} main")


def _os_release(key: str) -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == key:
            return value.strip('"')
    raise ImageError(f"/etc/os-release has no {key}; is this Debian?")


def _apt_options() -> list[str]:
    """Hand on what this machine's apt needs to reach its mirror, or to accept a frozen one."""
    output = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    keep = ("Acquire::Check-", "Acquire::http::Proxy", "Acquire::https::Proxy")
    return [line.rstrip(";") for line in output.stdout.splitlines() if line.startswith(keep)]


def _pip_environment() -> tuple[dict[str, str], list[str]]:
    """Return this machine's pip settings as variables, and the local paths they name.

    What pip reads from its configuration files here becomes PIP_* there, so that a machine with
    an own index, own wheels or an own certificate authority works the same inside the image.
    """
    wanted = ("PIP_", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    environment = {name: value for name, value in os.environ.items() if name.startswith(wanted)}
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        for variable in (name, name.upper()):
            if variable in os.environ:
                environment[variable] = os.environ[variable]
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True
    )
    for line in listing.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.partition(".")
        if section in ("global", "install"):
            variable = "PIP_" + option.upper().replace("-", "_")
            environment.setdefault(variable, value.strip("'\""))
    return environment, _local_paths(environment)


def _local_paths(environment: dict[str, str]) -> list[str]:
    paths = []
    for value in environment.values():
        for word in value.split():
            path = Path(word.removeprefix("file://"))
            if path.name == "simple":  # an index; its files usually lie beside it
                path = path.parent
            if path.is_absolute() and path.exists() and path != Path("/"):
                paths.append(str(path))
    return sorted(set(paths))


def main(releases: list[str]) -> None:
    """Build these images (all, if none is named), at the same time, and say how long it took."""

    def build(release: str) -> None:
        started = time.monotonic()
        path = image(release)
        print(f"image {release}: {path} ({time.monotonic() - started:.0f} s)", flush=True)

    with ThreadPoolExecutor() as pool:
        list(pool.map(build, releases or RELEASES))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ImageError as error:
        sys.exit(str(error))
