"""What people who know other formulas do: parts alone, an SLS of their own around the formula."""

import pytest
from support import layers, mail, pages
from support.layers import PASSWORD, USER
from support.places import SALT_CONFIG

PAGE = pages.REPOSITORY / "docs/conventions.md"
PILLAR = {
    "fail2ban": True,
    "pam": {"manage": False},
    "sasl": {"options": {"log_level": "3"}},
}
OWN_PAM = "# mine\nauth required pam_unix.so\naccount required pam_unix.so\n"
DROP_IN = "/etc/systemd/system/saslauthd-postfix.service.d/memory.conf"

pytestmark = pytest.mark.parametrize("release", ["trixie"], indirect=True)


def logins(host):
    with host.network():
        return mail.logins(USER, PASSWORD)


def is_open(host, port):
    with host.network():
        return mail.is_open(port)


def test_each_part_alone_works_and_breaks_nothing(installed_host):
    host = installed_host
    host.add_user(USER, PASSWORD)
    for part in ("check", "package", "pam", "tls", "saslauthd"):
        run = host.apply(sls=f"postfix_sasl.{part}")
        assert run.succeeded, (part, run)
        assert is_open(host, 25) and not is_open(host, 587), part
    assert host.apply(sls="postfix_sasl.config").succeeded
    assert logins(host) == [235, 235, 235]
    for part in ("fetchmail", "fail2ban", "drift"):
        run = host.apply(sls=f"postfix_sasl.{part}")
        assert run.succeeded and run.changes == {}, (part, run)
    assert host.apply().changes == {}


@pytest.fixture
def mine(boot, release):
    """A host to which the SLS of the page has been applied, in one run with the formula."""
    host = boot(layers=layers.with_fail2ban(release))
    [block] = [each for each in pages.read(PAGE) if each.text.startswith("# /srv/salt/mail.sls\n")]
    # Another package of those that the host can install.
    text = block.text.replace("postfix-pcre", "fetchmail")
    host.salt("test.ping")
    host.write(f"{SALT_CONFIG}/states/mail.sls", text)
    host.write(f"{SALT_CONFIG}/states/mail/pam/default", OWN_PAM)
    run = host.apply(PILLAR, sls="mail")
    assert run.succeeded, run
    order = [state["__id__"] for state in run.states]
    assert order.index("postfix_sasl-package-applied") < order.index("fetchmail")
    assert order.index("fetchmail") < order.index("postfix_sasl-config-applied")
    return host


def in_force(host):
    """Return what the host's own settings make of the formula's files."""
    unit = host.run("systemctl", "show", "-p", "MemoryMax", "saslauthd-postfix").stdout
    jail = host.run("fail2ban-client", "get", "postfix_sasl", "maxretry").stdout
    return unit.strip(), jail.strip(), "log_level: 3\n" in host.read("/etc/postfix/sasl/smtpd.conf")


def test_an_sls_of_ones_own_as_the_page_shows_it(mine):
    wanted = (f"MemoryMax={200 * 2**20}", "3", True)
    assert in_force(mine) == wanted
    assert mine.read("/etc/pam.d/smtp") == OWN_PAM
    assert logins(mine) == [235, 235, 235]
    assert mine.apply(PILLAR, sls="mail").changes == {}
    assert mine.apply(PILLAR).changes == {}
    mine.reboot()
    assert in_force(mine) == wanted and logins(mine) == [235, 235, 235]
    assert mine.salt("postfix_sasl.drift", pillar=PILLAR)["drifted"] is False
    assert mine.apply(PILLAR, sls="postfix_sasl.clean").succeeded
    assert mine.exists(DROP_IN) and mine.read("/etc/pam.d/smtp") == OWN_PAM
