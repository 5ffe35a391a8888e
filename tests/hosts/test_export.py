"""The exported pillar makes a fresh host what the exported one is, whoever made that."""

import contextlib

import pytest
import yaml
from support import mail
from support.errors import CommandFailed
from support.host import Host
from support.images import SALT_HOME
from support.layers import PASSWORD, USER
from support.places import SALT_CONFIG

CERTIFICATE, KEY = "/etc/ssl/certs/own.pem", "/etc/ssl/private/own.key"
SUBMISSION = """
submission inet n - n - 40 smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o { smtpd_banner = $myhostname submission }
smtps inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
filter unix - n n - 10 pipe
  flags=Rq user=nobody null_sender= argv=/bin/true -f ${sender} -- ${recipient}
"""
HAND_MADE = """
set -e
openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=own.example.org \
    -keyout /etc/ssl/private/own.key -out /etc/ssl/certs/own.pem 2> /dev/null
postconf 'mydestination = $myhostname, example.org, localhost' 'message_size_limit = 20480000' \
    smtpd_helo_required=yes smtpd_tls_security_level=may smtpd_tls_auth_only=yes \
    smtpd_tls_cert_file=/etc/ssl/certs/own.pem smtpd_tls_key_file=/etc/ssl/private/own.key \
    'smtpd_tls_mandatory_protocols = >=TLSv1.2' smtpd_sasl_auth_enable=yes \
    'smtpd_recipient_restrictions = permit_sasl_authenticated, reject_unauth_destination' \
    broken_sasl_auth_clients=no 'recipient_delimiter = -'
postconf -X biff
postconf -F 'smtp/inet/chroot=n' 'smtp/unix/process_limit=20'
printf 'mynetworks = 127.0.0.0/8,\\n\\t[::1]/128,\\n    198.51.100.0/24\\n' >> /etc/postfix/main.cf
cat >> /etc/postfix/master.cf
printf 'pwcheck_method: saslauthd\\nmech_list: PLAIN\\nlog_level: 4\\n' \
    > /etc/postfix/sasl/smtpd.conf
printf '# ours\\nauth required pam_unix.so nodelay\\naccount required pam_unix.so\\n' \
    > /etc/pam.d/smtp
sed -i 's/^THREADS=.*/THREADS=3/; s/^START=.*/START=yes/' /etc/default/saslauthd
gpasswd -a postfix sasl
systemctl enable saslauthd
systemctl restart saslauthd
systemctl restart postfix
"""
# As it has stood on many a page, word for word.
WIKI = """
set -e
printf 'pwcheck_method: saslauthd\\nmech_list: PLAIN LOGIN\\n' > /etc/postfix/sasl/smtpd.conf
cp /etc/default/saslauthd /etc/default/saslauthd-postfix
cat >> /etc/default/saslauthd-postfix <<'END'
START=yes
DESC="SASL Auth. Daemon for Postfix"
NAME="saslauthd-postf"
MECHANISMS="pam"
OPTIONS="-c -m /var/spool/postfix/var/run/saslauthd"
END
mkdir -p /var/spool/postfix/var/run/saslauthd
dpkg-statoverride --update --add root sasl 710 /var/spool/postfix/var/run/saslauthd
gpasswd -a postfix sasl
postconf -e 'smtpd_sasl_local_domain = $myhostname' 'smtpd_sasl_auth_enable = yes' \
    'broken_sasl_auth_clients = yes' 'smtpd_sasl_security_options = noanonymous' \
    'smtpd_recipient_restrictions = permit_sasl_authenticated, permit_mynetworks, \
reject_unauth_destination'
postconf -e 'smtpd_tls_auth_only = no' 'smtpd_use_tls = yes' 'smtpd_tls_loglevel = 1' \
    'smtpd_tls_received_header = yes' 'smtpd_tls_session_cache_timeout = 3600s' \
    'tls_random_source = dev:/dev/urandom' \
    'smtpd_tls_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem' \
    'smtpd_tls_key_file = /etc/ssl/private/ssl-cert-snakeoil.key'
cat >> /etc/postfix/master.cf
systemctl restart saslauthd
systemctl restart postfix
"""
WIKI_LISTENERS = """
submission inet n      -       -       -       -       smtpd
  -o smtpd_etrn_restrictions=reject
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
smtps    inet  n       -       -       -       -       smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
"""


def make_by_hand(host):
    host.run("sh", "-c", HAND_MADE, input=SUBMISSION)


def make_by_the_wiki(host):
    host.run("sh", "-c", WIKI, input=WIKI_LISTENERS)


class Pair:
    """A host made without the formula, what it exported, and a fresh one made from that."""

    def __init__(self, original, twin, make):
        self.original, self.twin = original, twin
        for host in (original, twin):
            host.add_user(USER, PASSWORD)
        make(original)
        original.salt("saltutil.sync_all")
        self.seen = seen(original)
        self.pillar = original.salt("postfix_sasl.export")["postfix_sasl"]
        for path in filter(original.exists, (CERTIFICATE, KEY)):
            twin.write(path, original.read(path))
        self.run = twin.apply(self.pillar)
        assert self.run.succeeded, (self.pillar, self.run)


@pytest.fixture(scope="module", params=[make_by_hand, make_by_the_wiki], ids=["hand", "wiki"])
def pair(request, release, installed):
    with contextlib.ExitStack() as stack:
        original, twin = (
            stack.enter_context(Host.boot(release, layers=installed)) for _ in range(2)
        )
        yield Pair(original, twin, request.param)


def test_a_host_of_the_formula_needs_no_pillar(shared_host):
    assert shared_host.salt("postfix_sasl.export") == {"postfix_sasl": {}}


class TestTheTwin:
    def test_has_the_same_parameters(self, pair):
        assert parameters(pair.twin) == parameters(pair.original)

    def test_has_the_same_service_entries(self, pair):
        assert entries(pair.twin) == entries(pair.original)

    def test_looks_the_same_to_a_client(self, pair):
        assert seen(pair.twin) == pair.seen

    def test_lets_users_log_in(self, pair):
        assert logins(pair.twin) == [235, 235, 235]


class TestThePillar:
    @pytest.mark.parametrize("pair", [make_by_hand], indirect=True, ids=["hand"])
    def test_says_it_in_the_keys_made_for_it(self, pair):
        pillar = pair.pillar
        assert pillar["chroot"] is False
        assert pillar["tls"]["certificate"] == CERTIFICATE
        assert pillar["tls"]["key"] == KEY
        assert pillar["sasl"]["mechanisms"] == ["PLAIN"]
        assert pillar["sasl"]["options"] == {"log_level": "4"}
        assert pillar["sasl"]["broken_clients"] is False
        assert pillar["saslauthd"] == {"threads": 3, "cache": True}
        assert pillar["pam"] == {
            "rules": ["auth required pam_unix.so nodelay", "account required pam_unix.so"]
        }
        assert "services" not in pillar
        assert pillar["main"]["biff"] is None
        assert pillar["main"]["message_size_limit"] == 20480000
        assert "smtpd_tls_cert_file" not in pillar["main"]
        assert set(pillar["master"]) >= {"submission/inet", "smtps/inet", "filter/unix"}
        assert pillar["master"]["smtp/unix"] == {"process_limit": 20}

    def test_changes_nothing_postfix_reads_where_it_comes_from_and_logins_work(self, pair):
        before = parameters(pair.original), entries(pair.original)
        run = pair.original.apply(pair.pillar)
        assert run.succeeded, run
        assert (parameters(pair.original), entries(pair.original)) == before
        assert logins(pair.original) == [235, 235, 235]
        assert seen(pair.original) == pair.seen
        assert pair.original.apply(pair.pillar).changes == {}


def test_stock_debian_is_reproduced(boot, installed):
    original, twin = boot(layers=installed), boot(layers=installed)
    original.salt("saltutil.sync_all")
    pillar = original.salt("postfix_sasl.export")["postfix_sasl"]
    run = twin.apply(pillar)
    assert run.succeeded, (pillar, run)
    assert parameters(twin) == parameters(original)
    assert entries(twin) == entries(original)
    assert seen(twin) == seen(original)


@pytest.mark.parametrize("release", ["trixie"], indirect=True)
def test_the_commands_of_the_readme_make_a_pillar_file(host):
    host.run("postconf", "smtpd_helo_required = yes", "smtpd_tls_loglevel = 2")
    call = f"{SALT_HOME}/bin/salt-call --config-dir={SALT_CONFIG} --local --out=yaml"
    printed = host.run("sh", "-c", f"{call} postfix_sasl.export | sed '1d; s/^  //'").stdout
    pillar = yaml.safe_load(printed)["postfix_sasl"]
    assert pillar == {"main": {"smtpd_helo_required": True}, "tls": {"loglevel": 2}}
    assert host.apply(pillar).changes == {}


@pytest.mark.parametrize("release", ["trixie"], indirect=True)
def test_a_host_without_postfix_is_told_so(bare_host):
    bare_host.salt("saltutil.sync_all")
    with pytest.raises(CommandFailed, match="install the package postfix"):
        bare_host.salt("postfix_sasl.export")


def parameters(host):
    """Return what main.cf sets; runs of white space are one blank.

    What Postfix is about to drop is left out: a host of the formula has today's words for it.
    """
    lines = host.run("postconf", "-n").stdout.splitlines()
    return sorted(" ".join(line.split()) for line in lines if "_use_tls =" not in line)


def entries(host):
    """Return the service entries, whatever the order of entries and options.

    Where smtpd finds the configuration of SASL is left out: a host of the formula has its own.
    """
    found = []
    for line in host.run("postconf", "-M").stdout.splitlines():
        fields, *options = line.split(" -o ")
        options = [each for each in options if not each.startswith("smtpd_sasl_path=")]
        found.append((fields.split(), sorted(options)))
    return sorted(found)


def seen(host):
    """Return what a client sees on each port."""
    return host.salt("postfix_sasl.probe")


def logins(host):
    with host.network():
        return mail.logins(USER, PASSWORD)
