"""What validation refuses really kills or breaks Postfix, and postfix reload answers 0 to it."""

import contextlib
import json
import os
import smtplib
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from support import mail, wait
from support.host import Host
from support.images import REPOSITORY
from support.places import FORMULA

SMTPD = "inet n - n - - smtpd"
# Postfix waits this long before it starts a daemon again that failed.
PATIENCE = {"service_throttle_time": "1s", "smtpd_tls_security_level": "may"}
CERTIFICATES = "/etc/postfix/test"

VALIDATE = """
import json, sys
import postfix_sasl_known as known, postfix_sasl_validate as validate
things = known.KnownThings.here()
answers = []
for main, master in json.load(sys.stdin):
    found = validate.problems(validate.Candidate.from_texts(main, master), things)
    answers.append([list(problem) for problem in found])
json.dump(answers, sys.stdout)
"""


class Bench:
    """A host's Postfix, with its stock configuration to go back to."""

    def __init__(self, host):
        self.host = host
        self.main = host.read("/etc/postfix/main.cf")
        self.master = host.read("/etc/postfix/master.cf")
        self.added = "".join(f"{name} = {value}\n" for name, value in PATIENCE.items())
        self.main += self.added

    def texts(self, main="", master=""):
        return self.main + main, self.master + master

    def put(self, main="", master=""):
        """Put a configuration in place, old enough for Postfix to read it at once."""
        moment = time.time() - 60
        for name, text in zip(("main.cf", "master.cf"), self.texts(main, master), strict=True):
            path = self.host.path(f"/etc/postfix/{name}")
            path.write_text(text)
            os.utime(path, (moment, moment))

    def reload(self):
        return self.host.run("postfix", "reload", check=False).returncode

    def is_up(self):
        check = "kill -0 $(cat /var/spool/postfix/pid/master.pid)"
        return self.host.run("sh", "-c", check, check=False).returncode == 0

    def revive(self):
        self.put()
        if self.is_up():
            self.reload()
        else:
            # systemd counts how often it dies, and would not start it any more.
            self.host.run("systemctl", "reset-failed")
            self.host.run("postfix", "start")
        with self.host.network():
            wait.until(lambda: mail.is_open(25))

    def validate(self, *cases):
        """Return the problems of each (main, master): ``[(where, message, severity)]``."""
        answers = json.loads(self.python(VALIDATE, [self.texts(*case) for case in cases]))
        return [[tuple(problem) for problem in found] for found in answers]

    def check(self, main, master):
        """Return the problems of two files as they are."""
        (found,) = json.loads(self.python(VALIDATE, [[main, master]]))
        return [tuple(problem) for problem in found]

    def python(self, program, given):
        """Run a program with the formula's modules on the host; return what it prints."""
        environment = {"PYTHONPATH": f"{FORMULA}/_utils", "PYTHONDONTWRITEBYTECODE": "1"}
        given = json.dumps(given)
        return self.host.run("python3", "-c", program, input=given, env=environment).stdout


@pytest.fixture(scope="module")
def bench(release, installed):
    with Host.boot(release, layers=installed) as host:
        bench = Bench(host)
        host.write(
            "/etc/postfix/sasl/smtpd.conf", "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n"
        )
        make_certificates(host)
        bench.revive()
        yield bench


def make_certificates(host):
    host.run("mkdir", CERTIFICATES)
    directory = host.path(CERTIFICATES)
    for name in ("one", "two"):
        command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.pem"
        subprocess.run(
            [*command.split(), "-subj", "/CN=x"], cwd=directory, check=True, capture_output=True
        )


def errors(found):
    return [f"{where}: {message}" for where, message, severity in found if severity == "error"]


# What master(8) dies of: main.cf lines, master.cf lines, and what the refusal says.
DEADLY = {
    "private inet": ("", "2525 inet - - n - - smtpd\n", "2525/inet: private: got '-'"),
    "unknown port": ("", f"nosuchport {SMTPD}\n", "no port 'nosuchport'"),
    "unresolvable host": ("", f"host.invalid:2525 {SMTPD}\n", "host.invalid does not resolve"),
    "not our address": ("", f"198.51.100.77:2525 {SMTPD}\n", "no address 198.51.100.77"),
    "star for a host": ("", f"*:2525 {SMTPD}\n", "the host '*'"),
    "port taken": ("", f"2626 {SMTPD}\n", "is taken by"),
    "unbalanced brace": ("", f"2525 {SMTPD} -o {{ a=b\n", "a brace without its partner"),
    "slash in a name": ("", "private/x unix - - n - - smtp\n", "a name without a /"),
    "other family": ("inet_protocols = ipv4\n", f"[::1]:2525 {SMTPD}\n", "[::1] has no address"),
}


@pytest.mark.parametrize("name", DEADLY)
def test_master_dies_of_what_is_refused(bench, name):
    main, master, says = DEADLY[name]
    with contextlib.ExitStack() as stack:
        if name == "port taken":
            with bench.host.network():
                stranger = stack.enter_context(socket.socket())
            stranger.bind(("127.0.0.1", 2626))
            stranger.listen()
        bench.revive()
        (found,) = bench.validate((main, master))
        assert any(says in text for text in errors(found)), found
        bench.put(main, master)
        assert bench.reload() == 0
        wait.until(lambda: not bench.is_up())
    bench.revive()


# What smtpd(8) dies of, each on a port of its own: the options after the command.
SILENT = {
    2001: ("-o smtpd_helo_required=maybe", "takes yes or no"),
    2002: ("-o smtpd_recipient_limit=many", "takes a number"),
    2003: ("-o smtpd_timeout=5x", "takes a time"),
    2004: ("-o smtpd_tls_security_level=bogus", "takes none, may or encrypt"),
    2005: ("-o smtpd_relay_restrictions=permit_mynetworks", "reject_unauth_destination"),
    2006: ("-o smtpd_relay_restrictions=permit,reject", "reject_unauth_destination"),
    2007: ("-o smtpd_client_restrictions=permit_mynetworks, reject", "a blank ends the value"),
    2008: ("-o nothing", "-o takes name=value"),
    2009: ("-Q", "the option '-Q'"),
    2010: (
        "-o smtpd_sasl_auth_enable=yes -o smtpd_sasl_security_options=noplaintext",
        "noplaintext leaves none",
    ),
    2011: ("-o smtpd_sasl_auth_enable=yes -o smtpd_sasl_type=nosuch", "what this Postfix has"),
    2012: (
        "-o smtpd_sasl_auth_enable=yes -o smtpd_sasl_security_options=noactive",
        "noactive leaves none",
    ),
    2013: ("-o smtpd_sasl_auth_enable=yes -o smtpd_sasl_security_options=bogus", "any of noplain"),
    2014: ("-o myhostname=a_b..c", "a host name"),
    2015: ("-o compatibility_level=latest", "a version of Postfix"),
    2016: ("-o smtpd_forbid_bare_newline=maybe", "takes no, yes, normalize"),
}
SASL_PATH = "-o cyrus_sasl_config_path=/etc/postfix/sasl"


def test_smtpd_dies_of_what_is_refused(bench):
    master = f"2000 {SMTPD} {SASL_PATH} -o smtpd_sasl_auth_enable=yes\n2100 inet n - n - - smptd\n"
    master += "2101 inet n n n - - smtpd\n"
    for port, (options, _) in SILENT.items():
        master += f"{port} {SMTPD} {SASL_PATH} {options}\n"
    (found,) = bench.validate(("", master))
    texts = errors(found)
    for port, (_, says) in SILENT.items():
        ours = [text for text in texts if text.startswith(f"{port}/inet: ")]
        assert ours and says in ours[0], (port, ours)
    assert [text for text in texts if text.startswith("2000")] == []
    assert "did you mean smtpd" in next(text for text in texts if text.startswith("2100"))
    assert "runs only with y or -" in next(text for text in texts if text.startswith("2101"))
    bench.put("", master)
    assert bench.reload() == 0
    with bench.host.network():
        wait.until(lambda: mail.is_open(2101))
    assert greets(bench, 2000)
    ports = [*SILENT, 2100, 2101]
    with ThreadPoolExecutor(len(ports)) as pool:
        answers = dict(zip(ports, pool.map(lambda port: greets(bench, port), ports), strict=True))
    assert [port for port, answer in answers.items() if answer] == []
    assert bench.is_up()
    bench.revive()


def greets(bench, port):
    """Tell whether a server says anything to EHLO within two seconds."""
    with bench.host.network():
        connection = socket.create_connection(("127.0.0.1", port), 2)
    with connection, contextlib.suppress(OSError):
        connection.settimeout(2)
        if connection.recv(100).startswith(b"220"):
            connection.sendall(b"EHLO client.example.com\r\n")
            return connection.recv(100).startswith(b"250")
    return False


# What smtpd(8) answers with a temporary error: to RCPT, or to STARTTLS.
REFUSED_MAIL = {
    2201: ("-o mynetworks=127.0.0.1/33", "networks such as"),
    2202: ("-o mynetworks=127.0.0.1/8", "perhaps 127.0.0.0/8 is meant"),
    2203: ("-o smtpd_client_restrictions=permit_mynetwork", "did you mean permit_mynetworks?"),
    2204: ("-o smtpd_client_restrictions=check_client_access,hash:/x", "there is no /x.db"),
    2205: ("-o virtual_alias_maps=mongodb:/x", "no table type 'mongodb'"),
}
REFUSED_TLS = {
    2301: (f"-o smtpd_tls_key_file={CERTIFICATES}/two.key", "is not the key of"),
    2302: (f"-o smtpd_tls_cert_file={CERTIFICATES}/nosuch.pem", "No such file"),
    2303: ("-o smtpd_tls_cert_file=/etc/passwd", "cannot be used together"),
    2304: ("-o smtpd_tls_CAfile=/nosuch", "no TLS at all"),
    2305: ("-o smtpd_tls_mandatory_protocols=TLSv9", "names such as"),
    2306: ("-o smtpd_tls_mandatory_ciphers=strong", "takes null, export"),
    2307: ("-o smtpd_tls_cert_file= -o smtpd_tls_key_file=", "without TLS no mail"),
}


def test_mail_is_put_off_by_what_is_refused(bench):
    pair = f"-o smtpd_tls_cert_file={CERTIFICATES}/one.pem"
    pair = f"{pair} -o smtpd_tls_key_file={CERTIFICATES}/one.key"
    level = "-o smtpd_tls_security_level=encrypt"
    master = f"2200 {SMTPD}\n2300 {SMTPD} {pair} {level}\n"
    for port, (options, _) in REFUSED_MAIL.items():
        master += f"{port} {SMTPD} {options}\n"
    for port, (options, _) in REFUSED_TLS.items():
        master += f"{port} {SMTPD} {pair} {level} {options}\n"
    (found,) = bench.validate(("", master))
    texts = errors(found)
    for port, (_, says) in (REFUSED_MAIL | REFUSED_TLS).items():
        ours = [text for text in texts if text.startswith(f"{port}/inet: ")]
        assert any(says in text for text in ours), (port, ours)
    assert [text for text in texts if text.startswith(("2200", "2300"))] == []
    bench.put("", master)
    assert bench.reload() == 0
    with bench.host.network():
        wait.until(lambda: mail.is_open(2307))
        assert rcpt(2200).code == 250
        assert mail.tls_version(2300)
        assert {port: rcpt(port).code for port in REFUSED_MAIL} == dict.fromkeys(REFUSED_MAIL, 451)
        for port in REFUSED_TLS:
            with pytest.raises((smtplib.SMTPException, OSError)):
                mail.tls_version(port)
    bench.revive()


def rcpt(port):
    with mail.connection(port) as smtp:
        smtp.docmd("MAIL FROM:<someone@example.net>")
        return mail.Reply(*smtp.docmd("RCPT TO:<root@localhost>"))


def test_of_two_entries_for_one_place_one_is_lost(bench):
    """Written alike, the last has the port; else both listen, and chance decides."""
    named = "-o smtpd_banner=$myhostname"
    master = f"2401 {SMTPD} {named},first\n2401 {SMTPD} {named},second\n"
    master += f"localhost:2402 {SMTPD} {named},first\n127.0.0.1:2402 {SMTPD} {named},second\n"
    master += f"submission {SMTPD} {named},first\n587 {SMTPD} {named},second\n"
    master += f"2403 {SMTPD} {named},first\n127.0.0.1:2403 {SMTPD} {named},second\n"
    (found,) = bench.validate(("", master))
    assert [text.partition(":2402/inet: ")[0] for text in errors(found) if ":2402" in text] == [
        "127.0.0.1"
    ]
    assert any(text.startswith("587/inet: it listens on") for text in errors(found))
    assert not any("2403" in text for text in errors(found))
    bench.put("", master)
    assert bench.reload() == 0
    with bench.host.network():
        wait.until(lambda: mail.is_open(2403))
        assert {banner(587) for _ in range(8)} == {"second"}
        assert {banner(2403) for _ in range(8)} == {"second"}
        assert {banner(2402) for _ in range(40)} == {"first", "second"}
    bench.revive()


def banner(port):
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        return connection.recv(200).decode().strip().rpartition(",")[2]


# What every Postfix program stops at: the new main.cf must not even be put in place.
FATAL = {
    "inet_interfaces = host.invalid": "is no address, and no name that has one",
    "inet_interfaces = 198.51.100.77": "is not an address of a network interface",
    "inet_interfaces = 127.0.1.1": "is not an address of a network interface",
    "inet_interfaces = ALL": "stand alone",
    "inet_protocols = ipv5": "takes any of all, ipv4, ipv6",
    "myhostname = with blank": "takes a host name",
    "message_size_limit = 10M": "takes a number",
}


def test_postfix_stops_at_what_is_refused(bench):
    cases = [(f"{line}\n", "") for line in FATAL]
    for (line, says), found in zip(FATAL.items(), bench.validate(*cases), strict=True):
        name = line.partition(" ")[0]
        assert any(t.startswith(f"{name}: ") and says in t for t in errors(found)), (line, found)

    def sendmail(line):
        directory = f"/tmp/{abs(hash(line))}"
        main, master = bench.texts(f"{line}\n")
        bench.host.write(f"{directory}/main.cf", main)
        bench.host.write(f"{directory}/master.cf", master)
        bench.host.run("touch", "-d", "1 hour ago", f"{directory}/main.cf")
        environment = {"MAIL_CONFIG": directory}
        return bench.host.run("postqueue", "-p", env=environment, check=False).returncode

    with ThreadPoolExecutor(4) as pool:  # each of them sleeps a second before it ends
        assert 0 not in pool.map(sendmail, FATAL)
    assert sendmail("") == 0


def test_no_delivery_where_a_mailbox_holds_less_than_a_message(bench):
    main = "message_size_limit = 2000000\nmailbox_size_limit = 1000000\n"
    (found,) = bench.validate((main, ""))
    (text,) = (text for text in errors(found) if "mailbox" in text)
    assert "takes at least message_size_limit = 2000000" in text
    bench.put(main)
    assert bench.reload() == 0
    with bench.host.network():
        wait.until(lambda: mail.is_open(25))
        assert mail.send(25, "a@example.net", "root@localhost", tls=None).code == 250
    log = ["journalctl", "--no-pager", "-t", "postfix/local", "-g", "is smaller than"]
    wait.until(lambda: bench.host.run(*log, check=False).returncode == 0)
    bench.host.run("postsuper", "-d", "ALL")
    bench.revive()


DERIVE = """
import json, sys
import postfix_sasl_config as config, postfix_sasl_maincf as maincf
import postfix_sasl_mastercf as mastercf, postfix_sasl_services as services
import postfix_sasl_settings as settings
pillar, main, master = json.load(sys.stdin)
checked = settings.check(pillar)
entries = services.entries(checked, mastercf.MasterCf.parse(master).entries())
texts = maincf.plan(main, config.main_cf(checked))[1], mastercf.plan(master, entries)[1]
json.dump(texts, sys.stdout)
"""


class TestNoAlarm:
    @pytest.fixture
    def unchanged(self, bench):
        """The stock files as Debian has them, the certificate they name there."""
        bench.revive()
        bench.host.run("make-ssl-cert", "generate-default-snakeoil", check=False)
        main = bench.host.read("/etc/postfix/main.cf").removesuffix(bench.added)
        has_certificate = bench.host.exists("/etc/ssl/private/ssl-cert-snakeoil.key")
        return main, bench.master, has_certificate

    def test_for_the_stock_files(self, bench, unchanged):
        *texts, _ = unchanged
        assert bench.check(*texts) == []

    @pytest.mark.parametrize("source", ["nothing", "pillar.example"])
    def test_for_what_the_formula_makes_of_a_pillar(self, bench, unchanged, source):
        pillar = {}
        if source != "nothing":
            pillar = yaml.safe_load((REPOSITORY / source).read_text())["postfix_sasl"]
        *texts, has_certificate = unchanged
        texts = json.loads(bench.python(DERIVE, [pillar, *texts]))
        found = bench.check(*texts)
        # The table comes with the configuration, and is not on this host.
        found = [problem for problem in found if problem[0] != "smtp_sasl_password_maps"]
        if not has_certificate:  # then the formula has ssl-cert installed first
            found = [problem for problem in found if problem[0] != "smtpd_tls_cert_file"]
        assert found == []

    def test_for_a_host_with_the_formula_applied(self, host):
        bench = Bench(host)
        texts = (host.read(f"/etc/postfix/{name}") for name in ("main.cf", "master.cf"))
        assert bench.check(*texts) == []
