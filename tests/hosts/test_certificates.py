"""The certificate that clients are shown, wherever it comes from, and when another one comes."""

import re
import smtplib
import ssl

import pytest
from support import certificates, mail, wait
from support.host import Host
from support.images import REPOSITORY
from support.layers import PASSWORD, USER
from support.places import SALT_CONFIG

from .test_reload import Client

PAGE = REPOSITORY / "docs/certificates.md"
STORE = "/etc/postfix/postfix_sasl-server.pem"
LINEAGE = "/etc/letsencrypt/live/mail.example.com"
HOOK = "/etc/letsencrypt/renewal-hooks/deploy/postfix_sasl"
ACME = {"tls": {"acme": LINEAGE}}


@pytest.fixture(scope="module")
def made():
    """Some certificates: three good ones, one of them RSA, and one that has expired."""
    expired = certificates.make(end="20210101000000Z")
    rsa = certificates.make(kind="rsa")
    return {"first": certificates.make(), "next": certificates.make(), "rsa": rsa, "old": expired}


def shown(host):
    """Return the certificates that clients are shown, one for each listener."""
    with host.network():
        return {mail.certificate(port, tls) for port, tls in mail.LISTENERS}


def attributes(host, path):
    return host.run("stat", "-c", "%U %G %a", path).stdout.strip()


def attributes_and_moment(host):
    return host.run("stat", "-c", "%U %G %a %i %z", STORE).stdout


def assert_said_nowhere(host, run, key):
    """No line of the key is in what the run said, in the log or on disk where others can read."""
    secret = key.splitlines()[1]
    assert secret not in str(run.raw) + run.stderr
    assert secret not in host.run("journalctl", "--no-pager").stdout
    readable = host.run(
        *("find", "/etc", "/run", "/tmp", "/var/log", "/var/tmp", "/var/cache/salt"),
        *("-type", "f", "-perm", "/o+r", "-exec", "grep", "-lF", secret, "{}", "+"),
        check=False,
    )
    assert readable.stdout == ""


def certbot_fetches(host, pair, number):
    """Do what certbot does with a new certificate: links to new files, in place one by one."""
    for name, text in (("privkey", pair.key), ("fullchain", pair.certificate)):
        host.write(f"/etc/letsencrypt/archive/mail/{name}{number}.pem", text, mode=0o600)
        host.path(LINEAGE).mkdir(parents=True, exist_ok=True)
        target = f"../../archive/mail/{name}{number}.pem"
        host.run("ln", "-sfn", target, f"{LINEAGE}/{name}.pem")


def run_hook(host, lineage=LINEAGE):
    """Run the hook as certbot does; return its exit status and what it said."""
    done = host.run(HOOK, check=False, env={"RENEWED_LINEAGE": lineage})
    return done.returncode, done.stderr + done.stdout


@pytest.fixture(scope="module")
def acme_host(release, applied, made):
    with Host.boot(release, layers=applied) as host:
        give_it_to_postfix(host, made)
        yield host


def give_it_to_postfix(host, made):
    certbot_fetches(host, made["first"], 1)
    predicted = host.apply(ACME, test=True)
    run = host.apply(ACME)
    assert run.succeeded, run
    assert run.changes == predicted.changes
    assert_said_nowhere(host, run, made["first"].key)


def it_is_used_and_nothing_is_left_to_do(acme_host, made):
    assert shown(acme_host) == {made["first"].der}
    assert attributes(acme_host, STORE) == "root root 600"
    assert acme_host.apply(ACME).changes == {}


def a_renewal_is_in_use_at_once_and_nobody_is_turned_away(acme_host, made):
    certbot_fetches(acme_host, made["next"], 2)
    before = shown(acme_host)
    with Client(acme_host).at_work() as client:
        assert run_hook(acme_host)[0] == 0
        wait.until(lambda: shown(acme_host) == {made["next"].der})
    assert before == {made["first"].der}, "it was used before it was checked"
    assert set(client.ends) == {"greeted"}, client.ends
    assert attributes(acme_host, STORE) == "root root 600"
    assert acme_host.apply(ACME, test=True).changes == {}


def a_renewal_of_something_else_is_none_of_ours(acme_host):
    before = attributes_and_moment(acme_host)
    assert run_hook(acme_host, "/etc/letsencrypt/live/www.example.com") == (0, "")
    assert run_hook(acme_host)[0] == 0
    assert attributes_and_moment(acme_host) == before


def a_bad_one_is_refused_and_the_last_good_one_stays(acme_host, made, certificate, key, says):
    good = shown(acme_host)
    certbot_fetches(acme_host, certificates.Made(made[certificate].certificate, made[key].key), 3)
    status, said = run_hook(acme_host)
    assert status == 1 and says in said
    run = acme_host.apply(ACME)
    assert not run.succeeded
    assert says in "\n".join(run.failures)
    acme_host.run("postfix", "reload")  # the next smtpd reads what there is
    assert shown(acme_host) == good


def an_apply_takes_a_renewal_too_and_the_export_knows_the_source(acme_host, made):
    certbot_fetches(acme_host, made["first"], 4)
    with Client(acme_host).at_work() as client:
        run = acme_host.apply(ACME)
    assert run.succeeded, run
    assert set(run.changes) == {STORE}
    assert set(client.ends) == {"greeted"}, client.ends
    assert shown(acme_host) == {made["first"].der}
    assert acme_host.salt("postfix_sasl.export")["postfix_sasl"]["tls"] == {"acme": [LINEAGE]}


def it_goes_with_the_formula_and_what_is_the_clients_stays(acme_host):
    run = acme_host.apply(ACME, sls="postfix_sasl.clean")
    assert run.succeeded, run
    assert {STORE, HOOK} <= set(run.changes)
    assert not acme_host.exists(STORE) and not acme_host.exists(HOOK)
    assert acme_host.exists(f"{LINEAGE}/fullchain.pem")


def test_of_an_acme_client_from_the_first_to_the_last_day(acme_host, made):
    """Each step begins where the one before has ended."""
    it_is_used_and_nothing_is_left_to_do(acme_host, made)
    a_renewal_is_in_use_at_once_and_nobody_is_turned_away(acme_host, made)
    a_renewal_of_something_else_is_none_of_ours(acme_host)
    for case in (("old", "old", "expired"), ("first", "next", "is not the key of")):
        a_bad_one_is_refused_and_the_last_good_one_stays(acme_host, made, *case)
    an_apply_takes_a_renewal_too_and_the_export_knows_the_source(acme_host, made)
    it_goes_with_the_formula_and_what_is_the_clients_stays(acme_host)


@pytest.mark.parametrize("release", ["trixie"], indirect=True)
def test_of_an_acme_client_without_systemd(boot, installed, made):
    host = boot(layers=installed, systemd=False)
    host.add_user(USER, PASSWORD)
    give_it_to_postfix(host, made)
    it_is_used_and_nothing_is_left_to_do(host, made)
    a_renewal_is_in_use_at_once_and_nobody_is_turned_away(host, made)
    a_bad_one_is_refused_and_the_last_good_one_stays(host, made, "old", "old", "expired")
    an_apply_takes_a_renewal_too_and_the_export_knows_the_source(host, made)
    it_goes_with_the_formula_and_what_is_the_clients_stays(host)


class TestOfThePillar:
    def test_it_is_written_closed_and_goes_when_the_pillar_names_another(self, host, made):
        def pillar(name, key=None):
            texts = {"certificate_text": made[name].certificate, "key_text": made[key or name].key}
            return {"tls": texts}

        run = host.apply(pillar("first"))
        assert run.succeeded, run
        assert_said_nowhere(host, run, made["first"].key)
        assert attributes(host, STORE) == "root root 600"
        assert shown(host) == {made["first"].der}
        with Client(host).at_work() as client:
            run = host.apply(pillar("rsa"))
        assert run.succeeded, run
        assert run.changes == {STORE: {"old": {"text": "(hidden)"}, "new": {"text": "(hidden)"}}}
        assert set(client.ends) == {"greeted"}, client.ends
        assert shown(host) == {made["rsa"].der}
        run = host.apply(pillar("first", "next"))
        assert "tls:key_text is not the key of tls:certificate_text" in "\n".join(run.failures)
        assert shown(host) == {made["rsa"].der}
        run = host.apply()
        assert run.succeeded, run
        assert not host.exists(STORE)
        assert made["rsa"].der not in shown(host)


class TestOfFiles:
    def test_key_and_certificate_in_one_file_and_another_in_the_same_place(self, host, made):
        path = "/etc/ssl/both.pem"
        pillar = {"tls": {"certificate": path, "key": path}}
        host.write(path, made["first"].key + made["first"].certificate, mode=0o600)
        assert host.apply(pillar).succeeded
        assert shown(host) == {made["first"].der}
        assert host.apply(pillar).changes == {}
        host.write(path, made["next"].key + made["next"].certificate, mode=0o600)
        run = host.apply(pillar)
        is_used = "uses its certificate"
        assert run.changes == {"service postfix": {"old": {is_used: False}, "new": {is_used: True}}}
        assert shown(host) == {made["next"].der}
        assert host.apply(pillar).changes == {}
        host.write(path, made["old"].key + made["old"].certificate, mode=0o600)
        assert "both.pem expired on 2021-01-01" in "\n".join(host.apply(pillar).failures)

    @pytest.mark.parametrize("release", ["trixie"], indirect=True)
    def test_one_that_salt_makes_as_the_docs_show(self, host):
        examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
        (example,) = [each for each in examples if "x509.certificate_managed" in each]
        host.write(f"{SALT_CONFIG}/states/mine.sls", example)
        certificate, key = "/etc/ssl/certs/mail.pem", "/etc/ssl/private/mail.key"
        run = host.apply({"tls": {"certificate": certificate, "key": key}}, sls="mine")
        assert run.succeeded, run
        assert shown(host) == {ssl.PEM_cert_to_DER_cert(host.read(certificate))}

    def test_one_for_each_kind_of_key(self, host, made):
        for name in ("rsa", "first"):
            text = made[name].key + made[name].certificate
            host.write(f"/etc/ssl/{name}.pem", text, mode=0o600)
        run = host.apply({"tls": {"chain_files": ["/etc/ssl/rsa.pem", "/etc/ssl/first.pem"]}})
        assert run.succeeded, run
        with host.network():
            assert certificate_of_kind("aRSA") == made["rsa"].der
            assert certificate_of_kind("aECDSA") == made["first"].der
            assert mail.login(465, USER, PASSWORD, tls="implicit").code == 235


@pytest.mark.parametrize("release", ["bookworm", "forky"], indirect=True)
def test_what_old_parameters_say_is_said_in_todays_words(host):
    host.run(
        *("postconf", "smtp_use_tls = yes", "smtp_enforce_tls = no", "smtp_tls_security_level ="),
        *("smtpd_use_tls = yes", "smtpd_tls_dcert_file = /etc/ssl/dsa.pem"),
        *("smtp_tls_note_starttls_offer = yes", "tls_random_source = dev:/dev/urandom"),
    )
    predicted = host.apply(test=True)
    run = host.apply({"main": {"lmtp_enforce_tls": True}})
    assert run.succeeded, run
    assert run.changes == {
        **predicted.changes,
        "lmtp_tls_security_level": {"old": None, "new": "verify"},
    }
    assert run.changes["smtp_tls_security_level"]["new"] == "may"
    assert run.changes["smtp_use_tls"] == {"old": "yes", "new": None}
    shown = host.run("postconf", "-n")
    assert "deprecated" not in shown.stderr
    assert "_use_tls" not in shown.stdout and "_enforce_tls" not in shown.stdout
    assert "smtp_tls_note_starttls_offer = yes\n" in shown.stdout


def certificate_of_kind(authentication):
    """Return what a client is shown who can do only this kind of certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"ECDHE+{authentication}")
    with smtplib.SMTP_SSL("127.0.0.1", 465, context=context, timeout=mail.TIMEOUT) as smtp:
        return smtp.sock.getpeercert(binary_form=True)
