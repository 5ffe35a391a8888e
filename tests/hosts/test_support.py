"""The hosts that all other tests here stand on are what they say they are."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support import mail, wait
from support.cgroups import cgroup_root, remove_leftovers
from support.errors import CommandFailed
from support.host import Host
from support.images import REPOSITORY


def remains(name):
    """Return everything on this machine that bears a host's name."""
    groups = [path.name for path in cgroup_root().iterdir() if path.name == name]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if name in line]
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return groups + mounts + [line for line in lines.splitlines() if name in line]


def eventually(condition, seconds=10):
    """Tell whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_systemd_runs_the_host(bare_host, release):
    assert bare_host.read("/proc/1/comm") == "systemd\n"
    assert bare_host.run("systemctl", "is-system-running").stdout == "running\n"
    os_release = bare_host.read("/etc/os-release")
    assert f"VERSION_CODENAME={release}" in os_release


def test_network_is_private(bare_host):
    links = bare_host.run("ip", "-brief", "link").stdout.splitlines()
    assert [line.split()[0] for line in links] == ["lo"]
    assert bare_host.run("ip", "route").stdout == ""


def test_formula_is_there_read_only(bare_host):
    formula = Path(__file__).relative_to(REPOSITORY)
    assert bare_host.read(f"/srv/postfix_sasl/{formula}") == Path(__file__).read_text()
    with pytest.raises(CommandFailed, match="Read-only"):
        bare_host.run("touch", "/srv/postfix_sasl/new")


def test_files_survive_a_reboot_and_run_does_not(bare_host):
    boot_id = bare_host.read("/proc/sys/kernel/random/boot_id")
    bare_host.write("/etc/kept", "kept\n", mode=0o600)
    bare_host.write("/run/lost", "lost\n")
    bare_host.reboot()
    assert bare_host.read("/proc/sys/kernel/random/boot_id") != boot_id
    assert bare_host.read("/etc/kept") == "kept\n"
    assert bare_host.path("/etc/kept").stat().st_mode & 0o777 == 0o600
    assert not bare_host.exists("/run/lost")


def test_stopped_host_is_forgotten(boot):
    first = boot()
    first.write("/etc/mark", "first\n")
    first.stop()
    assert not boot().exists("/etc/mark")


def test_snapshot_becomes_a_layer(boot, tmp_path):
    first = boot()
    first.write("/etc/mark", "first\n")
    first.run("rm", "/etc/debian_version")
    layer = first.snapshot(tmp_path / "first")
    second = boot(layers=[layer])
    assert second.read("/etc/mark") == "first\n"
    assert not second.exists("/etc/debian_version")
    second.write("/etc/mark", "second\n")
    second.run("touch", "/etc/other")
    top = second.snapshot(tmp_path / "second")
    third = boot(layers=[layer, top])
    assert third.read("/etc/mark") == "second\n"
    assert not third.exists("/etc/debian_version")
    assert boot(layers=[layer]).read("/etc/mark") == "first\n"


def test_nothing_is_left_behind(boot):
    host = boot()
    host.neighbour()
    assert remains(host.name)
    host.stop()
    assert remains(host.name) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_behind_by_a_killed_run(release, how):
    code = (
        "import sys, time; sys.path[:0] = sys.argv[2:]; from support.host import Host;"
        "host = Host.boot(sys.argv[1]); host.neighbour(); print(host.name, flush=True);"
        "time.sleep(100)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, release, REPOSITORY / "tests", REPOSITORY / "tools"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # A run in the background of a shell ignores it, and so would this one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        name = process.stdout.readline().strip()
        assert remains(name)
        process.send_signal(how)
    assert eventually(lambda: remains(name) == [])


def test_leftovers_of_dead_runs_are_removed():
    process = subprocess.run([sys.executable, "-c", ""], check=True)
    assert process.returncode == 0
    dead = next(pid for pid in range(4_000_000, 4_100_000) if not Path(f"/proc/{pid}").exists())
    group = cgroup_root() / f"pfsasl-{dead}-1"
    (group / "payload/init.scope").mkdir(parents=True)
    ours = cgroup_root() / f"pfsasl-{os.getpid()}-999"
    ours.mkdir()
    try:
        assert group.name in remove_leftovers()
        assert not group.exists()
        assert ours.exists()
    finally:
        ours.rmdir()


def test_host_without_systemd(boot, installed):
    host = boot(layers=installed, systemd=False)
    assert not host.exists("/run/systemd/system")
    with host.network():
        assert "STARTTLS" in mail.ehlo(25) or mail.is_open(25)
    host.run("service", "postfix", "stop")
    with host.network():
        assert not mail.is_open(25)
    host.write("/etc/kept", "kept\n")
    host.reboot()
    assert host.read("/etc/kept") == "kept\n"
    with host.network():
        assert mail.is_open(25)


def test_network_is_for_the_calling_thread_only(installed_host):
    seen = []
    with installed_host.network():
        assert mail.is_open(25)
        thread = threading.Thread(target=lambda: seen.append(os.readlink("/proc/self/ns/net")))
        thread.start()
        thread.join()
        inside = os.readlink("/proc/thread-self/ns/net")
    assert os.readlink("/proc/thread-self/ns/net") != inside


def test_neighbour_reaches_the_host_and_keeps_to_it(installed_host):
    neighbours = [installed_host.neighbour(f"198.51.100.{n}") for n in (2, 3)]
    for neighbour in neighbours:
        with neighbour.network():
            assert "PIPELINING" in mail.ehlo(25, host="198.51.100.1")
            assert not mail.is_open(25)
    installed_host.reboot()
    for neighbour in neighbours:
        with neighbour.network():
            assert mail.is_open(25, host="198.51.100.1")


def test_failed_command_says_what_it_printed(bare_host):
    with pytest.raises(CommandFailed) as caught:
        bare_host.run("sh", "-c", "echo said; echo complained >&2; exit 3")
    for text in ("exit status 3", "said", "complained"):
        assert text in str(caught.value)
    assert bare_host.run("false", check=False).returncode == 1


def test_command_is_bounded_even_if_a_daemon_keeps_its_output(bare_host):
    assert bare_host.run("sh", "-c", "sleep 100 & echo done").stdout == "done\n"
    with pytest.raises(CommandFailed, match="not done after 1 s"):
        bare_host.run("sleep", "100", timeout=1)


def test_path_stays_inside_the_host(bare_host):
    bare_host.run("ln", "-sfn", "/etc/hostname", "/opt/link")
    bare_host.run("ln", "-sfn", "../..", "/opt/up")
    assert bare_host.read("/opt/link") == "mail\n"
    assert bare_host.path("/opt/up/etc/hostname").read_text() == "mail\n"
    assert bare_host.path("/var/run/x") == bare_host.path("/run/x")


def test_salt_works_inside(bare_host):
    assert bare_host.salt("test.echo", "hello") == "hello"
    bare_host.write(
        "/srv/minion/states/trivial.sls",
        "/etc/made: {file.managed: [{contents: {{ pillar.postfix_sasl.word }}}]}\n"
        "fails: {test.fail_without_changes: []}\n",
    )
    dry = bare_host.apply({"word": "made"}, sls="trivial", test=True)
    assert not bare_host.exists("/etc/made")
    assert "/etc/made" in str(dry)
    wet = bare_host.apply({"word": "made"}, sls="trivial")
    assert bare_host.read("/etc/made").strip() == "made"
    assert not wet.succeeded
    assert wet.failures == ["Failure!"]
    assert not bare_host.apply(sls="no_such_sls").succeeded


def test_a_fork_of_salt_is_what_one_types(installed_host):
    """Tests get theirs from a process that has Salt imported; nothing may come of that."""
    show = "cat /proc/self/cgroup; env; id; pwd; umask; ulimit -a; readlink /proc/self/ns/*"
    show += "; grep -E '^(Cap|Sig[IB]|Seccomp)' /proc/self/status; ls /proc/self/fd"
    made = "hostname -f > /run/made; stat -c %a:%U:%s:%d /run/made; rm /run/made"
    calls = [
        (("cmd.run", f"{show}; {made}"), {}),
        (("config.items",), {}),
        (("grains.items",), {}),
        (("sys.list_functions",), {}),
        (("state.apply", "postfix_sasl"), {"test": True}),
        (("state.apply", "nothing_like_it"), {}),
    ]
    installed_host.salt("saltutil.sync_all")
    for words, named in calls:
        typed, forked = (installed_host.salt(*words, typed=t, **named) for t in (True, False))
        assert passing(typed) == passing(forked)


def passing(answer):
    """Return an answer without what differs from call to call."""
    if not isinstance(answer, dict):
        return answer
    changing = ("pid", "duration", "start_time", "shell_pid")
    return {name: passing(value) for name, value in answer.items() if name not in changing}


def test_a_fork_of_salt_is_bounded(bare_host):
    with pytest.raises(CommandFailed, match="not done after 3 s"):
        bare_host.salt("cmd.run", "exec sleep 100", timeout=3)
    wait.until(lambda: bare_host.run("pgrep", "-f", "salt", check=False).returncode == 1)
    assert bare_host.salt("test.echo", "alive") == "alive"


def test_two_hosts_do_not_disturb_each_other(boot, installed):
    hosts = [boot(layers=installed) for _ in range(2)]
    for host in hosts:
        started = time.monotonic()
        host.run("systemctl", "restart", "postfix")
        assert time.monotonic() - started < 10
        with host.network():
            assert mail.is_open(25)


def test_boot_from_a_thread_that_ends(release):
    hosts = []
    thread = threading.Thread(target=lambda: hosts.append(Host.boot(release)))
    thread.start()
    thread.join()
    with hosts[0] as host:
        assert host.run("echo", "alive").stdout == "alive\n"


def test_a_shell_opens_in_the_hosts_of_a_test_that_fails(tmp_path):
    (tmp_path / "conftest.py").symlink_to(REPOSITORY / "tests/conftest.py")
    (tmp_path / "test_it.py").write_text(
        "def test_it(bare_host):\n"
        "    bare_host.write('/etc/mark', 'left by the test')\n"
        "    assert bare_host.release == 'another'\n"
    )
    command = [sys.executable, "-m", "pytest", "-c", REPOSITORY / "pyproject.toml", "--shell"]
    typed = "cat /etc/mark; salt-call --version; exit 3\n"
    command += ["-k", "trixie", tmp_path]
    run = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    said = run.stdout.partition("assert 'trixie' == 'another'")[2]
    assert "Debian trixie, host 1 of 1; go on with exit." in said
    assert "left by the test" in said and "salt-call 3" in said
