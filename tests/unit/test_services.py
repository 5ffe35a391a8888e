"""Which entries master.cf should have, for the settings and for what it has."""

import pytest
from postfix_sasl_services import UNCHROOTED_SASL_PATH, clash, endpoint, entries, is_mixed, merged
from postfix_sasl_settings import check
from postfix_sasl_stock import MASTER, RELEASES

NAMES_OF_465 = ["smtps", "submissions", "465", "127.0.0.1:465", "[::1]:465"]
AUTHENTICATED_ONLY = "permit_sasl_authenticated,reject"
PORTS = {25, 587, 465}


def entry(command="smtpd", options=None, **columns):
    stock = dict.fromkeys(("unprivileged", "chroot", "wakeup", "process_limit"), "-")
    fields = {"command": command, "private": "n", **stock, "options": options or {}, "args": []}
    return {**fields, **columns}


def final(current=None, **pillar):
    """Return all entries after a run; a second run must not change them."""
    settings = check(pillar)
    current = current or {}
    result = merged(current, entries(settings, current))
    assert merged(result, entries(settings, result)) == result
    return result


def keys_on(port, result):
    return [key for key in result if endpoint(key) and endpoint(key)[1] == port]


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("smtp/inet", ("", 25)),
        ("submissions/inet", ("", 465)),
        ("smtps/inet", ("", 465)),
        ("127.0.0.1:submission/inet", ("127.0.0.1", 587)),
        ("[::1]:2525/inet", ("::1", 2525)),
        (":26/inet", ("", 26)),
        ("no-such-service/inet", ("", None)),
        ("\udcff/inet", ("", None)),
        ("smtp/unix", None),
    ],
)
def test_an_inet_entry_has_an_address_and_a_port(key, place):
    assert endpoint(key) == place


def test_before_netbase_is_installed_the_usual_names_are_known(monkeypatch):
    def unknown(*_):
        raise OSError

    monkeypatch.setattr("socket.getservbyname", unknown)
    monkeypatch.setattr("os.path.exists", lambda _path: False)
    assert set(final()) == {"smtp/inet", "submission/inet", "submissions/inet"}


def test_where_services_has_no_name_the_port_is_a_number(monkeypatch):
    def unknown(*_):
        raise OSError

    monkeypatch.setattr("socket.getservbyname", unknown)
    monkeypatch.setattr("os.path.exists", lambda _path: True)
    assert set(entries(check({}), {})) == {"25/inet", "587/inet", "465/inet"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("smtps/inet", "465/inet", True),
        ("smtps/inet", "127.0.0.1:465/inet", True),
        ("localhost:465/inet", "127.0.0.1:smtps/inet", True),
        ("127.0.0.1:465/inet", "192.0.2.1:465/inet", False),
        ("465/inet", "587/inet", False),
        ("a/inet", "b/inet", False),
        ("smtp/inet", "smtp/unix", False),
    ],
)
def test_entries_clash_over_a_port_of_one_address_or_of_all(one, other, expected):
    assert clash(one, other) is clash(other, one) is expected


class TestEmptyMasterCf:
    def test_gets_the_three_listeners(self):
        assert set(final()) == {"smtp/inet", "submission/inet", "submissions/inet"}

    def test_on_25_smtpd_takes_its_options_from_main_cf(self):
        assert final()["smtp/inet"] == entry(chroot="y")

    def test_587_demands_tls_and_a_login(self):
        options = final()["submission/inet"]["options"]
        assert options["smtpd_tls_security_level"] == "encrypt"
        assert options["smtpd_tls_auth_only"] == options["smtpd_sasl_auth_enable"] == "yes"
        assert options["smtpd_client_restrictions"] == AUTHENTICATED_ONLY
        assert options["smtpd_relay_restrictions"] == AUTHENTICATED_ONLY
        assert options["smtpd_etrn_restrictions"] == "reject"
        assert "smtpd_tls_wrappermode" not in options

    def test_465_has_tls_from_the_first_byte_and_demands_a_login(self):
        options = final()["submissions/inet"]["options"]
        assert options["smtpd_tls_wrappermode"] == "yes"
        assert options["smtpd_client_restrictions"] == AUTHENTICATED_ONLY


@pytest.mark.parametrize("key", ["submission/inet", "submissions/inet"])
class TestWhatOneClientMayAskFor:
    def test_is_limited(self, key):
        options = final()[key]["options"]
        assert options["smtpd_client_connection_rate_limit"] == "60"
        assert options["smtpd_hard_error_limit"] == "10"
        assert "smtpd_client_message_rate_limit" not in options

    def test_is_what_the_pillar_says(self, key):
        limits = {"connections_per_minute": 0, "messages_per_minute": 9, "errors": 0}
        options = final(final(), limits=limits)[key]["options"]
        assert options["smtpd_client_message_rate_limit"] == "9"
        assert "smtpd_client_connection_rate_limit" not in options
        assert "smtpd_hard_error_limit" not in options

    def test_is_not_told_to_others_where_postfix_can_hide_it(self, key):
        hidden = [
            entries(check({}), {}, release)[key]["options"]["smtpd_hide_client_session"]
            for release in RELEASES
        ]
        assert hidden == [None, "yes", "yes"]

    def test_is_a_sender_address_that_is_listed_for_it(self, key):
        options = final(sasl={"sender_logins": {"@example.org": ["alice"]}})[key]["options"]
        rule = "reject_authenticated_sender_login_mismatch"
        assert options["smtpd_relay_restrictions"] == f"{rule},{AUTHENTICATED_ONLY}"


@pytest.mark.parametrize("release", RELEASES)
class TestStockMasterCf:
    def test_gets_two_listeners_and_one_chroot_column(self, release):
        result = final(MASTER[release])
        new = set(result) - set(MASTER[release])
        assert new == {"submission/inet", "submissions/inet"}
        assert result["smtp/inet"] == {**MASTER[release]["smtp/inet"], "chroot": "y"}
        same = set(MASTER[release]) - {"smtp/inet"}
        assert {key: result[key] for key in same} == {key: MASTER[release][key] for key in same}

    def test_without_chroot_no_smtpd_has_it_and_all_else_stays(self, release):
        result = final(MASTER[release], chroot=False)
        assert {f["chroot"] for f in result.values() if f["command"] == "smtpd"} == {"n"}
        assert result["pickup/unix"] == MASTER[release]["pickup/unix"]


class TestPortUnderAnotherName:
    @pytest.mark.parametrize("name", NAMES_OF_465)
    def test_master_cf_keeps_its_name_and_its_own_options(self, name):
        current = {f"{name}/inet": entry(options={"content_filter": ""})}
        result = final(current)
        assert keys_on(465, result) == [f"{name}/inet"]
        options = result[f"{name}/inet"]["options"]
        assert options["content_filter"] == "" and options["smtpd_tls_wrappermode"] == "yes"

    @pytest.mark.parametrize("name", ["587", "192.0.2.1:submission"])
    def test_587_too(self, name):
        assert keys_on(587, final({f"{name}/inet": entry()})) == [f"{name}/inet"]

    @pytest.mark.parametrize("name", NAMES_OF_465)
    def test_it_is_removed_when_the_service_is_disabled(self, name):
        current = {f"{name}/inet": entry()}
        assert keys_on(465, final(current, services={"smtps": {"enabled": False}})) == []

    def test_of_two_for_one_port_the_first_stays(self):
        current = {"smtps/inet": entry(), "submissions/inet": entry(), "465/inet": entry()}
        assert keys_on(465, final(current)) == ["smtps/inet"]

    def test_two_for_two_addresses_both_stay(self):
        current = {"127.0.0.1:465/inet": entry(), "192.0.2.1:465/inet": entry()}
        result = final(current)
        assert keys_on(465, result) == list(current)
        for key in current:
            assert result[key]["options"]["smtpd_tls_wrappermode"] == "yes"

    @pytest.mark.parametrize("existing", ["smtps", "submissions", "localhost:465"])
    @pytest.mark.parametrize("declared", ["465", "127.0.0.1:465"])
    def test_the_name_in_the_pillar_wins(self, existing, declared):
        current = {f"{existing}/inet": entry(options={"content_filter": ""})}
        result = final(current, master={f"{declared}/inet": {"process_limit": 7}})
        assert keys_on(465, result) == [f"{declared}/inet"]
        fields = result[f"{declared}/inet"]
        assert fields["process_limit"] == "7"
        assert fields["options"]["smtpd_tls_wrappermode"] == "yes"
        assert fields["options"]["content_filter"] == ""

    def test_another_address_in_the_pillar_is_one_more_listener(self):
        current = {"192.0.2.1:465/inet": entry()}
        result = final(current, master={"127.0.0.1:465/inet": {"process_limit": 7}})
        assert set(keys_on(465, result)) == {"192.0.2.1:465/inet", "127.0.0.1:465/inet"}

    @pytest.mark.parametrize("null", ["smtps", "submissions", "465"])
    @pytest.mark.parametrize("current", [{}, {"smtps/inet": entry()}, {"465/inet": entry()}])
    def test_null_in_the_pillar_removes_it_under_any_name(self, null, current):
        assert keys_on(465, final(current, master={f"{null}/inet": None})) == []

    @pytest.mark.parametrize("current", [{}, {"smtps/inet": entry()}, {"465/inet": entry()}])
    def test_null_for_one_name_and_fields_for_another_renames_it(self, current):
        result = final(current, master={"smtps/inet": None, "submissions/inet": {}})
        assert keys_on(465, result) == ["submissions/inet"]
        assert result["submissions/inet"]["command"] == "smtpd"

    def test_null_for_one_address_leaves_the_other(self):
        current = {"127.0.0.1:465/inet": entry(), "192.0.2.1:465/inet": entry()}
        result = final(current, master={"127.0.0.1:465/inet": None})
        assert keys_on(465, result) == ["192.0.2.1:465/inet"]

    def test_25_has_one_entry_under_the_name_in_the_pillar(self):
        current = {"smtp/inet": entry(options={"content_filter": ""}, chroot="y")}
        result = final(current, master={"25/inet": {"process_limit": 9}})
        assert keys_on(25, result) == ["25/inet"]
        assert result["25/inet"] == {**current["smtp/inet"], "process_limit": "9"}

    def test_25_may_be_removed(self):
        assert keys_on(25, final({"smtp/inet": entry()}, master={"smtp/inet": None})) == []
        assert keys_on(25, final(master={"smtp/inet": None})) == []

    def test_any_other_port_of_the_pillar_has_one_name_as_well(self):
        current = {"localhost:10025/inet": entry(), "127.0.0.1:10026/inet": entry()}
        result = final(current, master={"127.0.0.1:10025/inet": {"command": "smtpd"}})
        assert keys_on(10025, result) == ["127.0.0.1:10025/inet"]
        assert keys_on(10026, result) == ["127.0.0.1:10026/inet"]


class TestDisabledServices:
    def test_are_removed(self):
        current = {"submission/inet": entry(), "smtps/inet": entry()}
        off = {"enabled": False}
        assert set(final(current, services={"submission": off, "smtps": off})) == {"smtp/inet"}

    def test_leave_the_port_to_the_pillars_own_entry(self):
        result = final(
            {"submission/inet": entry()},
            services={"submission": {"enabled": False}},
            master={"submission/inet": {"command": "spawn", "args": ["user=x"]}},
        )
        assert result["submission/inet"]["command"] == "spawn"
        assert "smtpd_tls_security_level" not in result["submission/inet"]["options"]


class TestOptionsOfTheServices:
    def test_are_added_and_null_drops_one(self):
        more = {"smtpd_client_connection_count_limit": 20, "milter_macro_daemon_name": None}
        options = final(services={"submission": {"options": more}})["submission/inet"]["options"]
        assert options["smtpd_client_connection_count_limit"] == "20"
        assert "milter_macro_daemon_name" not in options

    def test_null_drops_one_that_master_cf_has(self):
        current = {"submission/inet": entry(options={"content_filter": "x"})}
        services = {"submission": {"options": {"content_filter": None}}}
        options = final(current, services=services)["submission/inet"]["options"]
        assert "content_filter" not in options


class TestMasterInThePillar:
    def test_wins_over_columns_and_options(self):
        fields = {"chroot": False, "options": {"syslog_name": "mine", "a": True}}
        result = final(master={"submission/inet": fields})
        assert result["submission/inet"]["chroot"] == "n"
        options = result["submission/inet"]["options"]
        assert (options["syslog_name"], options["a"]) == ("mine", "yes")
        assert options["smtpd_tls_security_level"] == "encrypt"

    def test_wins_over_the_options_of_the_service(self):
        result = final(
            services={"submission": {"options": {"syslog_name": "x"}}},
            master={"submission/inet": {"options": {"syslog_name": "y"}}},
        )
        assert result["submission/inet"]["options"]["syslog_name"] == "y"

    def test_null_drops_an_option(self):
        master = {"submission/inet": {"options": {"smtpd_client_restrictions": None}}}
        assert "smtpd_client_restrictions" not in final(master=master)["submission/inet"]["options"]

    def test_null_removes_an_entry_and_only_that(self):
        current = MASTER["bookworm"]
        result = final(current, master={"maildrop/unix": None, "submission/inet": None})
        expected = {*current, "submissions/inet"} - {"maildrop/unix"}
        assert set(result) == expected

    def test_adds_an_entry(self):
        result = final(master={"backup/unix": {"command": "smtp", "chroot": "y"}})
        assert result["backup/unix"] == {**entry("smtp", chroot="y"), "private": "-"}

    def test_a_new_entry_without_a_command_is_an_error_that_names_it(self):
        with pytest.raises(ValueError, match="backup/unix: command: nothing given"):
            final(master={"backup/unix": {"chroot": "y"}})


class TestHandMadeSmtpd:
    @pytest.mark.parametrize(("chroot", "column"), [(True, "y"), (False, "n")])
    def test_a_dash_in_the_chroot_column_becomes_what_the_settings_say(self, chroot, column):
        current = {"10025/inet": entry(), "smtpd/pass": entry(private="-")}
        result = final(current, chroot=chroot)
        assert {fields["chroot"] for fields in result.values()} == {column}

    def test_one_that_the_pillar_adds_without_a_word_on_it_gets_it_at_once(self):
        result = final(master={"10025/inet": {"command": "smtpd"}})
        assert result["10025/inet"]["chroot"] == "y"

    def test_a_column_that_says_y_or_n_stays(self):
        result = final({"10025/inet": entry(chroot="n"), "10026/inet": entry(chroot="y")})
        assert result["10025/inet"]["chroot"] == "n"
        assert result["10026/inet"]["chroot"] == "y"

    def test_a_dash_of_other_programs_stays(self):
        assert final({"x/unix": entry("pipe")})["x/unix"]["chroot"] == "-"


def test_postscreen_on_25_stays_as_it_is_and_smtpd_behind_it_gets_the_chroot():
    current = {
        "smtp/inet": entry("postscreen", chroot="-", process_limit="1"),
        "smtpd/pass": entry(private="-"),
    }
    result = final(current)
    assert result["smtp/inet"] == current["smtp/inet"]
    assert result["smtpd/pass"] == {**current["smtpd/pass"], "chroot": "y"}


class TestFetchmailListener:
    ON = {"fetchmail": {"enabled": True}}

    def test_offers_neither_tls_nor_auth_and_relays_for_nobody(self):
        options = final(services=self.ON)["127.0.0.1:40025/inet"]["options"]
        assert options["smtpd_tls_security_level"] == "none"
        assert options["smtpd_sasl_auth_enable"] == "no"
        assert options["smtpd_client_restrictions"] == "permit_mynetworks,reject"
        assert options["mynetworks"] == "127.0.0.0/8,127.0.0.1/32"
        assert options["smtpd_relay_restrictions"] == "reject_unauth_destination"

    def test_is_not_there_by_default_and_is_removed(self):
        on = final(services=self.ON)
        assert "127.0.0.1:40025/inet" in on
        assert "127.0.0.1:40025/inet" not in final(on)

    @pytest.mark.parametrize("to", [{"port": 40026}, {"address": "127.0.0.2"}, {"enabled": False}])
    def test_the_old_one_goes_when_it_moves(self, to):
        result = final(final(services=self.ON), services={"fetchmail": {"enabled": True, **to}})
        assert "127.0.0.1:40025/inet" not in result
        assert len(result) == (4 if to.get("enabled", True) else 3)

    @pytest.mark.parametrize("name", ["localhost:40025", "127.0.0.1:40025"])
    def test_takes_the_place_of_one_that_was_made_by_hand(self, name):
        result = final({f"{name}/inet": entry()}, services=self.ON)
        assert keys_on(40025, result) == ["127.0.0.1:40025/inet"]

    def test_its_options_may_be_changed(self):
        more = {"enabled": True, "options": {"content_filter": "x", "relay_domains": None}}
        options = final(services={"fetchmail": more})["127.0.0.1:40025/inet"]["options"]
        assert options["content_filter"] == "x" and "relay_domains" not in options


class TestMixedChroot:
    OUT = {"submission/inet": {"chroot": "n"}}

    @pytest.mark.parametrize("column", ["n", "-"])
    def test_smtpd_outside_has_a_sasl_configuration_of_its_own(self, column):
        result = final(master={"submission/inet": {"chroot": column}})
        assert is_mixed(result)
        assert result["submission/inet"]["options"]["smtpd_sasl_path"] == UNCHROOTED_SASL_PATH
        for key in ("smtp/inet", "submissions/inet"):
            assert "smtpd_sasl_path" not in result[key]["options"]

    @pytest.mark.parametrize("chroot", [True, False])
    def test_it_goes_when_all_are_on_one_side_again(self, chroot):
        result = final(final(master=self.OUT), chroot=chroot, master={})
        assert not is_mixed(result)
        assert not any("smtpd_sasl_path" in fields["options"] for fields in result.values())

    def test_an_entry_that_moves_in_loses_it(self):
        before = final(master=self.OUT)
        result = final(before, master={"submissions/inet": {"chroot": "n"}})
        assert "smtpd_sasl_path" not in result["submission/inet"]["options"]
        assert result["submissions/inet"]["options"]["smtpd_sasl_path"] == UNCHROOTED_SASL_PATH

    @pytest.mark.parametrize("path", [None, "private/auth"])
    def test_a_path_in_the_pillar_wins(self, path):
        fields = {"chroot": "n", "options": {"smtpd_sasl_path": path}}
        options = final(master={"submission/inet": fields})["submission/inet"]["options"]
        assert options.get("smtpd_sasl_path") == path

    def test_a_path_made_by_hand_stays(self):
        by_hand = entry(options={"smtpd_sasl_path": "mine"}, chroot="n")
        assert final({"10025/inet": by_hand})["10025/inet"]["options"] == by_hand["options"]

    @pytest.mark.parametrize(
        "main", [{"smtpd_sasl_type": "dovecot"}, {"smtpd_sasl_path": "private/auth"}]
    )
    def test_none_is_set_where_main_cf_chooses_another_configuration(self, main):
        options = final(master=self.OUT, main=main)["submission/inet"]["options"]
        assert "smtpd_sasl_path" not in options
