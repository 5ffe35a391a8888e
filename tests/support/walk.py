"""Follow a page on a host, from top to bottom, as a reader would.

A YAML block whose first line is a comment with a path is a file that the reader writes. Commands
are typed in a shell of root, and have to print what the page shows and to succeed; but for those,
named by how they begin, with which a page shows what is wrong: they have to fail.
"""

from __future__ import annotations

import shutil

from . import pages
from .host import Host
from .images import REPOSITORY, SALT_HOME
from .layers import FORMULA_DIRECTORIES
from .places import PATH
from .wait import until

CLONE = "/srv/formulas/postfix_sasl"  # where the pages have the repository
ROOT = 'sudo() { "$@"; }'  # a shell of root does not need it, and may not have it
TIMEOUT = 240
START_TIMEOUT = 60


def give_clone(host: Host) -> None:
    """Put a fresh clone of the repository on a host, without its tests, and Salt's directory."""
    host.path("/etc/salt").mkdir(exist_ok=True)
    target = host.path(CLONE)
    target.mkdir(parents=True)
    for name in FORMULA_DIRECTORIES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, target / name, ignore=ignore)
    for path in REPOSITORY.iterdir():
        if path.is_file():
            shutil.copy(path, target)


def follow(
    host: Host,
    page: str,
    heading: str | None = None,
    directory: str = "/",
    fails: str | None = None,
    is_written: bool = False,
) -> None:
    """Do all that a page says, or what it says under one heading, in a directory of the host.

    Commands that begin with `fails` have to fail. Where `is_written`, the page's files are there.
    """
    for block in _blocks(page, heading):
        if not is_written:
            _write(host, block)
        for command in block.commands:
            has_to_fail = fails is not None and command.text.startswith(fails)
            type_command(host, command, str(block), directory, has_to_fail)


def write(host: Host, page: str, heading: str | None = None) -> None:
    """Write the files that a page tells to write, and type nothing."""
    for block in _blocks(page, heading):
        _write(host, block)


def type_command(
    host: Host,
    command: pages.Command,
    where: str,
    directory: str = "/",
    has_to_fail: bool = False,
) -> None:
    """Type one command of a page, which has to print what is shown there."""
    printed = type_text(host, command.text, where, directory, has_to_fail)
    difference = command.difference(printed)
    assert not difference, f"{where}: $ {command.text}\n{difference}"


def type_text(
    host: Host, text: str, where: str = "", directory: str = "/", has_to_fail: bool = False
) -> str:
    """Type a command with Salt's programs at hand, and return what it printed."""
    environment = {"PATH": f"{PATH}:{SALT_HOME}/bin"}
    typed = f"{ROOT}\ncd {directory} && {{ {text}\n}} 2>&1"
    done = host.run("bash", "-c", typed, check=False, timeout=TIMEOUT, env=environment)
    said = f"{where}: $ {text}\nexit status {done.returncode}\n{done.stdout}"
    assert bool(done.returncode) == has_to_fail, said
    return done.stdout


def install_daemons(host: Host) -> None:
    """Give a host the services of a master and of `mail`, its own minion; none runs yet."""
    host.write("/etc/salt/master.d/test.conf", "interface: 127.0.0.1\nauto_accept: true\n")
    minion = "id: mail\nmaster: 127.0.0.1\nenable_fqdns_grains: false\n"
    host.write("/etc/salt/minion.d/test.conf", minion)
    for daemon in ("salt-master", "salt-minion"):
        unit = f"[Service]\nExecStart={SALT_HOME}/bin/{daemon}\n"
        host.write(f"/etc/systemd/system/{daemon}.service", unit)


def start_minion(host: Host, name: str = "mail") -> None:
    """Start the minion, and wait until it answers its master."""
    host.run("systemctl", "restart", "salt-minion")
    ping = (f"{SALT_HOME}/bin/salt", "--timeout=2", name, "test.ping")
    until(lambda: "True" in host.run(*ping, check=False).stdout, START_TIMEOUT)


def _blocks(page, heading):
    found = [each for each in pages.read(REPOSITORY / page) if heading in (None, each.heading)]
    assert found, f"{page} has nothing to do under {heading}"
    return found


def _write(host, block):
    if block.path:
        host.write(block.path, block.text)
