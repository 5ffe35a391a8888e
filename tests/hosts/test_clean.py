"""The formula taken off again: the host is what it was before, and the mail server goes on."""

import pytest
from support import mail, wait
from support.host import Host
from support.layers import PASSWORD, USER
from support.trees import differences, inodes, tree

CLEAN = "postfix_sasl.clean"
NOTHING = "nothing of the postfix_sasl formula is on this host"
QUEUED = "someone@example.org"  # there is no name service, so it stays in the queue
POLL = {"server": "127.0.0.1", "ssl": False}
POLL["users"] = [{"remote": "nobody", "password": "secret", "local": "alice"}]
FETCHMAIL = {"enabled": True, "poll": [POLL]}
PILLAR = {
    "main": {
        "message_size_limit": 1234567,
        "smtpd_banner": "$myhostname ESMTP",
        "biff": None,
        "smtpd_tls_CApath": "/etc/ssl/certs",
    },
    "master": {
        "2525/inet": {"command": "smtpd"},
        "smtp/inet": {"process_limit": 50, "options": {"smtpd_client_connection_count_limit": 9}},
        "relay/unix": {"options": {"syslog_name": None}},
        "verify/unix": None,
        "submission/inet": {"chroot": False},
    },
    "fetchmail": FETCHMAIL,
}


class Cleaned:
    """A host before the formula came, while it was there, and after it was taken off."""

    def __init__(self, host):
        self.host = host
        host.add_user(USER, PASSWORD)
        host.install("fetchmail")
        host.run("systemctl", "disable", "fetchmail")
        self.tree_before, self.postconf_before = tree(host), postconf(host)
        applied = host.apply(PILLAR)
        assert applied.succeeded, applied
        host.run("sendmail", QUEUED, input="Subject: queued\n\nHello.\n")
        self.queue_before = wait.until(lambda: queue(host))
        self.master_before = host.run("pgrep", "-x", "master").stdout
        touched = inodes(host)
        self.predicted = host.apply(PILLAR, test=True, sls=CLEAN)
        self.is_untouched = inodes(host) == touched
        self.run = host.apply(PILLAR, sls=CLEAN)
        assert self.run.succeeded, self.run


@pytest.fixture(scope="module")
def cleaned(release, installed):
    with Host.boot(release, layers=installed) as host:
        yield Cleaned(host)


class TestAfterIt:
    def test_every_file_is_what_it_was(self, cleaned):
        found = differences(cleaned.tree_before, tree(cleaned.host))
        # The pillar had removed some of their lines; those stand at the end of the file now.
        assert set(found) == {"/etc/postfix/main.cf", "/etc/postfix/master.cf"}
        assert postconf(cleaned.host) == cleaned.postconf_before

    def test_a_dry_run_has_predicted_the_changes_and_touched_nothing(self, cleaned):
        assert cleaned.predicted.changes == cleaned.run.changes
        assert cleaned.is_untouched

    def test_the_changes_name_what_is_gone_and_what_came_back(self, cleaned):
        changes = cleaned.run.changes
        assert changes["smtpd_sasl_auth_enable"] == {"old": "yes", "new": None}
        assert changes["biff"] == {"old": None, "new": "no"}
        assert changes["service saslauthd-postfix"]["new"] == {"running": False, "enabled": False}
        assert changes["group sasl"]["new"] == []
        assert {"submission/inet", "verify/unix", "/etc/fetchmailrc", "/etc/pam.d/smtp"} <= set(
            changes
        )

    def test_postfix_has_run_all_the_time_and_takes_local_mail(self, cleaned):
        assert cleaned.host.run("pgrep", "-x", "master").stdout == cleaned.master_before
        with cleaned.host.network():
            assert mail.send(25, "x@example.net", USER, tls=None, subject="later").code == 250
        wait.for_mail(cleaned.host, USER, "later")

    def test_the_other_listeners_and_the_logins_are_gone(self, cleaned):
        with cleaned.host.network():
            assert not [port for port in (587, 465, 2525, 40025) if mail.is_open(port)]
            assert "AUTH" not in mail.ehlo(25, "starttls")

    def test_the_queue_is_untouched(self, cleaned):
        assert queue(cleaned.host) == cleaned.queue_before

    def test_no_daemon_of_ours_is_left_nor_a_link_to_one(self, cleaned):
        host = cleaned.host
        assert host.run("pgrep", "-x", "saslauthd|fetchmail", check=False).stdout == ""
        assert host.run("find", "/etc/systemd", "-xtype", "l", "-name", "*sasl*").stdout == ""
        assert "saslauthd-postfix" not in host.run("systemctl", "list-units", "--all").stdout

    def test_a_second_run_changes_nothing_and_says_so(self, cleaned):
        before = inodes(cleaned.host)
        again = cleaned.host.apply(PILLAR, sls=CLEAN)
        assert again.succeeded, again
        assert again.changes == {}
        assert NOTHING in "\n".join(again.comments)
        assert inodes(cleaned.host) == before

    def test_the_formula_can_come_back_and_leaves_no_trace_then(self, cleaned):
        host, before = cleaned.host, tree(cleaned.host)
        assert host.apply().succeeded
        with host.network():
            assert mail.login(587, USER, PASSWORD).code == 235
        assert host.apply(sls=CLEAN).succeeded
        assert differences(before, tree(host)) == {}


@pytest.mark.parametrize("release", ["bookworm", "forky"], indirect=True)
def test_without_systemd(boot, installed):
    host = boot(layers=installed, systemd=False)
    host.install("fetchmail")
    before = tree(host)
    pillar = {"fetchmail": FETCHMAIL}
    assert host.apply(pillar).succeeded
    # With another pillar than it was applied with: the host tells what there is.
    predicted = host.apply(test=True, sls=CLEAN)
    run = host.apply(sls=CLEAN)
    assert run.succeeded, run
    assert run.changes == predicted.changes
    assert differences(before, tree(host)) == {}
    assert host.run("pgrep", "-x", "saslauthd|fetchmail", check=False).stdout == ""
    assert mail_is_taken(host)


@pytest.mark.parametrize("release", ["trixie"], indirect=True)
class TestOnAHostOf:
    """Somebody else, or with something of somebody else."""

    def test_a_server_made_by_hand_is_left_alone(self, installed_host):
        host = installed_host
        host.write("/etc/postfix/sasl/smtpd.conf", "pwcheck_method: saslauthd\n")
        host.write("/etc/default/saslauthd-postfix", 'OPTIONS="-m /var/spool/postfix/sasl"\n')
        host.write("/etc/pam.d/smtp", "@include common-auth\n")
        host.run("gpasswd", "-a", "postfix", "sasl")
        host.run("postconf", "smtpd_sasl_auth_enable = yes", "smtpd_tls_auth_only = yes")
        host.run("install", "-d", "-m", "0700", "/etc/salt/pki/minion")  # any run of Salt makes it
        before = inodes(host)
        run = host.apply(PILLAR, sls=CLEAN)
        assert run.succeeded, run
        assert run.changes == {}
        assert NOTHING in "\n".join(run.comments)
        assert inodes(host) == before

    def test_what_others_added_stays(self, host):
        host.run("postconf", "header_checks = regexp:/etc/postfix/headers")
        host.run("postconf", "-M", "2526/inet=2526 inet n - y - - smtpd")
        host.run("postconf", "-P", "smtp/inet/smtpd_banner=mine")
        run = host.apply(sls=CLEAN)
        assert run.succeeded, run
        assert host.run("postconf", "-hn", "header_checks").stdout.strip()
        assert host.run("postconf", "-hP", "smtp/inet/smtpd_banner").stdout == "mine\n"
        with host.network():
            assert mail.is_open(2526)

    def test_one_that_would_break_postfix_is_taken_back(self, host):
        # This listener needs our smtpd.conf: without it any mechanism there is would be offered.
        host.run(
            "postconf",
            "-M",
            "2526/inet=2526 inet n - y - - smtpd -o smtpd_sasl_auth_enable=yes",
        )
        host.run("postfix", "reload")
        before = tree(host)
        run = host.apply(sls=CLEAN)
        assert not run.succeeded
        assert "2526/inet" in "\n".join(run.failures)
        assert differences(before, tree(host)) == {}
        with host.network():
            assert mail.login(587, USER, PASSWORD).code == 235


@pytest.mark.parametrize("release", ["bookworm", "trixie"], indirect=True)
def test_fetchmail_that_is_disabled_in_the_pillar_is_stopped_and_goes(host):
    assert host.apply({"fetchmail": FETCHMAIL}).succeeded
    assert host.run("pgrep", "-x", "fetchmail").stdout
    predicted = host.apply(test=True)
    run = host.apply()
    assert run.succeeded, run
    assert run.changes == predicted.changes
    assert set(run.changes) == {
        "127.0.0.1:40025/inet",
        "service fetchmail",
        "/etc/systemd/system/fetchmail.service",
        "/etc/fetchmailrc",
    }
    assert host.run("pgrep", "-x", "fetchmail", check=False).stdout == ""
    assert not host.exists("/etc/fetchmailrc")
    assert host.apply(test=True).changes == {}
    host.reboot()
    assert host.run("pgrep", "-x", "fetchmail", check=False).stdout == ""


@pytest.mark.parametrize("release", ["trixie"], indirect=True)
def test_drift_names_what_differs_and_changes_nothing(host):
    pillar = {"fetchmail": FETCHMAIL}
    host.apply(pillar)
    assert host.salt("postfix_sasl.drift", pillar=pillar) == {"drifted": False, "changes": {}}
    host.run("postconf", "smtpd_tls_auth_only = no")
    host.run("systemctl", "stop", "saslauthd-postfix")
    host.run("sed", "-i", "s/secret/stolen/", "/etc/fetchmailrc")
    before = inodes(host)
    seen = host.salt("postfix_sasl.drift", pillar=pillar)
    assert seen["drifted"] is True
    assert seen["changes"] == {
        "smtpd_tls_auth_only": {"old": "no", "new": "yes"},
        "service saslauthd-postfix": {"old": {"running": False}, "new": {"running": True}},
        "/etc/fetchmailrc": {"old": {"text": "(hidden)"}, "new": {"text": "(hidden)"}},
    }
    assert inodes(host) == before
    assert host.salt("postfix_sasl.drift", settings={"chroot": False})["drifted"] is True


def mail_is_taken(host):
    with host.network():
        return mail.send(25, "x@example.net", "root", tls=None).code == 250


def postconf(host):
    """Return what main.cf and master.cf say, whatever the order of their lines."""
    main = host.run("postconf", "-n").stdout
    entries = host.run("postconf", "-M").stdout
    return sorted(main.splitlines()), sorted(entries.splitlines())


def queue(host):
    """Return the names of the messages in the queue."""
    output = host.run("postqueue", "-j").stdout.splitlines()
    return [line for line in output if QUEUED in line and '"deferred"' in line]
