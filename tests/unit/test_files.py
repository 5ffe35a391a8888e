"""The texts of the files that the settings ask for."""

import re

import pytest
from postfix_sasl_fetchmail import rc_text
from postfix_sasl_msmtp import text as msmtprc_text
from postfix_sasl_pam import files as pam_files
from postfix_sasl_sasl import MANAGED, smtpd_conf_files, unit_name
from postfix_sasl_saslauthd import defaults_text
from postfix_sasl_services import entries, merged
from postfix_sasl_settings import BadPillar, check
from postfix_sasl_stock import MASTER, RELEASES, release

SMTPD_CONF = "/etc/postfix/sasl/smtpd.conf"
UNCHROOTED_CONF = "/etc/postfix/sasl/smtpd-unchrooted.conf"


def smtpd_conf(**pillar):
    settings = check(pillar)
    return smtpd_conf_files(settings, merged({}, entries(settings, {})))


class TestSmtpdConf:
    def test_of_chrooted_smtpd_has_the_path_inside_the_chroot(self):
        assert smtpd_conf() == {
            SMTPD_CONF: MANAGED + "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n"
            "saslauthd_path: /var/run/saslauthd/mux\n",
            UNCHROOTED_CONF: None,
        }

    def test_of_other_smtpd_has_a_directory_that_debians_own_instance_does_not_use(self):
        text = smtpd_conf(chroot=False)[SMTPD_CONF]
        assert "saslauthd_path: /run/saslauthd-postfix/mux\n" in text

    def test_without_a_chroot_a_run_directory_of_ones_own_is_taken_as_it_is(self):
        text = smtpd_conf(chroot=False, saslauthd={"run_dir": "/run/mail/sasl"})[SMTPD_CONF]
        assert "saslauthd_path: /run/mail/sasl/mux\n" in text

    def test_there_are_two_where_some_smtpd_are_chrooted_and_some_not(self):
        files = smtpd_conf(master={"submission/inet": {"chroot": "n"}})
        assert "saslauthd_path: /var/run/saslauthd/mux\n" in files[SMTPD_CONF]
        inside_the_spool = "saslauthd_path: /var/spool/postfix/var/run/saslauthd/mux\n"
        assert inside_the_spool in files[UNCHROOTED_CONF]

    def test_takes_more_options_which_win_and_null_drops_one(self):
        more = {"log_level": 7, "mech_list": None, "pwcheck_method": "auxprop"}
        assert smtpd_conf(sasl={"options": more})[SMTPD_CONF] == (
            MANAGED + "pwcheck_method: auxprop\n"
            "saslauthd_path: /var/run/saslauthd/mux\nlog_level: 7\n"
        )

    def test_of_sasldb_names_one_database_for_smtpd_inside_the_chroot_and_outside(self):
        files = smtpd_conf(
            sasl={"backend": "sasldb", "mechanisms": ["SCRAM-SHA-256"]},
            master={"submission/inet": {"chroot": "n"}},
        )
        head = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: SCRAM-SHA-256\n"
        inside, outside = files[SMTPD_CONF], files[UNCHROOTED_CONF]
        assert inside == f"{MANAGED}{head}sasldb_path: /var/lib/sasldb/sasldb2\n"
        place = "/var/spool/postfix/var/lib/sasldb/sasldb2"
        assert outside == f"{MANAGED}{head}sasldb_path: {place}\n"

    def test_there_is_none_with_dovecot_which_has_one_socket_for_all(self):
        pillar = {"sasl": {"backend": "dovecot"}, "master": {"submission/inet": {"chroot": "n"}}}
        assert set(smtpd_conf(**pillar).values()) == {None}
        found = entries(check(pillar), MASTER["trixie"])
        assert not [key for key, fields in found.items() if "unchrooted" in str(fields)]

    def test_lists_the_mechanisms(self):
        assert "mech_list: PLAIN\n" in smtpd_conf(sasl={"mechanisms": ["PLAIN"]})[SMTPD_CONF]


def defaults(systemd=True, **pillar):
    """Return the variables of /etc/default/saslauthd-postfix."""
    text = defaults_text(check(pillar), "/run/x", systemd)
    assert text.startswith(MANAGED)
    lines = text[len(MANAGED) :].splitlines()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


class TestDefaultsFile:
    def test_of_an_empty_pillar(self):
        found = defaults()
        found.pop("DESC")
        assert found == {
            "START": "no",
            "NAME": "saslauthd",
            "MECHANISMS": "pam",
            "MECH_OPTIONS": "",
            "THREADS": "5",
            "OPTIONS": "-m /run/x",
        }

    def test_says_start_where_there_is_no_systemd(self):
        assert defaults(systemd=False)["START"] == "yes"

    def test_has_the_settings(self):
        pillar = {"mechanism": "rimap", "mechanism_options": "imap.example.com/993", "threads": 0}
        found = defaults(saslauthd={**pillar, "cache": True})
        assert (found["MECHANISMS"], found["MECH_OPTIONS"]) == ("rimap", "imap.example.com/993")
        assert (found["THREADS"], found["OPTIONS"]) == ("0", "-c -m /run/x")
        found = defaults(saslauthd={"cache": True, "realm": True})
        assert found["OPTIONS"] == "-c -r -m /run/x"

    def test_is_named_for_the_instance(self):
        assert unit_name(check({"saslauthd": {"instance": "mail"}})) == "saslauthd-mail"


class TestPamFile:
    def test_refuses_system_accounts_in_both_phases(self):
        (file,) = pam_files(check({}))
        assert (file.path, file.mode) == ("/etc/pam.d/smtp", 0o644)
        for phase in ("auth", "account"):
            assert re.search(rf"^{phase} .*pam_succeed_if.so quiet uid >= 1000", file.text, re.M)

    def test_has_the_rules_of_the_pillar_and_no_others(self):
        (file,) = pam_files(check({"pam": {"service": "mail", "rules": ["auth\trequired\tx.so"]}}))
        assert (file.path, file.text) == ("/etc/pam.d/mail", MANAGED + "auth\trequired\tx.so\n")

    def test_is_left_alone_on_demand(self):
        assert pam_files(check({"pam": {"manage": False}})) == []


WITH_MSMTP = {"enabled": True, "mda": "msmtp"}


def poll(server=None, **user):
    person = {"remote": "alice", "password": "secret", "local": "al", **user}
    return {"server": "pop.example.org", "users": [person], **(server or {})}


def rc(server=None, **user):
    return rc_text(check({"fetchmail": {"enabled": True, "poll": [poll(server, **user)]}}))


@pytest.mark.parametrize(
    ("more", "has_tls"),
    [
        ({}, True),
        ({"tls": {"mode": "encrypt"}}, True),
        ({"tls": {"mode": "none"}}, False),
        ({"main": {"smtpd_tls_security_level": "none"}}, False),
        ({"master": {"smtp/inet": {"options": {"smtpd_tls_security_level": "none"}}}}, False),
        ({"master": {"2525/inet": {"options": {"smtpd_tls_security_level": "none"}}}}, True),
        ({"main": {"smtpd_tls_security_level": None}}, False),
        ({"main": {"smtpd_tls_security_level": ""}}, False),
        ({"master": {"smtp/inet": {"options": {"smtpd_tls_security_level": ""}}}}, False),
        ({"master": {"smtp/inet": {"options": {"smtpd_tls_security_level": None}}}}, True),
        ({"master": {"smtp/inet": {}}}, True),
        ({"master": {"smtp/inet": {"options": None}}}, True),
    ],
)
def test_msmtp_does_tls_where_port_25_does(more, has_tls):
    text = msmtprc_text(check({"fetchmail": {**WITH_MSMTP, "poll": [poll()]}, **more}))
    assert ("\ntls on\ntls_starttls on\n" in text) is has_tls
    assert ("\ntls off\n" in text) is not has_tls


class TestFetchmailrc:
    def test_hands_the_mail_of_each_user_to_the_listener(self):
        lines = rc().splitlines()
        assert 'poll "pop.example.org" protocol imap' in lines
        assert '  user "alice" there with password "secret"' in lines
        assert '    is "al" here' in lines
        assert any('smtphost "127.0.0.1/40025"' in line for line in lines)
        assert "    ssl" in lines

    @pytest.mark.parametrize(
        ("local", "recipient"), [("al", "al@localhost"), ("al@example.org", "al@example.org")]
    )
    def test_hands_it_to_a_program(self, local, recipient):
        text = rc_text(check({"fetchmail": {**WITH_MSMTP, "poll": [poll(local=local)]}}))
        command = f"msmtp --file=/etc/fetchmail-msmtprc --from=%F -- {recipient}"
        assert f'    mda "/usr/bin/{command}"\n' in text
        assert "smtphost" not in text

    def test_names_protocol_and_port_and_does_without_ssl(self):
        text = rc({"protocol": "pop3", "port": 110, "ssl": False}, options=["nokeep"])
        assert 'poll "pop.example.org" protocol pop3 port 110\n' in text
        assert "    ssl\n" not in text and "    sslproto ''\n" in text
        assert text.endswith("    nokeep\n")

    @pytest.mark.parametrize(
        ("option", "written"),
        [
            ("keep fetchall nosslcertck", "keep fetchall nosslcertck"),
            ("limit 1000", "limit 1000"),
            ("folder INBOX Lists/x keep", 'folder "INBOX" "Lists/x" keep'),
            ("sslproto TLS1.2", 'sslproto "TLS1.2"'),
            ("folder mda", 'folder "mda"'),
        ],
    )
    def test_takes_options_with_their_text_in_quotes(self, option, written):
        assert rc(options=[option]).endswith(f"    {written}\n")

    @pytest.mark.parametrize(
        "option",
        [
            "preconnect /bin/x",
            "pre /bin/x",
            "keep postconnect /bin/x",
            "mda /bin/x",
            "plugin /bin/x",
            "plugout /bin/x",
            "bsmtp /tmp/x",
            "smtphost elsewhere",
            "poll elsewhere",
            "folder",
            "limit all",
            "limit 1 mda /bin/x",
            " ",
            "noplugin",
        ],
    )
    def test_takes_no_option_that_runs_a_program_or_sends_mail_elsewhere(self, option):
        with pytest.raises(BadPillar, match="options"):
            rc(options=[option])

    @pytest.mark.parametrize(
        ("password", "quoted"),
        [
            ("a b", '"a b"'),
            ('a"b', '"a\\042b"'),
            ("a\\b", '"a\\\\b"'),
            ("a\\nb", '"a\\\\nb"'),
            ('\\"', '"\\\\\\042"'),
            ("it's #1 $x %y", '"it\'s #1 $x %y"'),
            ("pässword", '"pässword"'),
            ('" ssl is root here', '"\\042 ssl is root here"'),
        ],
    )
    def test_a_password_stays_inside_its_quotes(self, password, quoted):
        assert f"there with password {quoted}\n" in rc(password=password)
        assert f"user {quoted} there" in rc(remote=password)


class TestRelease:
    @pytest.fixture
    def os_release(self, tmp_path):
        def write(text):
            (tmp_path / "os-release").write_text(text)
            return release(str(tmp_path / "os-release"))

        return write

    @pytest.mark.parametrize("quote", ["", '"', "'"])
    @pytest.mark.parametrize("name", RELEASES)
    def test_is_the_hosts_own(self, os_release, name, quote):
        assert os_release(f"ID=debian\nVERSION_CODENAME={quote}{name}{quote}\nX=1\n") == name

    @pytest.mark.parametrize("text", ["", "ID=debian\n", "VERSION_CODENAME=noble\n", "garbage"])
    def test_is_the_newest_known_where_it_is_another(self, os_release, text):
        assert os_release(text) == RELEASES[-1]

    def test_is_the_newest_known_where_there_is_no_such_file(self, tmp_path):
        assert release(str(tmp_path / "none")) == RELEASES[-1]

    @pytest.mark.parametrize("name", RELEASES)
    def test_has_a_complete_table_of_stock_entries(self, name):
        fields = {"command", "private", "unprivileged", "chroot", "wakeup", "process_limit"}
        for entry in MASTER[name].values():
            assert set(entry) == fields | {"options", "args"}
