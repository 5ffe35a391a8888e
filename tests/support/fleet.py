"""A Salt master, and real Debian hosts as its minions, on a network that leads nowhere else.

The master is one of salt-factories' daemons. It runs in a network namespace with a bridge, to
which every host has a cable: the master is 198.51.100.1, the hosts are 198.51.100.11 and up.
The master serves a copy of the formula, so that tests can change it.

The namespaces hang on one small process, the keeper, as those of a host do (see host.py): it ends
when the pipe to us closes, and the master with it. Where there is no master, hosts are reached
by salt-ssh, which runs in the same place (see ssh.py).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import salt._logging
from saltfactories.cli.run import SaltRun
from saltfactories.cli.salt import Salt
from saltfactories.daemons.master import SaltMaster
from saltfactories.manager import FactoriesManager
from saltfactories.plugins.event_listener import EventListener

from . import images
from .cgroups import make_room_for_hosts
from .errors import HostError
from .here import ThisMachine
from .host import Host
from .layers import FORMULA_DIRECTORIES
from .minion import StateRun
from .network import Network

MASTER = "198.51.100.1"
FIRST_HOST = 11
BRIDGE = "switch"
START_TIMEOUT = 120
ANSWER_TIMEOUT = 120
ROLLOUT_TIMEOUT = 600
KEEPER = "ip link set lo up && echo ready; read -r line"

MASTER_CONFIG = {
    "interface": MASTER,
    "auto_accept": True,
    "worker_threads": 3,
    "log_level_logfile": "warning",
}
MINION_CONFIG = {
    "master": MASTER,
    "enable_fqdns_grains": False,  # there is no name service to ask
}


@dataclass(frozen=True)
class FleetRun:
    """What `salt` said: its exit status, and what each minion did."""

    exit_status: int
    minions: dict[str, StateRun]

    @property
    def succeeded(self) -> bool:
        return self.exit_status == 0 and all(run.succeeded for run in self.minions.values())

    def __getitem__(self, name: str) -> StateRun:
        return self.minions[name]

    def __str__(self) -> str:
        runs = [f"== {name}\n{run}" for name, run in self.minions.items()]
        return "\n".join([f"salt: exit status {self.exit_status}", *runs])


def _stamp(event):
    return event.stamp


class Site(Network):
    """Hosts on one network, and a place there for what manages them; a context manager.

    `hosts` says which hosts to boot: `{name: options of Host.boot}`. The formula is copied to
    `directory`, with an empty pillar beside it.
    """

    def __init__(self, directory: Path, hosts: dict[str, dict]):
        self.directory = directory
        self.formula, self.pillar = directory / "formula", directory / "pillar"
        self.hosts: dict[str, Host] = {}
        self.addresses: dict[str, str] = {}
        self._wanted = hosts
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with self._stack:  # takes away again what is there if the rest cannot be had
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exc_info) -> None:
        self._stack.close()

    def set_pillar(self, pillars: dict[str, dict], login: dict | None = None) -> None:
        """Give hosts, by name, what their pillar shall hold under `postfix_sasl`.

        All of them get the account `login` to log in elsewhere with, if there is one.
        """
        shutil.rmtree(self.pillar)
        self.pillar.mkdir()
        for name, pillar in pillars.items():
            text = json.dumps({"postfix_sasl": pillar})
            (self.pillar / f"of_{name}.sls").write_text(f"#!json\n{text}\n")
        top = {"base": {name: [f"of_{name}"] for name in pillars}}
        if login:
            text = json.dumps({"postfix_sasl_login": login})
            (self.pillar / "login.sls").write_text(f"#!json\n{text}\n")
            top["base"]["*"] = ["login"]
        (self.pillar / "top.sls").write_text(f"#!json\n{json.dumps(top)}\n")

    def release(self, path: str, addition: str) -> None:
        """Make another release of the formula: this text at the end of that file of it."""
        with open(self.formula / path, "a") as file:
            file.write(addition)
        subprocess.run([self.formula / "bin/stamp"], check=True, timeout=30)

    def _start(self) -> None:
        make_room_for_hosts()
        self.pillar.mkdir()
        self.set_pillar({})
        for name in (*FORMULA_DIRECTORIES, "bin"):
            shutil.copytree(
                images.REPOSITORY / name,
                self.formula / name,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        self._keeper = self._keep()
        super().__init__(self._keeper.pid)
        self.ip("link", "add", BRIDGE, "type", "bridge")
        self.ip("address", "add", f"{MASTER}/24", "dev", BRIDGE)
        self.ip("link", "set", BRIDGE, "up")
        with ThreadPoolExecutor() as pool:
            booting = [pool.submit(self._boot, *each) for each in enumerate(self._wanted)]
            self._meanwhile()
            for boot in booting:
                boot.result()

    def _meanwhile(self) -> None:
        """Do what takes time and need not wait for the hosts."""

    def _keep(self) -> subprocess.Popen:
        keeper = subprocess.Popen(
            ["unshare", "--net", "--pid", "--fork", "--mount-proc", "sh", "-c", KEEPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C in the terminal is for the test run, not for it
        )
        self._stack.enter_context(keeper)  # closes the pipes and waits
        if keeper.stdout.readline() != "ready\n":
            raise HostError("could not make the network of the hosts")
        return keeper

    def _boot(self, number: int, name: str) -> None:
        host = self._stack.enter_context(Host.boot(**self._wanted[name]))
        address, cable = f"198.51.100.{FIRST_HOST + number}", f"cable{number}"
        self.ip("link", "add", cable, "type", "veth", "peer", "eth0", "netns", str(host.pid))
        self.ip("link", "set", cable, "master", BRIDGE, "up")
        host.ip("address", "add", f"{address}/24", "dev", "eth0")
        host.ip("link", "set", "eth0", "up")
        self.hosts[name], self.addresses[name] = host, address

    def command(self, *argv) -> list[str]:
        """Return the command that runs `argv` in the keeper's namespaces, to end with it."""
        namespaces = f"/proc/{self.pid}/ns"
        enter = ("--net={0}/net", "--pid={0}/pid_for_children", "--mount={0}/mnt")
        return ["nsenter", *(each.format(namespaces) for each in enter), *map(str, argv)]


class Fleet(Site):
    """A master and its minions; a context manager, whose end takes all of it away.

    `minions` says which hosts to boot: `{name: options of Host.boot}`. `master_config` and
    `minion_config` are laid over the configuration of the master, and of each minion.
    """

    def __init__(
        self,
        directory: Path,
        minions: dict[str, dict],
        master_config: dict | None = None,
        minion_config: dict | None = None,
    ):
        super().__init__(directory, minions)
        self._master_config = master_config or {}
        self._minion_config = {**MINION_CONFIG, **(minion_config or {})}

    # -- use ------------------------------------------------------------------------------------

    def apply(self, sls="postfix_sasl", **kwargs) -> FleetRun:
        """Type `salt '*' state.apply SLS`."""
        done = self.salt("state.apply", sls, **kwargs)
        minions = {name: StateRun(0, answer) for name, answer in (done.data or {}).items()}
        return FleetRun(done.returncode, minions)

    def salt(self, function, /, *args, minion_tgt="*", **kwargs):
        """Type `salt '*' FUNCTION ...`; the result's `data` is `{minion: answer}`."""
        command = self.master.salt_cli(self._inside(Salt), timeout=ANSWER_TIMEOUT)
        return command.run(function, *args, minion_tgt=minion_tgt, **kwargs)

    def run(self, function, *args, timeout=ANSWER_TIMEOUT, **kwargs):
        """Type `salt-run FUNCTION ...`."""
        command = self.master.salt_run_cli(self._inside(SaltRun), timeout=timeout)
        return command.run(function, *args, **kwargs)

    def salt_run(self, *words, timeout=ANSWER_TIMEOUT) -> subprocess.CompletedProcess:
        """Type `salt-run ...` on the master, and get what it prints as it is."""
        return self.typed("salt-run", *words, timeout=timeout)

    def typed(self, program, *words, timeout=ANSWER_TIMEOUT) -> subprocess.CompletedProcess:
        """Type a command of Salt's on the master, and get what it prints as it is."""
        path = Path(sys.executable).with_name(program)
        return subprocess.run(
            self.command(path, "--config-dir", self.master.config_dir, *words),
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=timeout,
        )

    @property
    def terminal(self) -> ThisMachine:
        """The master, for `walk.follow`."""
        environment = {"SALT_CONFIG_DIR": str(self.master.config_dir)}
        return ThisMachine(environment=environment, enter=self.command)

    def rollout(self, test=False, **options) -> StateRun:
        """Type `salt-run state.orchestrate postfix_sasl.orch.rollout`, with these options."""
        done = self.run(
            "state.orchestrate",
            "postfix_sasl.orch.rollout",
            timeout=ROLLOUT_TIMEOUT,
            pillar=json.dumps({"rollout": options}),
            **({"test": True} if test else {}),
        )
        data = done.data if isinstance(done.data, dict) else {}
        [states] = data.get("data", {}).values() or [[done.stdout]]
        return StateRun(done.returncode, states, done.stderr)

    def events(self, tag: str, since: float = 0.0) -> list[dict]:
        """Return what came over the master's bus under this tag, or pattern, oldest first."""
        seen = sorted(self._events.get_events({("master", tag)}, after_time=since), key=_stamp)
        return [event.data for event in seen]

    def restart_minions(self) -> None:
        """Restart the minions, and wait until they are there again."""
        before = time.time()
        for host in self.hosts.values():
            host.run("systemctl", "restart", "salt-minion")
        self._await_starts(before)

    # -- life -----------------------------------------------------------------------------------

    def _start(self) -> None:
        super()._start()
        self._await_minions()

    def _meanwhile(self) -> None:
        salt._logging.shutdown_temp_handler()  # it would repeat messages on a closed stream
        with self.network():  # what listens here shall hear the master
            self._events = self._stack.enter_context(EventListener())
        manager = FactoriesManager(
            root_dir=self.directory,
            log_server_host="127.0.0.1",
            log_server_port=9,  # nobody there: the master has its own log file
            log_server_level="error",
            event_listener=self._events,
        )
        config = {
            **MASTER_CONFIG,
            "file_roots": {"base": [str(self.formula)]},
            "pillar_roots": {"base": [str(self.pillar)]},
            **self._master_config,
        }
        self.master = manager.salt_master_daemon(
            "master",
            overrides=config,
            factory_class=self._inside(SaltMaster),
            start_timeout=START_TIMEOUT,
        )
        self._stack.enter_context(self.master.started())
        # Its processes end with the keeper; one by one they would take a quarter of a minute.
        self._stack.callback(self._keeper.stdin.close)

    def _inside(self, factory: type) -> type:
        """Return a kind of salt-factories' programs that runs in the keeper's namespaces."""
        enter = self.command

        class Inside(factory):
            def cmdline(self, *args, **kwargs):
                return enter(*super().cmdline(*args, **kwargs))

        return Inside

    def _await_minions(self) -> None:
        ports = {"master_port": self.master.config["ret_port"]}
        ports["publish_port"] = self.master.config["publish_port"]
        before = time.time()
        for name, host in self.hosts.items():
            config = {"id": name, **ports, **self._minion_config}
            host.write("/etc/salt/minion", json.dumps(config))
            host.run("systemd-run", "--unit=salt-minion", f"{images.SALT_HOME}/bin/salt-minion")
        self._await_starts(before)

    def _await_starts(self, since: float) -> None:
        started = {("master", f"salt/minion/{name}/start") for name in self.hosts}
        seen = self._events.wait_for_events(started, timeout=START_TIMEOUT, after_time=since)
        if seen is not True and not seen.found_all_events:
            raise HostError(f"did not come: {sorted(tag for _, tag in seen.missed)}")
