"""Who checks passwords: Dovecot, a database of its own, or saslauthd by each of its mechanisms."""

import imaplib
import json

import pytest
from support import layers, mail, wait
from support.host import Host
from support.layers import PASSWORD, USER
from support.trees import differences, tree

BOTH = ("PLAIN", "LOGIN")
CHALLENGES = ("CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
SNIPPET = "/etc/dovecot/conf.d/99-postfix_sasl.conf"
DATABASE = "/var/spool/postfix/var/lib/sasldb/sasldb2"
NAMES = f"{DATABASE}.users"
RUN = "/var/spool/postfix/var/run/saslauthd"
SMTPD_CONF = "/etc/postfix/sasl/smtpd.conf"
# Each has a plain piece that no way of quoting could hide.
PASSWORDS = {"bob": "sësame1 \\ '\"$x", "eve@other.example": "{sesame2}, =#"}
PIECES = ("same1", "sesame2")
DOVECOT = {"sasl": {"backend": "dovecot"}}
SASLDB = {
    "sasl": {"backend": "sasldb", "users": PASSWORDS, "mechanisms": [*BOTH, *CHALLENGES]},
}
MIXED = {"master": {"submission/inet": {"chroot": False}}}
OUTSIDE = {"chroot": False}


def answers(host, user, password, mechanisms=BOTH):
    """Return every code that a login gets, on each listener by each mechanism."""
    with host.network():
        return {
            mail.login(port, user, password, mechanism, tls).code
            for port, tls in mail.LISTENERS
            for mechanism in mechanisms
        }


def assert_logins(host, user, password, mechanisms=BOTH):
    """See that a user can log in everywhere; and not with another password, nor somebody else."""
    assert answers(host, user, password, mechanisms) == {235}
    with host.network():
        assert mail.login(587, user, "wrong", mechanisms[0]).code == 535
        assert mail.login(465, "nobody-here", password, mechanisms[-1], "implicit").code == 535


def assert_applied(host, pillar):
    """Apply a pillar: as predicted, and nothing is left to change; return the changes."""
    predicted = host.apply(pillar, test=True)
    run = host.apply(pillar)
    assert run.succeeded, run
    assert predicted.changes == run.changes
    again = host.apply(pillar)
    assert again.changes == {}, again
    return run.changes


@pytest.fixture(scope="module")
def database(release, applied):
    with Host.boot(release, layers=applied) as host:
        yield host


@pytest.fixture(scope="module")
def serving(release):
    with Host.boot(release, layers=layers.with_dovecot(release)) as host:
        host.add_user(USER, PASSWORD)
        assert host.apply().succeeded
        yield host


@pytest.fixture(scope="module")
def elsewhere(release):
    with Host.boot(release, layers=layers.with_directories(release)) as host:
        yield host


def imap_login():
    """Log in to Dovecot's IMAP; return what it offered."""
    imap = imaplib.IMAP4("127.0.0.1", timeout=20)
    try:
        assert imap.login(USER, PASSWORD)[0] == "OK"
        return imap.capabilities
    finally:
        imap.logout()


class TestFromOneToTheNext:
    """Dovecot serves IMAP on this host all the time."""

    @pytest.fixture
    def changing(self, boot, release):
        host = boot(layers=layers.with_dovecot(release))
        host.add_user(USER, PASSWORD)
        return host

    def test_and_back_to_saslauthd_with_nothing_left(self, changing):
        assert changing.apply().succeeded
        before, dovecot = tree(changing), changing.read("/run/dovecot/master.pid")
        self.dovecot_instead_of_saslauthd(changing)
        self.a_database_instead_of_dovecot(changing)
        changes = assert_applied(changing, {})
        assert changes["sasl user bob@mail.example.com"] == {"old": "(hidden)", "new": None}
        assert_logins(changing, USER, PASSWORD)
        assert set(differences(before, tree(changing))) == {f"{RUN}/saslauthd.pid"}
        assert changing.read("/run/dovecot/master.pid") == dovecot  # it was never restarted

    def dovecot_instead_of_saslauthd(self, host):
        changes = assert_applied(host, {**DOVECOT, **MIXED})
        assert changes["service saslauthd-postfix"]["new"] == {"running": False, "enabled": False}
        assert "service dovecot" not in changes
        assert host.run("pgrep", "-x", "saslauthd", check=False).stdout == ""
        for path in ("/etc/default/saslauthd-postfix", "/etc/pam.d/smtp", SMTPD_CONF, RUN):
            assert not host.exists(path)
        assert "\nsasl:x:45:\n" in host.read("/etc/group")
        assert RUN not in host.read("/var/lib/dpkg/statoverride")
        assert_logins(host, USER, PASSWORD)
        assert host.apply({**DOVECOT, **OUTSIDE}).succeeded
        assert_logins(host, USER, PASSWORD)
        with host.network():
            assert mail.mechanisms(587, "starttls") == set(BOTH)
            assert imap_login().count("AUTH=PLAIN") == 1
        said = host.salt("postfix_sasl.doctor")
        assert said["healthy"], said["report"]

    def a_database_instead_of_dovecot(self, host):
        changes = assert_applied(host, {**SASLDB, **MIXED})
        assert changes["sasl user bob"] == {"old": None, "new": "(hidden)"}
        assert changes[SNIPPET] == {"old": "present", "new": None}
        assert not host.exists("/var/spool/postfix/private/auth")
        assert host.run("doveconf", "-h", "auth_mechanisms").stdout.count("login") == 0
        assert_logins(host, "bob", PASSWORDS["bob"], [*BOTH, *CHALLENGES])
        assert host.apply({**SASLDB, **OUTSIDE}).succeeded
        assert_logins(host, "eve@other.example", PASSWORDS["eve@other.example"])

    @pytest.mark.parametrize(
        ("release", "pillar"),
        [("bookworm", DOVECOT), ("trixie", SASLDB), ("forky", DOVECOT)],
        indirect=["release"],
    )
    def test_clean_takes_it_off(self, changing, pillar):
        before = tree(changing)
        assert changing.apply(pillar).succeeded
        predicted = changing.apply(pillar, test=True, sls="postfix_sasl.clean")
        run = changing.apply(sls="postfix_sasl.clean")  # with another pillar: the host tells
        assert run.succeeded, run
        assert set(predicted.changes) - set(run.changes) == set()
        assert differences(before, tree(changing)) == {}
        assert not changing.exists("/var/spool/postfix/private/auth")


@pytest.mark.parametrize("release", ["trixie"], indirect=True)
class TestTheDatabase:
    """The host is shared, so each test begins with a pillar of its own."""

    def users(self, **users):
        return {"sasl": {"backend": "sasldb", "users": users}}

    def by_hand(self, host, name, password):
        words = ["-p", "-c", "-f", DATABASE, "-u", "mail.example.com", name]
        host.run("saslpasswd2", *words, input=password)

    def listed(self, host):
        lines = host.run("sasldblistusers2", "-f", DATABASE).stdout.splitlines()
        return {line.removesuffix(": userPassword") for line in lines}

    def test_is_for_smtpd_alone(self, database):
        assert database.apply(SASLDB).succeeded
        shown = database.run("stat", "-c", "%U:%G %a", DATABASE, NAMES).stdout.splitlines()
        assert shown == ["root:sasl 640", "root:root 600"]
        as_other = ["setpriv", "--reuid=nobody", "--clear-groups", "cat", DATABASE]
        assert database.run(*as_other, check=False).returncode
        checked = database.run("postfix", "check")
        assert "sasldb" not in checked.stdout + checked.stderr

    def test_has_the_new_password_at_once_and_those_who_left_the_pillar_no_more(self, database):
        assert database.apply(self.users(bob="old one", leo="old one")).succeeded
        assert answers(database, "leo", "old one") == {235}
        changes = assert_applied(database, self.users(bob="new one"))
        assert changes == {
            "sasl user bob": {"old": "(hidden)", "new": "(hidden)"},
            "sasl user leo@mail.example.com": {"old": "(hidden)", "new": None},
            NAMES: {"old": {"text": "(hidden)"}, "new": {"text": "(hidden)"}},
        }
        assert answers(database, "bob", "new one") == {235}
        assert answers(database, "bob", "old one") == {535}
        assert answers(database, "leo", "old one") == {535}

    def test_keeps_users_made_by_hand_until_null_removes_them(self, database):
        assert database.apply(self.users(bob="new one")).succeeded
        self.by_hand(database, "dave", "by hand")
        run = database.apply(self.users(bob="new one"))
        assert run.changes == {}
        assert "does not name: dave@mail.example.com" in "\n".join(run.comments)
        assert answers(database, "dave", "by hand") == {235}
        changes = assert_applied(database, self.users(bob="new one", dave=None))
        assert set(changes) == {"sasl user dave"}
        assert answers(database, "dave", "by hand") == {535}

    def test_is_managed_by_hand_without_users_in_the_pillar(self, database):
        pillar = {"sasl": {"backend": "sasldb"}}
        assert database.apply(pillar).succeeded
        self.by_hand(database, "hannah", "by hand")
        assert database.apply(pillar).changes == {}
        assert answers(database, "hannah", "by hand") == {235}
        pillar = {**self.users(bob="one"), "purge": "remove"}
        assert "sasl user hannah@mail.example.com" in database.apply(pillar).changes
        assert answers(database, "hannah", "by hand") == {535}

    def test_moves_its_users_to_another_realm(self, database):
        assert database.apply(self.users(bob="new one")).succeeded
        pillar = self.users(bob="new one")
        pillar["sasl"]["local_domain"] = "example.net"
        assert_applied(database, pillar)
        assert answers(database, "bob", "new one") == {235}
        assert self.listed(database) == {"bob@example.net"}

    def test_is_mended(self, database):
        pillar = self.users(bob="new one")
        assert database.apply(pillar).succeeded
        database.run("chown", "root:root", DATABASE)
        assert 235 not in answers(database, "bob", "new one")
        assert set(database.apply(pillar).changes) == {DATABASE}
        database.run("rm", DATABASE)
        assert set(assert_applied(database, pillar)) == {DATABASE, "sasl user bob"}
        assert answers(database, "bob", "new one") == {235}

    def test_stays_with_users_made_by_hand_when_another_backend_comes(self, database):
        assert database.apply(self.users(bob="new one")).succeeded
        self.by_hand(database, "dave", "by hand")
        run = database.apply({})
        assert run.succeeded, run
        assert f"{DATABASE} stays, with users made by hand: dave@mail" in "\n".join(run.comments)
        assert self.listed(database) == {"dave@mail.example.com"}
        assert database.apply({}).changes == {}
        database.run("rm", DATABASE)

    def test_shows_passwords_in_no_report_no_log_and_no_process_list(self, host):
        log = "/var/log/salt.log"
        watch = "while :; do cat /proc/[0-9]*/cmdline; done > /run/seen 2> /dev/null & echo $!"
        watcher = host.run("sh", "-c", watch).stdout.strip()
        report = host.salt(
            *("state.apply", "postfix_sasl", f"--log-file={log}", "--log-file-level=all"),
            pillar=SASLDB,
            typed=True,
        )
        host.run("kill", watcher)
        texts = [json.dumps(report, ensure_ascii=False), host.read(log), host.read("/run/seen")]
        assert "sasl user bob" in texts[0] and "[DEBUG" in texts[1] and "salt-call" in texts[2]
        assert not [piece for piece in PIECES for text in texts if piece in text]
        assert_logins(host, "bob", PASSWORDS["bob"])


class TestOnABareHost:
    @pytest.mark.parametrize(
        ("release", "pillar"),
        [("bookworm", DOVECOT), ("trixie", SASLDB)],
        indirect=["release"],
    )
    def test_all_comes_in_one_run_as_predicted(self, bare_host, pillar):
        changes = assert_applied(bare_host, pillar)
        assert "package postfix" in changes
        bare_host.add_user(USER, PASSWORD)
        user = USER if pillar is DOVECOT else "bob"
        assert_logins(bare_host, user, {**PASSWORDS, USER: PASSWORD}[user])
        bare_host.reboot()
        assert bare_host.apply(pillar, test=True).changes == {}
        assert_logins(bare_host, user, {**PASSWORDS, USER: PASSWORD}[user], ["PLAIN"])


@pytest.mark.parametrize("release", ["bookworm", "forky"], indirect=True)
def test_without_systemd(boot, release):
    host = boot(layers=layers.with_dovecot(release), systemd=False)
    host.add_user(USER, PASSWORD)
    assert_applied(host, DOVECOT)
    assert_logins(host, USER, PASSWORD)
    host.run("/etc/init.d/dovecot", "stop")
    wait.until(lambda: host.run("pgrep", "-x", "dovecot", check=False).stdout == "")
    assert set(assert_applied(host, DOVECOT)) == {"service dovecot"}
    assert_logins(host, USER, PASSWORD, ["PLAIN"])
    assert_applied(host, SASLDB)
    assert_logins(host, "bob", PASSWORDS["bob"], ["LOGIN"])


class TestADovecotThatCannotDoIt:
    """It goes on as it was, and so does Postfix."""

    def refused(self, host, pillar):
        """Return why a pillar is refused; all is as before then, and logins work."""
        before = tree(host)
        run = host.apply(pillar)
        assert not run.succeeded
        assert differences(before, tree(host)) == {}
        assert answers(host, USER, PASSWORD) == {235}
        with host.network():
            imap_login()
        return run.failures[0]

    @pytest.mark.parametrize("release", ["bookworm", "trixie"], indirect=True)
    def test_with_a_mistake_in_its_configuration(self, serving):
        serving.write("/etc/dovecot/conf.d/50-mistake.conf", "service auth {\n  colour = red\n}\n")
        why = self.refused(serving, DOVECOT)
        assert "Dovecot's configuration is not valid" in why
        assert "50-mistake.conf line 2" in why and "colour" in why
        serving.run("rm", "/etc/dovecot/conf.d/50-mistake.conf")

    @pytest.mark.parametrize("release", ["bookworm", "trixie"], indirect=True)
    def test_with_a_mechanism_that_it_does_not_offer(self, serving):
        why = self.refused(
            serving, {"sasl": {"backend": "dovecot", "mechanisms": ["PLAIN", "SCRAM-SHA-256"]}}
        )
        assert "Dovecot does not offer SCRAM-SHA-256, only " in why
        assert "auth_mechanisms" in why

    @pytest.mark.parametrize("release", ["trixie"], indirect=True)
    def test_that_reads_no_other_files(self, serving):
        whole = serving.run("doveconf", "-n").stdout
        serving.run("cp", "-a", "/etc/dovecot/dovecot.conf", "/srv/dovecot.conf")
        serving.write("/etc/dovecot/dovecot.conf", whole)
        serving.run("doveadm", "reload")
        why = self.refused(serving, DOVECOT)
        assert "does not answer at /var/spool/postfix/private/auth" in why
        assert "include" in why
        serving.run("cp", "-a", "/srv/dovecot.conf", "/etc/dovecot/dovecot.conf")


class TestMechanismsOfSaslauthd:
    """A host with users in places of all kinds: LDAP, Kerberos, IMAP, sasldb."""

    def run(self, host, mechanism, **more):
        pillar = {"saslauthd": {"mechanism": mechanism, **more.pop("saslauthd", {})}, **more}
        run = host.apply(pillar)
        assert run.succeeded, run
        again = host.apply(pillar)
        assert again.changes == {}
        return pillar, "\n".join(again.comments)

    def test_shadow(self, elsewhere):
        _, comments = self.run(elsewhere, "shadow", **OUTSIDE)
        assert_logins(elsewhere, USER, PASSWORD)
        assert "root, and system accounts" in comments

    def test_getpwent(self, elsewhere):
        self.run(elsewhere, "getpwent", **MIXED)
        hashed = elsewhere.run("openssl", "passwd", "-6", "in passwd").stdout.strip()
        elsewhere.run("usermod", "-p", "*", "pat")
        elsewhere.run("sed", "-i", f"s|^pat:x:|pat:{hashed}:|", "/etc/passwd")
        assert_logins(elsewhere, "pat", "in passwd")

    def test_sasldb_with_users_of_the_pillar(self, elsewhere):
        before = elsewhere.run("stat", "-c", "%U:%G %a", "/etc/sasldb2").stdout
        self.run(elsewhere, "sasldb", sasl={"users": PASSWORDS})
        for user, password in PASSWORDS.items():
            assert_logins(elsewhere, user, password)
        assert elsewhere.run("stat", "-c", "%U:%G %a", "/etc/sasldb2").stdout == before
        assert elsewhere.apply().succeeded
        assert elsewhere.run("sasldblistusers2").stdout == ""

    def test_ldap(self, elsewhere):
        ldap = {
            "ldap_servers": "ldap://127.0.0.1/",
            "ldap_search_base": "dc=example,dc=com",
            "ldap_bind_dn": "cn=admin,dc=example,dc=com",
            "ldap_password": layers.DIRECTORY_PASSWORD,
        }
        pillar, _ = self.run(elsewhere, "ldap", saslauthd={"ldap": ldap})
        assert_logins(elsewhere, "lena", "in ldap")
        shown = elsewhere.run("stat", "-c", "%U:%G %a", "/etc/saslauthd-postfix.conf").stdout
        assert shown == "root:root 600\n"
        pillar["saslauthd"]["ldap"]["ldap_filter"] = "(uid=x%u)"
        text = {"text": "(hidden)"}
        assert elsewhere.apply(pillar).changes == {
            "/etc/saslauthd-postfix.conf": {"old": text, "new": text}
        }
        assert answers(elsewhere, "lena", "in ldap") == {535}
        assert elsewhere.apply().succeeded
        assert not elsewhere.exists("/etc/saslauthd-postfix.conf")

    def test_rimap(self, elsewhere):
        self.run(elsewhere, "rimap", saslauthd={"mechanism_options": "127.0.0.1"})
        assert_logins(elsewhere, USER, PASSWORD)

    def test_kerberos5(self, elsewhere):
        self.run(elsewhere, "kerberos5", sasl={"local_domain": "EXAMPLE.COM"})
        assert_logins(elsewhere, "kim", "in kerberos")
