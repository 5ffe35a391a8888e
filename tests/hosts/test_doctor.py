"""The doctor names the one thing that is broken, and what it says to type mends it."""

import json
import re

import pytest
from support import mail
from support.host import Host
from support.images import SALT_HOME
from support.layers import PASSWORD, USER
from support.places import FORMULA, SALT_CONFIG

from .test_export import make_by_hand, make_by_the_wiki

LISTENERS = ((25, "starttls"), (587, "starttls"), (465, "implicit"))

RUN_DIRECTORY = "/var/spool/postfix/var/run/saslauthd"
SMTPD_CONF = "/etc/postfix/sasl/smtpd.conf"
DEFAULTS = "/etc/default/saslauthd-postfix"
MASTER_CF = "/etc/postfix/master.cf"
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
CERTIFICATE = "/etc/ssl/certs/ssl-cert-snakeoil.pem"
KEY = "/etc/ssl/private/ssl-cert-snakeoil.key"
NEW_CERTIFICATE = f"""
cd /var/tmp && rm -rf ca && mkdir ca && cd ca && touch index
printf '[ca]\\ndefault_ca=a\\n[a]\\ndatabase=index\\nnew_certs_dir=.\\nrand_serial=yes\\n' > cnf
printf 'default_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' >> cnf
openssl req -new -key {KEY} -out csr -subj /CN=mail.example.com
openssl ca -batch -config cnf -selfsign -keyfile {KEY} -in csr -out {CERTIFICATE} -notext \\
    -startdate $1 -enddate $2
postfix reload
"""
BUSY_PORT = """
systemctl stop postfix
while pgrep -x master; do sleep 0.05; done > /dev/null
setsid python3 -c 'import socket, time
s = socket.create_server(("0.0.0.0", 587)); time.sleep(600)' > /dev/null 2>&1 &
until ss -ltn | grep -q :587; do sleep 0.05; done
systemctl start postfix || :
while pgrep -x master; do sleep 0.05; done > /dev/null
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


class Breakage:
    """What is done to a host, and what the doctor shall say of it.

    words
        A shell script.
    check
        The first check that fails, with *said* in its detail, or in its remedy.
    cure
        Whether the remedy is a command that makes the host healthy again.
    """

    def __init__(self, script, check, *said, cure=True):
        self.script, self.check, self.said, self.cure = script, check, said, cure


def postconf(*words):
    return f"postconf {' '.join(words)} && postfix reload"


BROKEN = {
    "sasl2-bin removed": Breakage(
        "dpkg --remove --force-depends sasl2-bin", "packages", "sasl2-bin", "apt-get install"
    ),
    "a line in main.cf that is none": Breakage(
        "echo nonsense >> /etc/postfix/main.cf", "configuration", "nonsense", "line", cure=False
    ),
    "a TLS level that is none": Breakage(
        postconf("smtpd_tls_security_level=bogus"), "configuration", "bogus", cure=False
    ),
    "a daemon that is none": Breakage(
        postconf("-F 'submission/inet/command=smtpdd'"), "configuration", "smtpdd", cure=False
    ),
    "a port that another program has": Breakage(BUSY_PORT, "configuration", "587", cure=False),
    "a misspelled parameter": Breakage(
        "postconf message_sise_limit=20480000 && postfix reload",
        "parameters",
        "message_sise_limit",
        "message_size_limit",
    ),
    "no AUTH on a port for clients": Breakage(
        postconf("-P submission/inet/smtpd_sasl_auth_enable=no"), "authentication", "submission"
    ),
    "no AUTH anywhere": Breakage(
        "postconf smtpd_sasl_auth_enable=no && "
        "postconf -PX submission/inet/smtpd_sasl_auth_enable "
        "submissions/inet/smtpd_sasl_auth_enable && postfix reload",
        "authentication",
        "smtpd_sasl_auth_enable",
    ),
    "AUTH inside TLS only, and no TLS": Breakage(
        postconf("smtpd_tls_security_level=none"), "authentication", "smtpd_tls_auth_only"
    ),
    "smtpd.conf removed": Breakage(
        f"rm {SMTPD_CONF} && postfix reload", "smtpd.conf", "no smtpd.conf"
    ),
    "smtpd.conf looked for elsewhere": Breakage(
        postconf("cyrus_sasl_config_path=/etc/elsewhere"), "smtpd.conf", "/etc/elsewhere"
    ),
    "pwcheck_method misspelled": Breakage(
        f"sed -i 's/: saslauthd/: saslauthdd/' {SMTPD_CONF} && postfix reload",
        "smtpd.conf",
        "saslauthdd",
    ),
    "pwcheck_method auxprop without a database": Breakage(
        f"rm -f /etc/sasldb2; sed -i 's/: saslauthd/: auxprop/' {SMTPD_CONF} && postfix reload",
        "smtpd.conf",
        "/etc/sasldb2",
    ),
    "mech_list empty": Breakage(
        f"sed -i 's/^mech_list:.*/mech_list:/' {SMTPD_CONF} && postfix reload",
        "smtpd.conf",
        "mech_list",
    ),
    "saslauthd_path wrong": Breakage(
        f"sed -i 's|^saslauthd_path:.*|saslauthd_path: /run/no/mux|' {SMTPD_CONF} "
        "&& postfix reload",
        "socket",
        "/run/no/mux",
        "saslauthd_path",
    ),
    "certificate missing": Breakage(
        f"mv {CERTIFICATE} /var/tmp/ && postfix reload", "certificate", "No such file"
    ),
    "certificate empty": Breakage(
        f": > {CERTIFICATE} && postfix reload", "certificate", CERTIFICATE
    ),
    "key of another certificate": Breakage(
        f"openssl genrsa -out {KEY} 2048 && postfix reload", "certificate", "not the key"
    ),
    "certificate expired": Breakage(
        f"set -- 20200101000000Z 20210101000000Z; {NEW_CERTIFICATE}", "certificate", "expired"
    ),
    "Postfix stopped": Breakage("systemctl stop postfix", "postfix", "does not run"),
    "Postfix killed behind its unit": Breakage(
        "pkill -KILL -x master; while pgrep -x master; do :; done", "postfix", "does not run"
    ),
    "Postfix held": Breakage("pkill -STOP -x master", "postfix", "stopped", "kill -CONT"),
    "inet_interfaces changed without a restart": Breakage(
        "postconf inet_interfaces=127.0.0.1 && postfix reload",
        "listeners",
        "expected inet_interfaces",
        "restart",
    ),
    "an entry that Postfix was not told of": Breakage(
        f"echo '2525 inet n - y - - smtpd' >> {MASTER_CF}", "listeners", "2525", "reload"
    ),
    "saslauthd stopped": Breakage(
        "systemctl stop saslauthd-postfix", "saslauthd", "does not run", "saslauthd-postfix"
    ),
    "saslauthd held": Breakage("pkill -STOP -x saslauthd", "saslauthd", "stopped", "kill -CONT"),
    "saslauthd's socket removed": Breakage(f"rm {RUN_DIRECTORY}/mux", "socket", "mux", "restart"),
    "saslauthd's socket elsewhere": Breakage(
        f"systemctl stop saslauthd-postfix; sed -i 's|-m {RUN_DIRECTORY}|-m /run/x|' {DEFAULTS}",
        "saslauthd",
        "/run/x",
        RUN_DIRECTORY,
    ),
    "smtpd out of the chroot": Breakage(
        postconf("-F submission/inet/chroot=-"), "socket", "not in the chroot", "chroot=y"
    ),
    "socket directory closed": Breakage(
        f"chmod 0700 {RUN_DIRECTORY}", "socket directory", "root:sasl 0700"
    ),
    "socket directory's group": Breakage(
        f"chgrp root {RUN_DIRECTORY}", "socket directory", "root:root 0710"
    ),
    "way to the socket closed": Breakage(
        "chmod 0700 /var/spool/postfix/var", "socket directory", "/var/spool/postfix/var is"
    ),
    "socket closed": Breakage(f"chmod 0700 {RUN_DIRECTORY}/mux", "socket directory", "mux"),
    "postfix not in group sasl": Breakage(
        "gpasswd -d postfix sasl && postfix reload", "group sasl", "not in group", "gpasswd"
    ),
    "statoverride missing": Breakage(
        f"dpkg-statoverride --remove {RUN_DIRECTORY}", "statoverride", "does not know"
    ),
    "statoverride wrong": Breakage(
        "dpkg-statoverride --force-statoverride-add --add root root 755 " + RUN_DIRECTORY,
        "statoverride",
        "root:root 0755",
    ),
    "PAM file missing": Breakage("rm /etc/pam.d/smtp", "PAM", "/etc/pam.d/smtp"),
    "PAM file names a module that is none": Breakage(
        "sed -i '2i auth required pam_nonsense.so' /etc/pam.d/smtp",
        "PAM",
        "pam_nonsense.so",
        cure=False,
    ),
    "PAM file includes a file that is not there": Breakage(
        "rm /etc/pam.d/common-auth", "PAM", "common-auth", "pam-auth-update"
    ),
    "PAM file with a line that is none": Breakage(
        "echo 'auth nonsense' >> /etc/pam.d/smtp", "PAM", "auth nonsense", cure=False
    ),
    "PAM lets everybody in": Breakage(
        "printf 'auth sufficient pam_permit.so\\naccount sufficient pam_permit.so\\n' "
        "> /etc/pam.d/smtp",
        "saslauthd answers",
        "any password",
        cure=False,
    ),
}

WARNINGS = {
    "saslauthd disabled": ("systemctl disable saslauthd-postfix", "start at boot", "saslauthd"),
    "postfix disabled": ("systemctl disable postfix", "start at boot", "postfix would"),
    "deferred mail": (
        "touch /var/spool/postfix/deferred/A/ABC /var/spool/postfix/deferred/A/ABD "
        "|| mkdir -p /var/spool/postfix/deferred/A && touch /var/spool/postfix/deferred/A/ABC "
        "/var/spool/postfix/deferred/A/ABD",
        "deferred mail",
        "2 messages",
    ),
    "certificate that expires soon": (
        "set -- 20200101000000Z $(date -d '+21 days 12 hours' +%Y%m%d%H%M%SZ); " + NEW_CERTIFICATE,
        "certificate",
        "in 21 days",
    ),
    "socket directory open": (f"chmod 0755 {RUN_DIRECTORY}", "socket directory", "every user"),
    "certificate for another name": (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=other.example.org "
        f"-addext subjectAltName=DNS:other.example.org -keyout {KEY} -out {CERTIFICATE} "
        "&& postfix reload",
        "certificate",
        "other.example.org.*mail.example.com",
    ),
}


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
        return [mail.login(port, USER, PASSWORD, tls=tls).code for port, tls in LISTENERS]


@pytest.fixture(scope="module")
def sysv_host(release, installed):
    """One host without systemd, with the formula applied."""
    with Host.boot(release, systemd=False, layers=installed) as host:
        run = host.apply()
        assert run.succeeded, run
        host.run("sed", "-i", "/pam_faildelay/d", "/etc/pam.d/smtp")
        yield host


INIT_SCRIPT = "/etc/init.d/saslauthd-postfix"
BROKEN_WITHOUT_SYSTEMD = {
    "saslauthd stopped": Breakage(f"{INIT_SCRIPT} stop", "saslauthd", INIT_SCRIPT),
    "saslauthd killed": Breakage("pkill -KILL -x saslauthd", "saslauthd", INIT_SCRIPT),
    "saslauthd not to be started": Breakage(
        f"{INIT_SCRIPT} stop; sed -i s/START=yes/START=no/ {DEFAULTS}", "saslauthd", "START=yes"
    ),
    "Postfix stopped": Breakage("/etc/init.d/postfix stop", "postfix", "/etc/init.d/postfix"),
    "socket directory closed": Breakage(
        f"chmod 0700 {RUN_DIRECTORY}", "socket directory", "root:sasl 0700"
    ),
    "smtpd.conf removed": Breakage(f"rm {SMTPD_CONF}; postfix reload", "smtpd.conf", "mkdir"),
}


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
