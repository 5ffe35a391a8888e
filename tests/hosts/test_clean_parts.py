"""One part taken off, and the rest of a working server left as it is."""

import pytest
from support import layers, mail
from support.layers import PASSWORD, USER
from support.trees import differences, tree

POLL = {"server": "127.0.0.1", "ssl": False}
POLL["users"] = [{"remote": "nobody", "password": "secret", "local": "alice"}]
FETCHMAIL = {"fetchmail": {"enabled": True, "poll": [POLL]}}

pytestmark = pytest.mark.parametrize("release", ["trixie"], indirect=True)


def check_part(host, part, pillar, gone):
    """Take off one *part* that *pillar* asks for; *gone* are the names of its changes."""
    assert host.apply(pillar).succeeded
    sls, before = f"postfix_sasl.{part}.clean", tree(host)
    predicted = host.apply(pillar, sls=sls, test=True)
    assert differences(before, tree(host)) == {}
    run = host.apply(pillar, sls=sls)
    assert run.succeeded, run
    assert run.changes == predicted.changes
    assert set(run.changes) == gone
    others = set(differences(before, tree(host))) - gone
    links = (".wants/", "/etc/rc")  # what starts at boot
    assert [path for path in others if not any(link in path for link in links)] == []
    with host.network():
        assert mail.login(587, USER, PASSWORD).code == 235
    again = host.apply(pillar, sls=sls)
    assert again.succeeded and again.changes == {}, again
    assert f"nothing of the formula's {part} is on this host" in "\n".join(again.comments)
    assert "the next apply of postfix_sasl brings it back" in "\n".join(again.comments)
    assert set(host.apply(pillar, test=True).changes) == gone
    asked_no_more = host.apply({}, sls=sls)
    assert "brings it back" not in "\n".join(asked_no_more.comments)


def test_fetchmail(host):
    gone = {"service fetchmail", "/etc/systemd/system/fetchmail.service", "/etc/fetchmailrc"}
    check_part(host, "fetchmail", FETCHMAIL, gone)
    assert host.run("pgrep", "-x", "fetchmail", check=False).stdout == ""


def test_fail2ban(boot, release):
    host = boot(layers=layers.with_fail2ban(release))
    gone = {"/etc/fail2ban/jail.d/postfix_sasl.conf", "/etc/fail2ban/filter.d/postfix_sasl.conf"}
    check_part(host, "fail2ban", {"fail2ban": True}, gone)
    assert "postfix_sasl" not in host.run("fail2ban-client", "status").stdout
