"""What Debian has in place of what the formula asks for."""

import pytest
from postfix_sasl_clean import entries_before
from postfix_sasl_config import main_cf
from postfix_sasl_services import entries, merged
from postfix_sasl_settings import check
from postfix_sasl_stock import MAIN, MASTER, RELEASES, main_before

SNAKEOIL = "/etc/ssl/certs/ssl-cert-snakeoil.pem"


def cleaned(release, there=None, **pillar):
    """Return the entries of a host that got the formula and was cleaned, and its stock ones.

    there
        Entries that the host has besides Debian's when the formula comes.
    """
    stock = {**MASTER[release], **(there or {})}
    settings = check(pillar)
    applied = merged(stock, entries(settings, stock))
    turned_back = entries_before(entries(settings, applied), applied, release)
    return merged(applied, turned_back), stock


def smtpd(**fields):
    listener = {"command": "smtpd", "chroot": "n", "options": {}, "args": []}
    columns = dict.fromkeys(("unprivileged", "wakeup", "process_limit"), "-")
    return {**listener, "private": "n", **columns, **fields}


class TestParameters:
    @pytest.mark.parametrize("release", RELEASES)
    def test_come_back_as_debian_has_them(self, release):
        stock = MAIN[release]
        applied = {**stock, **main_cf(check({"main": {"biff": True, "message_size_limit": 9}}))}
        before = main_before([*applied], applied, release)
        assert {name: value for name, value in before.items() if value is not None} == {
            name: value for name, value in stock.items() if value is not None
        }

    def test_of_the_host_itself_stay(self):
        names = ["myhostname", "mydestination", "mynetworks", "myorigin", "relayhost"]
        assert main_before(names, {}, "trixie") == {"relayhost": ""}

    def test_of_tls_come_back_only_where_debian_had_set_them(self):
        names = ["smtpd_tls_cert_file"]
        with_certificate = {"smtp_tls_security_level": "may"}
        assert main_before(names, with_certificate, "trixie") == {"smtpd_tls_cert_file": SNAKEOIL}
        assert main_before(names, {}, "trixie") == {"smtpd_tls_cert_file": None}


class TestEntries:
    @pytest.mark.parametrize("release", RELEASES)
    @pytest.mark.parametrize(
        "pillar",
        [
            {},
            {"chroot": False},
            {"services": {"fetchmail": {"enabled": True}, "smtps": {"enabled": False}}},
            {"master": {"submission/inet": {"chroot": False}}},
            {"master": {"smtp/inet": {"process_limit": 9, "options": {"smtpd_banner": "x"}}}},
            {"master": {"relay/unix": {"options": {"syslog_name": None}, "args": ["-v"]}}},
            {"master": {"verify/unix": None, "mine/unix": {"command": "smtp"}}},
            {"master": {"smtp/inet": None}},
            {"master": {"25/inet": {"command": "smtpd"}}},
            {"master": {"smtp/inet": None, "192.0.2.1:25/inet": {"command": "smtpd"}}},
        ],
        ids=str,
    )
    def test_come_back_as_debian_has_them(self, release, pillar):
        after, stock = cleaned(release, **pillar)
        assert after == stock

    def test_of_others_stay(self):
        there = {"2525/inet": smtpd(chroot="y"), "mine/unix": smtpd(command="pipe", private="-")}
        after, before = cleaned("trixie", there)
        assert after == before

    def test_of_others_lose_what_the_pillar_and_the_formula_added(self):
        there = {"2525/inet": smtpd(options={"smtpd_banner": "theirs"})}
        declared = {"2525/inet": {"options": {"smtpd_helo_required": True}}}
        after, before = cleaned("trixie", there, master=declared)
        assert after == before

    def test_of_others_keep_the_port_they_have(self):
        there = {"25/inet": smtpd(chroot="y")}
        applied = {key: fields for key, fields in MASTER["trixie"].items() if key != "smtp/inet"}
        applied |= there
        wanted = entries(check({}), applied)
        current = merged(applied, wanted)
        assert merged(current, entries_before(wanted, current, "trixie")) == applied
