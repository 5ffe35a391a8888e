"""The doctor names the one thing that is broken, and what it says to type mends it."""

import json
import re

import pytest
from support import mail
from support.breakages import BROKEN, BROKEN_WITHOUT_SYSTEMD, RUN_DIRECTORY, WARNINGS
from support.host import Host
from support.images import SALT_HOME
from support.layers import PASSWORD, USER
from support.places import FORMULA, SALT_CONFIG

from .test_export import make_by_hand, make_by_the_wiki

# All that breakages and remedies change; the rest of the host they leave alone.
KEPT = (
    *("etc/postfix", "etc/pam.d", "etc/default", "etc/systemd/system", "etc/group", "etc/gshadow"),
    *("etc/ssl/certs/ssl-cert-snakeoil.pem", "etc/ssl/private", "var/lib/dpkg/statoverride"),
)
EXAMINE = f"""
import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "{FORMULA}/_utils")
import postfix_sasl_doctor
print(json.dumps(postfix_sasl_doctor.examine()))
"""

# What was cured needs no restart.
RESTORE = f"""
pkill -CONT -x 'master|saslauthd'
pkill -f '[c]reate_server'
find /var/spool/postfix/deferred -type f -delete
chmod 0755 /var/spool/postfix/var
tar -C / --recursive-unlink -xf /srv/before.tar
chown root:sasl {RUN_DIRECTORY} && chmod 0710 {RUN_DIRECTORY} && chmod -f 0777 {RUN_DIRECTORY}/mux
[ -S {RUN_DIRECTORY}/mux ] && pgrep -x saslauthd || systemctl restart saslauthd-postfix
pgrep -x master && postfix reload || systemctl restart postfix
ss -ltn | grep -q 0.0.0.0:25 || systemctl restart postfix
journalctl -q --since=-61s SYSLOG_FACILITY=2 | grep -q throttling && systemctl restart postfix
systemctl reset-failed
"""


@pytest.fixture(scope="module")
def patient(shared_host):
    """The shared host, on which PAM does not let a wrong password wait for two seconds."""
    shared_host.run("sed", "-i", "/pam_faildelay/d", "/etc/pam.d/smtp")
    shared_host.run("tar", "-C", "/", "-cf", "/srv/before.tar", *KEPT)
    shared_host.salt("saltutil.sync_all")
    assert examine(shared_host)["healthy"]
    return shared_host


@pytest.fixture
def broken(patient):
    """The same, made whole again afterwards; a test that finds more than its own says if not."""
    yield patient
    patient.run("sh", "-c", RESTORE)


def examine(host):
    return json.loads(host.run(f"{SALT_HOME}/bin/python", "-", input=EXAMINE).stdout)


def failed(said):
    return [check for check in said["checks"] if check["ok"] is False]


def named(said, name):
    (check,) = [check for check in said["checks"] if check["name"] == name]
    return check


def only_failed(said):
    (check,) = failed(said)
    return check


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_alone_and_mended_by_its_remedy(broken, name):
    assert_named_and_mended(broken, BROKEN[name])


def assert_named_and_mended(host, breakage):
    host.run("sh", "-c", breakage.script)
    said = examine(host)
    assert not said["healthy"], said["report"]
    assert [check["name"] for check in failed(said)] == [breakage.check], said["report"]
    check = only_failed(said)
    told = f"{check['detail']} {check['remedy']}"
    assert all(word in told for word in breakage.said), said["report"]
    assert check["remedy"], said["report"]
    if breakage.cure:
        host.run("sh", "-c", check["remedy"], env={"DEBIAN_FRONTEND": "noninteractive"})
        after = examine(host)
        assert after["healthy"], (check["remedy"], after["report"])


@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning_is_seen_and_leaves_the_host_healthy(broken, name):
    script, check_name, pattern = WARNINGS[name]
    broken.run("sh", "-c", script)
    said = examine(broken)
    assert said["healthy"], said["report"]
    check = named(said, check_name)
    assert check["ok"] is True and check["remedy"], said["report"]
    assert re.search(pattern, check["detail"]), said["report"]


def test_a_process_from_before_the_group_is_named(broken):
    broken.run("gpasswd", "-d", "postfix", "sasl")
    broken.run("postfix", "reload")
    with broken.network(), mail.connection(25):
        broken.run("gpasswd", "-a", "postfix", "sasl")
        said = examine(broken)
        check = only_failed(said)
        assert check["name"] == "smtpd's groups", said["report"]
        broken.run("sh", "-c", check["remedy"])


class TestTheCommand:
    def test_a_healthy_host_is_healthy_and_untouched(self, patient):
        before = snapshot(patient)
        done = salt_call(patient)
        assert done.returncode == 0, done
        assert done.stdout.splitlines()[-1].startswith("    healthy")
        assert done.stderr == ""
        assert snapshot(patient) == before

    def test_a_broken_host_gives_an_exit_status_and_the_remedy_beneath(self, broken):
        broken.run("systemctl", "stop", "saslauthd-postfix")
        done = salt_call(broken)
        assert done.returncode == 1
        lines = done.stdout.splitlines()
        (at,) = [at for at, line in enumerate(lines) if line.startswith("    FAIL")]
        assert "saslauthd" in lines[at]
        assert lines[at + 1].strip() == "=> systemctl restart saslauthd-postfix"
        assert done.stdout.isascii()

    def test_json_gives_the_data(self, patient):
        said = json.loads(salt_call(patient, "--out=json").stdout)["local"]
        assert set(said) == {"healthy", "checks", "report"}
        assert said["healthy"] is True
        for check in said["checks"]:
            assert set(check) == {"name", "ok", "detail", "remedy"}

    def test_without_the_outputter_the_report_is_the_last_one_reads(self, broken):
        broken.run("sh", "-c", "rm -r $(find /var/cache/salt -type d -path '*/extmods/output')")
        done = salt_call(broken)
        assert "Invalid outputter" not in done.stdout + done.stderr
        tail = done.stdout[done.stdout.index("report:") :]
        assert "ok    packages" in tail and "\n        healthy" in tail
        broken.salt("saltutil.sync_output")


def salt_call(host, *words):
    command = [f"{SALT_HOME}/bin/salt-call", f"--config-dir={SALT_CONFIG}", "--local"]
    environment = {"LC_ALL": "C", "LANG": "C"}
    return host.run(*command, "postfix_sasl.doctor", *words, check=False, env=environment)


def snapshot(host):
    """Return inode, mtime, owner and mode of everything the doctor looks at."""
    places = ("/etc", "/var/lib/dpkg", "/var/lib/postfix", RUN_DIRECTORY, "/var/spool/postfix/etc")
    command = ["find", *places, "-printf", "%p %i %T@ %u %g %m %l\n"]
    lines = host.run(*command, check=False).stdout.splitlines()
    assert len(lines) > 100
    # Written to by smtpd for each TLS session, and by master(8).
    return [line for line in lines if "/var/lib/postfix/" not in line]


class TestOtherHosts:
    def test_without_postfix(self, boot):
        said = examine(boot())
        assert only_failed(said)["name"] == "packages"
        assert all(check["ok"] is None for check in said["checks"][1:])

    def test_debians_own_postfix_without_sasl(self, boot, installed):
        said = examine(boot(layers=installed))
        assert only_failed(said)["name"] == "authentication", said["report"]
        assert "salt-call" in only_failed(said)["remedy"]

    @pytest.mark.parametrize("make", [make_by_hand, make_by_the_wiki])
    def test_one_made_by_hand_is_mended_one_remedy_after_another(self, boot, installed, make):
        """Both recipes leave logins broken on one release or another."""
        host = boot(layers=installed)
        host.add_user(USER, PASSWORD)
        make(host)
        for _ in range(4):
            said = examine(host)
            assert said["healthy"] == all(code == 235 for code in logins(host)), said["report"]
            if said["healthy"]:
                break
            host.run("sh", "-c", failed(said)[0]["remedy"])
        assert said["healthy"], said["report"]


def logins(host):
    with host.network():
        return mail.logins(USER, PASSWORD)


@pytest.fixture(scope="module")
def sysv_host(release, installed):
    """One host without systemd, with the formula applied."""
    with Host.boot(release, systemd=False, layers=installed) as host:
        run = host.apply()
        assert run.succeeded, run
        host.run("sed", "-i", "/pam_faildelay/d", "/etc/pam.d/smtp")
        yield host


@pytest.mark.parametrize("release", ["bookworm"], indirect=True)
class TestWithoutSystemd:
    @pytest.mark.parametrize("name", BROKEN_WITHOUT_SYSTEMD)
    def test_what_is_broken_is_named_alone_and_mended_by_its_remedy(self, sysv_host, name):
        """The host is shared: that a test sees only its own damage shows the others were mended."""
        assert_named_and_mended(sysv_host, BROKEN_WITHOUT_SYSTEMD[name])

    def test_what_would_not_start_at_boot_is_a_warning(self, sysv_host):
        sysv_host.run("update-rc.d", "-f", "saslauthd-postfix", "remove")
        said = examine(sysv_host)
        assert said["healthy"], said["report"]
        assert "saslauthd-postfix" in named(said, "start at boot")["detail"]
        sysv_host.run("sh", "-c", named(said, "start at boot")["remedy"])
        assert named(examine(sysv_host), "start at boot")["remedy"] is None
