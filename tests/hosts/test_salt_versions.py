"""The formula on the other versions of Salt: a host with each."""

import json

import pytest
from support import checks, mail, salts
from support.host import Host
from support.images import SALT_HOME
from support.layers import PASSWORD, USER, installed
from support.places import SALT_CONFIG

# The usual one is in all other tests.
OTHERS = [each for each in salts.OF_RELEASE.items() if each[1] != salts.USUAL]


@pytest.fixture(scope="module", params=OTHERS, ids="-".join)
def host(request):
    release, salt = request.param
    with Host.boot(release, layers=installed(release), salt=salt) as host:
        host.add_user(USER, PASSWORD)
        yield host


def test_the_version_is_the_one_that_is_wanted(host):
    assert host.salt("test.version") == salts.SALTS[host.salt_version].number


def test_applies_as_predicted_once_and_users_log_in(host):
    predicted, run, again = host.apply(test=True), host.apply(), host.apply()
    assert run.succeeded and again.succeeded, (run, again)
    assert predicted.changes == run.changes != {}
    assert again.changes == {}
    with host.network():
        codes = mail.logins(USER, PASSWORD)
    assert codes == [235, 235, 235]


def test_a_pillar_with_secrets_lists_and_entries(host):
    """Salt 3008 hides what pillar.get returns, and each version renders a pillar in its own way."""
    pillar = {
        "main": {"message_size_limit": 7654321, "mynetworks": ["127.0.0.0/8"]},
        "master": {
            "2525/inet": {"command": "smtpd", "chroot": True, "options": {"smtpd_banner": "x y"}}
        },
        "relay": {"host": "127.0.0.9", "username": "us", "password": "hush8731"},
    }
    run = host.apply(pillar)
    assert run.succeeded, run
    assert host.apply(pillar, test=True).changes == {}
    assert host.salt("postconf.get", "message_size_limit") == "7654321"
    assert host.salt("postfix_master.get", "2525/inet")["options"] == {"smtpd_banner": "x y"}
    assert "hush8731" in host.read("/etc/postfix/postfix_sasl-relay")
    assert "hush8731" not in json.dumps(run.raw) + run.stderr


def test_a_mistake_in_the_pillar_is_one_line_and_no_traceback(host):
    run = host.apply({"tls": {"mod": "may"}})
    assert not run.succeeded
    assert "postfix_sasl:tls:mod" in "\n".join(run.failures)
    assert "Traceback" not in "\n".join(run.failures) + run.stderr


def test_the_modules_answer(host):
    assert host.apply().succeeded
    assert host.salt("postfix_sasl.drift")["drifted"] is False
    assert host.salt("postfix_sasl.export")["postfix_sasl"] is not None
    assert host.salt("postfix_sasl.probe", port=587)
    assert host.salt("postconf.set", "smtpd_tls_loglevel=2") == {
        "smtpd_tls_loglevel": {"old": "1", "new": "2"}
    }
    drift = host.salt("postfix_sasl.drift")
    assert drift["drifted"] and drift["changes"]["smtpd_tls_loglevel"] == {"old": "2", "new": "1"}
    assert host.apply().succeeded


def test_the_doctor_says_so_and_gives_an_exit_status(host):
    command = [f"{SALT_HOME}/bin/salt-call", f"--config-dir={SALT_CONFIG}", "--local"]
    healthy = host.run(*command, "postfix_sasl.doctor")
    assert healthy.stdout.splitlines()[-1].startswith("    healthy")
    host.run("systemctl", "stop", "saslauthd-postfix")
    ill = host.run(*command, "postfix_sasl.doctor", check=False)
    assert ill.returncode == 1
    assert "=> systemctl restart saslauthd-postfix" in ill.stdout
    host.run("systemctl", "start", "saslauthd-postfix")


def test_saltcheck_tells_what_is_broken_from_what_is_not(host):
    assert host.apply().succeeded
    host.run("systemctl", "stop", "saslauthd-postfix")
    broken = {"config-service-saslauthd-postfix", "drift-none", "saslauthd-login"}
    assert checks.failed(host) == broken
    host.run("systemctl", "start", "saslauthd-postfix")


def test_clean_takes_it_off(host):
    run = host.apply(sls="postfix_sasl.clean")
    assert run.succeeded, run
    assert not host.exists("/etc/pam.d/smtp")
    assert host.apply(sls="postfix_sasl.clean").changes == {}
