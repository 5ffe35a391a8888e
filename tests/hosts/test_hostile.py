"""A hostile pillar, a host full of traps, servers that mean harm: nothing runs that should not."""

import contextlib
import json
import time

import pytest
from support import certificates, hostile, layers
from support.errors import CommandFailed
from support.host import Host
from support.images import SALT_HOME
from support.places import SALT_CONFIG

# What differs between the releases has tests of its own.
RELEASE = "trixie"
MARKER = "/pwned"
TOUCH = f"touch {MARKER}"
INJECTED = f"$({TOUCH}) `{TOUCH}` ; {TOUCH} ' \" \\ %n {{{{ salt['cmd.run']('{TOUCH}') }}}} #"
# The same where a $ has to have a name after it, and for a name where none may be empty.
IN_POSTFIX = f"x $$({TOUCH}) `{TOUCH}` ; {TOUCH} ' \" \\ %n"
LINEAGE = "/etc/letsencrypt/live/-a@b+c:d"
HOOK = "/etc/letsencrypt/renewal-hooks/deploy/postfix_sasl"
USER = {
    "remote": f'" preconnect "{TOUCH}" mda "{TOUCH}" {INJECTED}',
    "password": INJECTED,
    "local": "-oX",
    "options": ["folder preconnect keep"],
}
# Each of these is text that its key takes.
TAKEN = {
    "main": {"mail_name": IN_POSTFIX, "smtpd_banner": f"$myhostname {IN_POSTFIX}"},
    "master": {
        "x@+:-oX/unix": {"command": "smtp", "options": {"syslog_name": IN_POSTFIX}},
        "odd/unix": {
            "command": "pipe",
            "unprivileged": "n",
            "args": ["user=nobody", f"argv=/bin/false {IN_POSTFIX}"],
        },
    },
    "sasl": {
        "options": {"log_level": "1", "note": INJECTED},
        "sender_logins": {"`x`'%n@example.org".replace("`", "&"): ["$alice".replace("$", "-")]},
    },
    "saslauthd": {
        "instance": "x--help",
        "mechanism_options": "-n 9 -O --help",
        "run_dir": "/var/run/-m@x+y:z/--help",
    },
    "pam": {"service": "s--x", "rules": [f"# {INJECTED}", "@include common-auth"]},
    "tls": {"acme": LINEAGE},
    "services": {"submission": {"options": {"syslog_name": f"postfix/{IN_POSTFIX}"}}},
    "relay": {"host": "-oX", "username": INJECTED, "password": INJECTED},
    "fetchmail": {
        "enabled": True,
        "rcfile": "/etc/--x/-m@x:fetchmailrc",
        "poll": [{"server": "--help", "users": [USER]}],
    },
    "drift": {"mode": "report"},
}
# What only a host shows to be wrong: what the run says of each, and the pillar.
REFUSED = {
    "run_dir: /etc/ssl holds": {"saslauthd": {"run_dir": "/etc/ssl"}, "chroot": False},
    "others than root can write to /home/mallory": {
        "saslauthd": {"run_dir": "/home/mallory/way/saslauthd"},
        "chroot": False,
    },
    "belongs to the package sshd-like": {
        "pam": {"service": "sshd-like", "rules": ["auth sufficient pam_permit.so"]}
    },
    "daemon_directory: it decides what runs as root": {
        "main": {
            "daemon_directory": "/tmp/evil",
            "debugger_command": TOUCH,
            "import_environment": "MAIL_CONFIG LD_PRELOAD=/tmp/evil/x.so",
            "multi_instance_wrapper": f"/bin/{TOUCH}",
        },
        "master": {"evil/unix": {"command": "../../../../bin/sh", "args": ["-c", TOUCH]}},
    },
}
# Files of root's that a link in the place of one of ours leads to.
TRAPS = {
    "/etc/postfix/postfix_sasl-relay": "/etc/shadow",
    "/etc/fetchmailrc": "/root/secret",
    "/etc/default/saslauthd-postfix": "/etc/hostname",
    "/etc/pam.d/smtp": "/etc/issue",
    "/etc/postfix/postfix_sasl-server.pem": "/etc/cron.d/not-there",
    "/etc/postfix/sasl/smtpd.conf": "/etc/fstab",
}
PIPES = ("/run/fetchmail/fetchmail.pid", "/opt/acme/privkey.pem", "/opt/acme/fullchain.pem")
ODD_DEFAULTS = "/etc/default/saslauthd-$(touch pwned)"
MANAGED = "Managed by the postfix_sasl formula; changes made here are overwritten."
GUARDED = (
    *("/", "/etc", "/etc/ssl", "/etc/pam.d", "/root", "/tmp", "/home/mallory", "/etc/cron.d"),
    *("/etc/shadow", "/etc/passwd", "/etc/issue", "/etc/hostname", "/etc/fstab", "/root/secret"),
)
CALLS = ("status", "doctor", "drift", "export", "probe")


def made(systemd):
    """Boot a host with the packages installed and a certificate where an ACME client keeps it."""
    pair = certificates.make()
    host = Host.boot(RELEASE, systemd=systemd, layers=layers.installed(RELEASE))
    host.install("fetchmail")
    for name, text in (("privkey", pair.key), ("fullchain", pair.certificate)):
        host.write(f"{LINEAGE}/{name}.pem", text, mode=0o600)
    host.write("/root/secret", "root's own\n", mode=0o600)
    host.add_user("mallory", "x")
    return host


@pytest.fixture(scope="module")
def host():
    """One host for all tests of this file; each leaves it as it was."""
    with made(systemd=True) as host:
        yield host


@pytest.fixture
def sysv_host():
    """A host without systemd."""
    with made(systemd=False) as host:
        yield host


def guarded(host):
    """Return what there is to know of the files that nobody has any business with."""
    listed = host.run("stat", "-c", "%n %U %G %a %i", *GUARDED).stdout
    files = [path for path in GUARDED if host.path(path).is_file()]
    return listed.splitlines() + host.run("sha256sum", *files).stdout.splitlines()


def assert_not_pwned(host):
    assert not host.exists(MARKER)
    found = host.run("find", "/", "-xdev", "-name", "pwned*", "-not", "-path", "/proc/*").stdout
    assert found == ""


def answers(host):
    """Call what looks at the host; return each answer as text."""
    said = {}
    for call in CALLS:
        try:
            said[call] = host.salt(f"postfix_sasl.{call}", timeout=90)
        except CommandFailed as refused:
            said[call] = refused.stderr
        assert said[call] and "Traceback" not in str(said[call]), (call, said[call])
    return said


def controls(answer):
    """Return the characters of an answer that a terminal would obey."""
    texts = [answer]
    found = set()
    while texts:
        each = texts.pop()
        if isinstance(each, dict):
            texts += [*each, *each.values()]
        elif isinstance(each, list):
            texts += each
        elif isinstance(each, str):
            found |= {char for char in each if not char.isprintable() and char != "\n"}
    return found


def test_text_that_is_taken_stays_text(host):
    assert_stays_text(host)


def test_text_that_is_taken_stays_text_without_systemd(sysv_host):
    assert_stays_text(sysv_host)


def assert_stays_text(host):
    before = guarded(host)
    run = host.apply(TAKEN)
    assert run.succeeded, run
    assert host.apply(TAKEN).changes == {}
    assert host.run("env", f"RENEWED_LINEAGE={LINEAGE}", HOOK, check=False).returncode == 0
    rc = host.path("/etc/--x/-m@x:fetchmailrc").read_text()
    assert rc.count("\n") == 10 and 'folder "preconnect"' in rc
    # Postfix, PAM and fetchmail have read what they were given.
    host.run("postfix", "check")
    host.run("su", "-s", "/bin/sh", "nobody", "-c", "true")
    answers(host)
    assert_not_pwned(host)
    cleaned = host.apply(TAKEN, sls="postfix_sasl.clean")
    assert cleaned.succeeded, cleaned
    assert_not_pwned(host)
    assert guarded(host) == before


@pytest.mark.parametrize("says", REFUSED)
def test_what_would_run_or_be_opened_is_refused(host, says):
    host.write("/tmp/evil/smtpd", f"#!/bin/sh\n{TOUCH}\n", mode=0o755)
    host.run("ln", "-sfn", "/etc", "/home/mallory/way")
    host.run("chown", "-h", "mallory:", "/home/mallory/way")
    host.write("/etc/pam.d/sshd-like", "auth required pam_deny.so\n")
    host.write("/var/lib/dpkg/info/sshd-like.conffiles", "/etc/pam.d/sshd-like\n")
    before = guarded(host), host.read("/etc/pam.d/sshd-like")
    run = host.apply(REFUSED[says])
    assert not run.succeeded
    failures = "\n".join(run.failures)
    assert says in failures and "Traceback" not in failures, failures
    for name in [*REFUSED[says].get("main", {}), *REFUSED[says].get("master", {})]:
        assert f"{name}: " in failures, failures
    assert (guarded(host), host.read("/etc/pam.d/sshd-like")) == before
    assert_not_pwned(host)


@contextlib.contextmanager
def traps(host):
    """Links, pipes and text that somebody has put where the formula writes and reads."""
    before = {path: host.read(path) for path in ("/etc/postfix/main.cf", "/etc/postfix/master.cf")}
    for path, target in TRAPS.items():
        host.run("rm", "-f", path)
        host.run("ln", "-s", target, path)
    # Pipes that nobody writes to, where daemons and ACME clients that are not root keep files.
    host.run("mkdir", "-p", "/run/fetchmail", "/opt/acme")
    host.run("mkfifo", *PIPES)
    host.write(ODD_DEFAULTS, f'OPTIONS="-m /etc"\n# {MANAGED}\n')
    with open(host.path("/etc/postfix/main.cf"), "a") as main:
        main.write(f"evil = \x1b]0;x\x07 $({TOUCH}) `{TOUCH}` \u202e\n\x1b[2J = x\n")
    with open(host.path("/etc/postfix/master.cf"), "a") as master:
        master.write(f"\x1b[31m unix - - n - - pipe\n  user=nobody argv=/bin/sh -c {{{TOUCH}}}\n")
    yield
    host.run("rm", "-f", *TRAPS, *PIPES, ODD_DEFAULTS)
    for path, text in before.items():
        host.write(path, text)


def test_traps_on_the_host(host):
    assert host.apply({}, sls="postfix_sasl.clean").succeeded
    assert host.apply().succeeded
    with traps(host):
        assert_not_caught(host)


def assert_not_caught(host):
    before = guarded(host)
    user = {"remote": "a", "password": "b", "local": "mallory"}
    wanted = {
        "relay": {"host": "127.0.0.9", "username": "u", "password": "p"},
        "fetchmail": {"enabled": True, "poll": [{"server": "127.0.0.9", "users": [user]}]},
    }
    for tls in ({"acme": "/opt/acme"}, {}):
        run = host.apply({**wanted, "tls": tls}, timeout=90)
        assert not run.succeeded
        assert "is a link to" in "\n".join(run.failures), run.failures
    said = answers(host)
    seen = [said["doctor"], said["status"], said["drift"], run.comments, *run.failures]
    assert [controls(each) for each in seen if controls(each)] == []
    assert "is a link to" in json.dumps(said["drift"])
    assert guarded(host) == before
    cleaned = host.apply(wanted, sls="postfix_sasl.clean", timeout=90)
    assert guarded(host) == before, cleaned
    assert not host.exists("/etc/cron.d/not-there")
    assert_not_pwned(host)


@contextlib.contextmanager
def servers_that_mean_harm(host, directory):
    """Such servers where master.cf has smtpd; gives the ports."""
    master = host.read("/etc/postfix/master.cf")
    context, ports = hostile.tls_context(directory), range(2501, 2501 + len(hostile.SERVERS))
    options = "-o smtpd_sasl_auth_enable=yes -o smtpd_tls_security_level=encrypt"
    lines = [f"127.0.0.1:{port} inet n - y - - smtpd {options}\n" for port in ports]
    host.write("/etc/postfix/master.cf", master + "".join(lines))
    with contextlib.ExitStack() as stack:
        for port, behave in zip(ports, hostile.SERVERS.values(), strict=True):
            with host.network():
                stack.enter_context(hostile.serving(behave, context, ("127.0.0.1", port)))
        yield ports
    host.write("/etc/postfix/master.cf", master)


def test_servers_that_mean_harm_in_the_place_of_smtpd(host, tmp_path):
    assert host.apply().succeeded
    with servers_that_mean_harm(host, tmp_path) as ports:
        said = {}
        for call in ("doctor", "status", f"probe 127.0.0.1 {ports[0]}"):
            start = time.monotonic()
            words = f"salt-call --config-dir={SALT_CONFIG} --local --no-color postfix_sasl.{call}"
            done = host.run(*f"{SALT_HOME}/bin/{words}".split(), check=False, timeout=60)
            said[call] = done.stdout + done.stderr
            assert time.monotonic() - start < 55, call
    for call, text in said.items():
        assert controls(text) == set() and "Traceback" not in text, (call, text)
        assert len(text) < 50_000, call
    for call, port in (("doctor", ports[0]), ("status", ports[1]), ("status", ports[-1])):
        assert str(port) in said[call], said[call]
