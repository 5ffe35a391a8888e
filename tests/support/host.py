"""Real Debian hosts for tests, each booted in about a second.

A host is a systemd-nspawn container with a network of its own and a root file system laid over a
cached image (see images.py). It keeps its files across reboots and forgets them when it stops.

Everything a host has hangs on one small process, its *keeper*: the mounts live in the keeper's
mount namespace and the network in its network namespace, and it ends when the pipe to us closes.
So nothing outlives a test run, not even one that was killed.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import os
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import images, salts
from .cgroups import NAME_PREFIX, cgroup_root
from .errors import CommandFailed, HostError
from .minion import Minion
from .network import Network
from .places import ENVIRONMENT, FORMULA, PATH

BOOT_TIMEOUT = 60
SHUTDOWN_TIMEOUT = 60

booted: list[Host] = []  # those that have not been stopped yet, the oldest first
_numbers = itertools.count(1)

# The keeper: makes the file system, then waits until its standard input closes and takes down
# what does not go with its namespaces. What it makes is on a tmpfs, so nothing needs deleting.
KEEPER = r"""
set -e
cgroup=$1 lower=$2
mkdir -p "$cgroup" /run/postfix_sasl_host
mount -t tmpfs -o mode=755 host /run/postfix_sasl_host
cd /run/postfix_sasl_host
mkdir upper work root
mount -t overlay -o "lowerdir=$lower,upperdir=$PWD/upper,workdir=$PWD/work" host root
# systemd-nspawn keeps locks and sockets here; those of a killed one shall not stay either.
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=755 host /run/systemd/nspawn
ip link set lo up
echo ready
trap '' INT TERM HUP
while read -r line; do :; done
set +e
tries=0
until find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || [ $tries -ge 100 ]; do
    echo 1 2>/dev/null > "$cgroup/cgroup.kill"
    tries=$((tries + 1))
    sleep 0.05
done
"""

# What sysvinit does on the way up and down. /run is empty at each boot, as on a real host, and
# whether a service starts is for the service to say, not a reason for the boot to fail.
RC_START = """
mkdir -p /run/lock && chmod 1777 /run/lock
for script in /etc/rc2.d/S*; do [ -x "$script" ] && "$script" start; done; :
"""
RC_STOP = 'for script in /etc/rc0.d/K*; do [ -x "$script" ] && "$script" stop; done; :'


class Host(Network, Minion):
    """A Debian host. Make one with `Host.boot`; use it as a context manager, or call `stop`."""

    def __init__(self, release: str, systemd: bool = True, layers=(), salt: str | None = None):
        self.release = release
        self.salt_version = salt or salts.chosen()
        self.systemd = systemd
        self.name = f"{NAME_PREFIX}-{os.getpid()}-{next(_numbers)}"
        self.cgroup = cgroup_root() / self.name
        self._neighbours: list[subprocess.Popen] = []
        self._nspawn: subprocess.Popen | None = None
        self._leader: int | None = None
        layers = [*salts.layers(release, self.salt_version), *layers]
        lower = ":".join([*map(str, reversed(layers)), str(images.image(release))])
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-c", KEEPER, "keeper", self.cgroup, lower],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C in the terminal is for the test run, not for it
        )
        super().__init__(self._keeper.pid)
        if self._keeper.stdout.readline() != "ready\n":
            self.stop()
            raise HostError(f"{release}: could not set up the file system over {lower}")

    # -- life -----------------------------------------------------------------------------------

    @classmethod
    def boot(cls, release: str, systemd: bool = True, layers=(), salt: str | None = None) -> Host:
        """Boot a fresh host; `layers` are results of `snapshot`, the lowest first.

        `salt` is a version that salts.py knows, if it shall not be the one of this test run.

        On a machine with far more to do than it has processors one boot in hundreds hangs, with
        nothing on the console; such a host is thrown away and another one booted, once.
        """
        for last in (False, True):
            host = cls(release, systemd, layers, salt)
            try:
                host._start()
                booted.append(host)
                return host
            except BaseException as error:
                host.stop()
                if last or not isinstance(error, HostError):
                    raise
        raise AssertionError("unreachable")

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *exc_info) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the host away at once, with everything it has."""
        if self in booted:
            booted.remove(self)
        for process in [*self._neighbours, self._keeper]:
            process.stdin.close()
        for process in [*self._neighbours, self._keeper]:
            _wait(process, 30)
            if process.stdout:
                process.stdout.close()
        if self._nspawn:
            _wait(self._nspawn, 10)
        self._neighbours, self._nspawn, self._leader = [], None, None

    @property
    def is_up(self) -> bool:
        return self._leader is not None

    def reboot(self) -> None:
        """Shut the host down in good order and boot it again; its files and network stay."""
        self.shutdown()
        self._start()

    def shutdown(self) -> None:
        """Shut the host down in good order; its files stay until `stop`."""
        if not self.systemd:
            self.run("sh", "-c", RC_STOP)
        self._nspawn.terminate()  # nspawn hands this to init as an orderly shutdown
        if not _wait(self._nspawn, SHUTDOWN_TIMEOUT):
            raise HostError(
                f"{self.release}: no shutdown in {SHUTDOWN_TIMEOUT} s\n{self.console()}"
            )
        self._nspawn = self._leader = None

    def snapshot(self, target: Path) -> Path:
        """Shut the host down and save what it changed as a layer for other hosts."""
        if self._nspawn:
            self.shutdown()
        subprocess.run(["cp", "-a", self._inside_keeper("upper"), target], check=True, timeout=120)
        return target

    def console(self) -> str:
        """Return what the host's console showed since the last boot."""
        return self._inside_keeper("console").read_text(errors="replace")

    def _start(self) -> None:
        what = ["--boot"] if self.systemd else ["--as-pid2"]
        command = [
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            f"--machine={self.name}",
            "--directory=/run/postfix_sasl_host/root",
            f"--network-namespace-path={self._namespace()}",
            "--capability=CAP_NET_ADMIN",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=pipe",
            "--notify-ready=yes",
            f"--bind-ro={images.REPOSITORY}:{FORMULA}",
            *what,
        ]
        if not self.systemd:
            command += ["/bin/sleep", "infinity"]
        environment = {"PATH": PATH, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "TERM": "dumb"}
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready,
            open(self._inside_keeper("console"), "w") as console,
        ):
            ready.bind(f"\0{self.name}")
            self._nspawn = subprocess.Popen(
                _in_cgroup(self.cgroup, ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", *command]),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**environment, "NOTIFY_SOCKET": f"@{self.name}"},
            )
            deadline = time.monotonic() + BOOT_TIMEOUT
            if self.systemd:
                self._await_ready(ready, deadline)
            self._await_boot(deadline)

    def _await_ready(self, ready: socket.socket, deadline: float) -> None:
        """Wait until systemd says that it is ready; to ask it all the time would slow it down."""
        ready.settimeout(1)
        while time.monotonic() < deadline and self._nspawn.poll() is None:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in ready.recv(4096).splitlines():
                    return

    def _await_boot(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            if self._nspawn.poll() is not None:
                raise HostError(f"{self.release}: did not start\n{self.console()}")
            if self._leader is None:
                self._leader = self._find_leader()
            elif not self.systemd:
                self.run("sh", "-c", RC_START)
                return
            else:
                state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
                if state in ("running", "degraded"):
                    return
            time.sleep(0.02)
        raise HostError(f"{self.release}: not up after {BOOT_TIMEOUT} s\n{self.console()}")

    def _find_leader(self) -> int | None:
        """Return the process that is PID 1 inside, once it has become the init it shall be."""
        wanted = "systemd" if self.systemd else "(sd-stubinit)"
        with contextlib.suppress(OSError):
            children = f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children"
            for child in map(int, Path(children).read_text().split()):
                status = Path(f"/proc/{child}/status").read_text()
                name = re.search(r"^Name:\t(.*)$", status, re.MULTILINE)[1]
                pids = re.search(r"^NSpid:\t(.*)$", status, re.MULTILINE)[1].split()
                if pids[-1] == "1" and len(pids) > 1 and name == wanted[:15]:
                    return child
        return None

    def _inside_keeper(self, name: str) -> Path:
        return Path(f"/proc/{self.pid}/root", "run/postfix_sasl_host", name)

    # -- use ------------------------------------------------------------------------------------

    def run(self, *argv, check=True, input=None, timeout=60, env=None):
        """Run a command inside; returns a CompletedProcess with text output."""
        argv = [str(word) for word in argv]
        start = functools.partial(subprocess.Popen, self.command(*argv, env=env))
        return self._run(start, argv, check, input, timeout)

    def _run(self, start, argv, check, input, timeout):
        """Run what `start(stdin=, stdout=, stderr=)` starts, like subprocess.Popen."""
        # Files, not pipes: a daemon that keeps its output open must not keep us waiting.
        with contextlib.ExitStack() as stack:
            given, out, err = (stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3))
            given.write(input or "")
            given.seek(0)
            process = start(stdin=given, stdout=out, stderr=err)
            ended = _wait(process, timeout)
            outputs = [_content(out), _content(err)]
        if not ended:
            raise CommandFailed(self, argv, f"not done after {timeout} s", *outputs)
        if check and process.returncode:
            raise CommandFailed(self, argv, f"exit status {process.returncode}", *outputs)
        return subprocess.CompletedProcess(argv, process.returncode, *outputs)

    def command(self, *argv: str, env: dict[str, str] | None = None) -> list[str]:
        """Return the command that runs `argv` inside, for callers who start it themselves."""
        settings = [f"{name}={value}" for name, value in {**ENVIRONMENT, **(env or {})}.items()]
        group = self._group_of_init()
        enter = ["nsenter", "-t", str(self._leader), "--all", "--root", "--wd"]
        return _in_cgroup(group, [*enter, "env", "-i", *settings, *argv])

    def _group_of_init(self) -> Path:
        """Return the control group of PID 1: in another systemd could not take hold of anything."""
        if not self.is_up:
            raise HostError(f"{self.release}: the host is not running")
        group = Path(f"/proc/{self._leader}/cgroup").read_text().splitlines()[-1].partition("::")[2]
        return cgroup_root() / group.lstrip("/")

    def read(self, path: str) -> str:
        """Return a file's text."""
        return self.path(path).read_text()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file as root, making its directory if need be."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=mode)
        target.chmod(mode)
        target.write_text(text)

    def path(self, inside: str) -> Path:
        """Return where the test finds a path of the running host, its symbolic links resolved."""
        root = Path(f"/proc/{self._leader}/root")
        resolved: list[str] = []
        parts = list(reversed(Path(inside).parts[1:]))
        for _ in range(1000):
            if not parts:
                return root.joinpath(*resolved)
            part = parts.pop()
            if part == "..":
                resolved = resolved[:-1]
                continue
            candidate = root.joinpath(*resolved, part)
            if candidate.is_symlink():
                link = Path(os.readlink(candidate))
                if link.is_absolute():
                    resolved = []
                parts += reversed([word for word in link.parts if word != "/"])
            else:
                resolved.append(part)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), inside)

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file inside."""
        return self.path(path).exists()

    def install(self, *packages: str) -> None:
        """Install packages with apt, from what the image has downloaded."""
        environment = {"DEBIAN_FRONTEND": "noninteractive"}
        self.run("apt-get", "install", "-y", *packages, env=environment, timeout=180)

    def add_user(self, name: str, password: str) -> None:
        """Make an ordinary user with this password."""
        self.run("useradd", "--create-home", "--shell=/bin/bash", name)
        self.run("chpasswd", input=f"{name}:{password}\n")

    def neighbour(self, address="198.51.100.2", host_address="198.51.100.1") -> Network:
        """Return another machine's network, on one local network with this host.

        The host is `host_address` there. A host may have several neighbours, who see each other.
        """
        process = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up; echo ready; read -r line"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._neighbours.append(process)
        if process.stdout.readline() != "ready\n":
            raise HostError("could not make the neighbour's network")
        other, cable = Network(process.pid), f"cable{len(self._neighbours)}"
        if cable == "cable1":  # the first one: a bridge serves the host as its network card
            self.ip("link", "add", "eth0", "type", "bridge")
        self.ip("link", "add", cable, "type", "veth", "peer", "eth0", "netns", str(process.pid))
        self.ip("link", "set", cable, "master", "eth0", "up")
        for side, own in ((self, host_address), (other, address)):
            side.ip("address", "replace", f"{own}/24", "dev", "eth0")
            side.ip("link", "set", "eth0", "up")
        return other


def _content(file) -> str:
    file.seek(0)
    return file.buffer.read().decode(errors="replace")


def _in_cgroup(cgroup: Path, command: list) -> list[str]:
    return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(cgroup), *map(str, command)]


def _wait(process: subprocess.Popen, timeout: float) -> bool:
    """Wait until a process ends; kill it if it doesn't. Tells whether it went by itself."""
    try:
        process.wait(timeout)
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
