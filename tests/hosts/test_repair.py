"""Whatever is taken away or damaged, the next apply names it, mends it, and logins work."""

import pytest
from support import mail, wait
from support.layers import PASSWORD, USER

RUN_DIRECTORY = "/var/spool/postfix/var/run/saslauthd"
MAIN_CF = "/etc/postfix/main.cf"
MASTER_CF = "/etc/postfix/master.cf"


def run(*command):
    return lambda host: host.run(*command)


def edit(path, old, new):
    """Return a damage that replaces *old* by *new* in a file, where it has to occur."""

    def damage(host):
        text = host.read(path)
        assert old in text, f"{path} has no {old!r}"
        host.path(path).write_text(text.replace(old, new))

    return damage


def without(parameter):
    return run("postconf", "-X", parameter)


def wrong(parameter):
    return run("postconf", f"{parameter} = damaged")


PARAMETERS = (
    "smtpd_sasl_auth_enable",
    "smtpd_sasl_local_domain",
    "smtpd_sasl_security_options",
    "broken_sasl_auth_clients",
    "smtpd_recipient_restrictions",
    "cyrus_sasl_config_path",
    "smtpd_tls_security_level",
    "smtpd_tls_cert_file",
    "smtpd_tls_key_file",
    "smtpd_tls_auth_only",
    "smtpd_tls_loglevel",
    "smtpd_tls_received_header",
    "smtpd_tls_protocols",
)

DAMAGES = {
    "smtp entry unchrooted": (run("postconf", "-F", "smtp/inet/chroot=n"), "smtp/inet"),
    "smtp chroot column '-'": (run("postconf", "-F", "smtp/inet/chroot=-"), "smtp/inet"),
    "smtp entry removed": (run("postconf", "-MX", "smtp/inet"), "smtp/inet"),
    "submission entry removed": (run("postconf", "-MX", "submission/inet"), "submission/inet"),
    "submission chroot column '-'": (
        run("postconf", "-F", "submission/inet/chroot=-"),
        "submission/inet",
    ),
    "submission without TLS": (
        run("postconf", "-P", "submission/inet/smtpd_tls_security_level=none"),
        "submission/inet",
    ),
    "submission relays for its network": (
        run("postconf", "-PX", "submission/inet/smtpd_relay_restrictions"),
        "submission/inet",
    ),
    "smtps entry removed": (run("postconf", "-MX", "submissions/inet"), "submissions/inet"),
    "smtps without wrapper mode": (
        run("postconf", "-PX", "submissions/inet/smtpd_tls_wrappermode"),
        "submissions/inet",
    ),
    "smtpd.conf removed": (
        run("rm", "/etc/postfix/sasl/smtpd.conf"),
        "/etc/postfix/sasl/smtpd.conf",
    ),
    "smtpd.conf damaged": (
        edit("/etc/postfix/sasl/smtpd.conf", "saslauthd", "auxprop"),
        "/etc/postfix/sasl/smtpd.conf",
    ),
    "defaults file removed": (
        run("rm", "/etc/default/saslauthd-postfix"),
        "/etc/default/saslauthd-postfix",
    ),
    "defaults file damaged": (
        edit("/etc/default/saslauthd-postfix", '"pam"', '"shadow"'),
        "/etc/default/saslauthd-postfix",
    ),
    "unit removed": (
        run("rm", "/etc/systemd/system/saslauthd-postfix.service"),
        "/etc/systemd/system/saslauthd-postfix.service",
    ),
    "statoverride removed": (
        run("dpkg-statoverride", "--remove", RUN_DIRECTORY),
        f"dpkg-statoverride {RUN_DIRECTORY}",
    ),
    "statoverride wrong": (
        run(
            *("dpkg-statoverride", "--force-statoverride-add", "--add"),
            *("root", "root", "755", RUN_DIRECTORY),
        ),
        f"dpkg-statoverride {RUN_DIRECTORY}",
    ),
    "run directory closed": (run("chmod", "0700", RUN_DIRECTORY), RUN_DIRECTORY),
    "run directory open": (run("chmod", "0755", RUN_DIRECTORY), RUN_DIRECTORY),
    "run directory's group": (run("chgrp", "root", RUN_DIRECTORY), RUN_DIRECTORY),
    "postfix not in group sasl": (run("gpasswd", "-d", "postfix", "sasl"), "group sasl"),
    "PAM file removed": (run("rm", "/etc/pam.d/smtp"), "/etc/pam.d/smtp"),
    "PAM file damaged": (
        run("sed", "-i", "s/requisite/optional/", "/etc/pam.d/smtp"),
        "/etc/pam.d/smtp",
    ),
    "PAM file's mode": (run("chmod", "0666", "/etc/pam.d/smtp"), "/etc/pam.d/smtp"),
    "saslauthd stopped": (
        run("systemctl", "stop", "saslauthd-postfix"),
        "service saslauthd-postfix",
    ),
    "saslauthd disabled": (
        run("systemctl", "disable", "saslauthd-postfix"),
        "service saslauthd-postfix",
    ),
    "postfix stopped": (run("systemctl", "stop", "postfix"), "service postfix"),
    "postfix disabled": (run("systemctl", "disable", "postfix"), "service postfix"),
    "postfix dead behind its unit": (run("pkill", "-KILL", "-x", "master"), "service postfix"),
}
# In main.cf: one by one on trixie, and all at once on each release.
SET = {"smtpd_use_tls": "no", "smtpd_enforce_tls": "yes"}
IN_MAIN_CF = {
    **{f"{name} removed": (without(name), name) for name in PARAMETERS},
    **{f"{name} wrong": (wrong(name), name) for name in PARAMETERS[5:7]},
    **{f"{name} set": (run("postconf", f"{name}={to}"), name) for name, to in SET.items()},
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_and_mended(shared_host, name):
    """The host is shared: that a test sees only its own damage shows the others were mended."""
    assert_mended(shared_host, DAMAGES[name])


@pytest.mark.parametrize("release", ["trixie"], indirect=True)
@pytest.mark.parametrize("name", IN_MAIN_CF)
def test_a_damaged_parameter_is_named_and_mended(shared_host, name):
    assert_mended(shared_host, IN_MAIN_CF[name])


def test_all_parameters_removed_at_once_are_named_and_mended(shared_host):
    without_all = run("postconf", "-X", *PARAMETERS)
    assert_mended(shared_host, (without_all, *PARAMETERS))


def test_all_parameters_wrong_at_once_are_named_and_mended(shared_host):
    pairs = [f"{name}=damaged" for name in PARAMETERS[5:7]]
    pairs += [f"{name}={value}" for name, value in SET.items()]
    names = [pair.partition("=")[0] for pair in pairs]
    assert_mended(shared_host, (run("postconf", *pairs), *names))


def assert_mended(host, damage):
    make, *things = damage
    make(host)
    mended = host.apply()
    assert mended.succeeded, mended
    assert set(mended.changes) == set(things), mended
    with host.network():
        assert mail.logins(USER, PASSWORD) == [235, 235, 235]


def test_a_killed_saslauthd_comes_back_by_itself(host):
    host.run("pkill", "-KILL", "-x", "saslauthd")
    wait.until(lambda: host.run("pgrep", "-x", "saslauthd", check=False).stdout)
    with host.network():
        wait.until(lambda: mail.login(587, USER, PASSWORD).code == 235)
    assert host.apply(test=True).changes == {}


def test_many_damages_at_once_are_mended(host):
    names = ("smtpd.conf removed", "unit removed", "PAM file removed", "smtps entry removed")
    for name in names:
        DAMAGES[name][0](host)
    predicted = host.apply(test=True)
    mended = host.apply()
    assert mended.succeeded, mended
    assert set(mended.changes) == {DAMAGES[name][1] for name in names}
    assert mended.changes == predicted.changes
    assert host.apply(test=True).changes == {}
    with host.network():
        assert mail.login(465, USER, PASSWORD, tls="implicit").code == 235
