"""Applying the formula: the first time, again, as a dry run, and after a reboot."""

from support import mail, traces
from support.layers import PASSWORD, USER

TOUCHED = (
    "/etc/postfix",
    "/etc/default",
    "/etc/pam.d",
    "/etc/systemd/system",
    "/etc/ssl",
    "/var/lib/dpkg",
    "/var/spool/postfix/var",
    "/etc/group",
)


def test_a_dry_run_on_a_bare_host_predicts_the_changes_and_touches_nothing(bare_host):
    real = traces.assert_dry_run_is_right(bare_host, TOUCHED)
    assert "package postfix" in real.changes


def test_a_dry_run_with_postfix_installed_predicts_the_changes_and_touches_nothing(
    installed_host,
):
    real = traces.assert_dry_run_is_right(installed_host, TOUCHED)
    assert real.changes["smtpd_sasl_auth_enable"] == {"old": None, "new": "yes"}


def test_a_second_apply_changes_and_rewrites_nothing(host):
    traces.assert_nothing_is_due(host, TOUCHED)


def test_a_second_apply_does_not_reload_postfix(host):
    before = log_lines(host, "reload")
    assert host.apply().changes == {}
    assert log_lines(host, "reload") == before


def test_everything_works_after_a_reboot(host):
    host.reboot()
    with host.network():
        assert mail.logins(USER, PASSWORD) == [235, 235, 235]
    assert host.apply(test=True).changes == {}


def test_debians_own_saslauthd_is_left_as_it_was(installed_host):
    def seen():
        state = installed_host.run(
            "systemctl", "show", "saslauthd", "-p", "ActiveState,UnitFileState,MainPID"
        ).stdout
        return state, installed_host.read("/etc/default/saslauthd")

    before = seen()
    assert installed_host.apply().succeeded
    assert seen() == before


def test_one_changed_parameter_is_one_change_and_a_reload(host):
    run = host.apply(pillar={"main": {"message_size_limit": 1234567}})
    assert run.changes == {"message_size_limit": {"old": None, "new": "1234567"}}
    with host.network():
        assert mail.ehlo(25)["SIZE"] == ["1234567"]


def test_a_changed_interface_is_in_force_when_the_run_ends(host):
    run = host.apply(pillar={"main": {"inet_interfaces": "loopback-only"}})
    assert run.succeeded, run
    listening = host.run("ss", "-Hltn", "sport = :587").stdout
    assert "0.0.0.0:587" not in listening and "127.0.0.1:587" in listening


def log_lines(host, word):
    """Return the journal's lines of Postfix with *word* in them."""
    journal = host.run("journalctl", "--no-pager", "-t", "postfix/master").stdout
    return [line for line in journal.splitlines() if word in line]
