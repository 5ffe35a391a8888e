"""The hosts that are measured, the SLS that they apply, and how one run is timed."""

import contextlib
import json
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import postfix_sasl_config
import postfix_sasl_settings
from support import images, layers
from support.errors import HostError
from support.host import Host
from support.layers import FORMULA_DIRECTORIES
from support.places import SALT_CONFIG

RELEASE = "trixie"
PACKAGES = ("postfix", "sasl2-bin", "libsasl2-modules", "ssl-cert")
STATES = Path(__file__).with_name("states")
OURS, PLAIN, FLOOR, SALTS_OWN = "postfix_sasl", "plain", "floor", "salts_own"
NAMES = {
    OURS: "this formula",
    PLAIN: "the recipe as plain SLS",
    FLOOR: "Salt's floor: one test.nop",
    SALTS_OWN: "Salt's pkg.installed and service.running",
}
# What the formula writes apart from main.cf and master.cf; the plain SLS has the same texts.
FILES = (
    "/etc/postfix/sasl/smtpd.conf",
    "/etc/pam.d/smtp",
    "/etc/default/saslauthd-postfix",
    "/etc/systemd/system/saslauthd-postfix.service",
)


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds by the clock, and of the processor."""

    wall: float
    cpu: float


@contextlib.contextmanager
def image():
    """Yield the layers of a host with all packages present and the formula never applied."""
    below = layers.installed(RELEASE)
    with tempfile.TemporaryDirectory(dir=images.CACHE) as directory:
        with Host.boot(RELEASE, layers=below) as host:
            host.install(*PACKAGES)
            prepare(host)
            apply(host, FLOOR)  # what Salt writes in its very first run
            layer = host.snapshot(Path(directory) / "layer")
        yield [*below, layer]


def prepare(host):
    """Give a host a copy of the formula as it is now, and the SLS of the other contenders."""
    for directory in FORMULA_DIRECTORIES:
        _copy(host, images.REPOSITORY / directory, f"/srv/salt/{directory}")
    _copy(host, STATES, "/srv/salt")
    config = {
        "id": "bench",
        "file_client": "local",
        "file_roots": {"base": ["/srv/salt"]},
        "pillar_roots": {"base": [f"{SALT_CONFIG}/pillar"]},
        "enable_fqdns_grains": False,  # there is no name service to ask
    }
    host.write(f"{SALT_CONFIG}/minion", json.dumps(config))
    host.set_pillar({})


def _copy(host, source, target):
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            host.write(f"{target}/{path.relative_to(source)}", path.read_text())


def salt_call(*words):
    """Return the command that applies an SLS on a host."""
    options = (f"--config-dir={SALT_CONFIG}", "--local", "--out=json", "--retcode-passthrough")
    return [f"{images.SALT_HOME}/bin/salt-call", *options, *words]


def apply(host, sls):
    """Apply an SLS; return (its Cost, all changes). Raises HostError where a state fails."""
    before, started = _cpu(), time.perf_counter()
    done = host.run(*salt_call("state.apply", sls), check=False, timeout=600)
    cost = Cost(time.perf_counter() - started, _cpu() - before)
    if done.returncode:
        raise HostError(f"{sls} failed\n{done.stdout[-3000:]}\n{done.stderr[-1000:]}")
    states = json.loads(done.stdout)["local"].values()
    return cost, {name: each for state in states for name, each in state["changes"].items()}


def _cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def recipe(host, changes):
    """Return the data of the plain SLS that does what the formula did to a host.

    changes
        The changes of the formula's first run there.
    """
    main = postfix_sasl_config.main_cf(postfix_sasl_settings.check({}))
    master = {name: each["new"] for name, each in changes.items() if "/" in name[1:]}
    return {
        "packages": PACKAGES,
        "main": {name: value for name, value in main.items() if value is not None},
        "master": {key: fields for key, fields in master.items() if "command" in (fields or {})},
        "files": {path: host.read(path) for path in FILES},
    }


def give_recipe(host, data):
    """Let the plain SLS of this host do *data*."""
    host.write("/srv/salt/plain.json", json.dumps(data))
