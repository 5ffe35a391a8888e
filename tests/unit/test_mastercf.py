"""master.cf: reading and editing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from postfix_sasl_mastercf import FIELDS, MasterCf, plan

FILE_LIKE = st.text(alphabet="aoy--{}=#\n\n   \t\r\0")

STOCK = """\
# service type  private unpriv  chroot  wakeup  maxproc command + args
smtp      inet  n       -       y       -       -       smtpd
#submission inet n       -       y       -       -       smtpd
#  -o syslog_name=postfix/submission
pickup    unix  n       -       y       60      1       pickup
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
relay     unix  -       -       y       -       -       smtp
        -o syslog_name=${multi_instance_name?{$multi_instance_name}:{postfix}}/$service_name
# try this for slow links
        -o smtp_helo_timeout=5 -o smtp_connect_timeout=5
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -o ${recipient}
"""


def entry(line):
    (found,) = MasterCf.parse(line).entries().values()
    return found


def smtpd(words):
    return entry(f"smtp inet n - y - - smtpd {words}\n")


def edited(source, key, **fields):
    return plan(source, {key: fields})[1]


@given(FILE_LIKE)
def test_an_unedited_file_is_the_same_text(source):
    assert str(MasterCf.parse(source)) == source


@given(FILE_LIKE)
def test_reading_never_raises(source):
    conf = MasterCf.parse("smtp inet n - y - - smtpd " + source)
    conf.entries()
    conf.malformed()


@given(FILE_LIKE)
def test_setting_what_is_set_already_changes_no_byte(source):
    assert edited(STOCK + source, "smtp/inet", command="smtpd", chroot="y") == STOCK + source


def test_an_entry_has_all_its_fields():
    assert MasterCf.parse(STOCK).get("relay/unix") == {
        "command": "smtp",
        "private": "-",
        "unprivileged": "-",
        "chroot": "y",
        "wakeup": "-",
        "process_limit": "-",
        "options": {
            "syslog_name": "${multi_instance_name?{$multi_instance_name}:{postfix}}/$service_name",
            "smtp_helo_timeout": "5",
            "smtp_connect_timeout": "5",
        },
        "args": [],
    }


def test_entries_come_in_the_order_of_the_file():
    assert list(MasterCf.parse(STOCK).entries()) == [
        "smtp/inet",
        "pickup/unix",
        "tlsmgr/unix",
        "relay/unix",
        "maildrop/unix",
    ]


@pytest.mark.parametrize(
    ("words", "options", "args"),
    [
        ("-o a=b", {"a": "b"}, []),
        ("-oa=no", {"a": "no"}, []),
        ("-o { a = b c }", {"a": "b c"}, []),
        ("-o {a=b}", {"a": "b"}, []),
        ("-o a={b c}", {"a": "{b c}"}, []),
        ("-o a=", {"a": ""}, []),
        ("-o a=1 -o a=2", {"a": "2"}, []),
        ("-v -o a=b -D", {"a": "b"}, ["-v", "-D"]),
        ("-vo a=b", {"a": "b"}, ["-v"]),
        ("-- -o a=b", {}, ["--", "-o", "a=b"]),
        ("x -o a=b", {}, ["x", "-o", "a=b"]),
        ("{ a  b } {c} {}", {}, ["a  b", "c", ""]),
        ("{{a b}}", {}, ["{a b}"]),
        ("a}b", {}, ["a}b"]),
        ("-o a=b\n# comment\n  -o c=d", {"a": "b", "c": "d"}, []),
        ("-o { a =\n# comment\n  b }", {"a": "b"}, []),
        ("#x", {}, ["#x"]),
    ],
)
def test_options_and_words_are_told_apart(words, options, args):
    found = smtpd(words)
    assert (found["options"], found["args"]) == (options, args)


@pytest.mark.parametrize("key", ["25/inet", "127.0.0.1:25/inet", "[::1]:submission/inet"])
def test_addresses_are_part_of_the_key(key):
    service = key.rpartition("/")[0]
    assert list(MasterCf.parse(f"{service} inet n - n - - smtpd\n").entries()) == [key]


@pytest.mark.parametrize(
    "line",
    [
        "smtp inet n - y - -",
        "smtp internet n - y - - smtpd",
        "smtp inet - - y - - smtpd",
        "smtp unix n - x - - smtpd",
        "smtp unix n - y ? - smtpd",
        "smtp unix n - y 5x - smtpd",
        "smtp unix n - y - 5? smtpd",
        "smtp unix n - y - - -",
        "smtp unix n - y - - smtpd -o",
        "smtp unix n - y - - smtpd -o nothing",
        "smtp unix n - y - - smtpd -o{ a = b }",
        "smtp unix n - y - - smtpd { a",
        "smtp unix n - y - - smtpd {a}b",
    ],
)
def test_entries_postfix_stops_at_are_listed(line):
    assert MasterCf.parse(f"# top\n{line}\n").malformed() == [(2, line)]


def test_a_stock_file_has_nothing_malformed():
    assert MasterCf.parse(STOCK).malformed() == []


def test_the_last_duplicate_wins_and_a_change_takes_out_the_others():
    source = "a unix - - n - - x\nb unix - - n - - x\na unix - - n - - y\n"
    assert MasterCf.parse(source).get("a/unix")["command"] == "y"
    assert edited(source, "a/unix", command="z") == ("b unix - - n - - x\na unix - - n - - z\n")


def test_a_column_is_edited_and_the_others_stay_aligned():
    assert edited(STOCK, "pickup/unix", wakeup="3600?", process_limit=0) == STOCK.replace(
        "pickup    unix  n       -       y       60      1       pickup",
        "pickup    unix  n       -       y       3600?   0       pickup",
    )


def test_an_option_is_edited_in_its_place():
    assert edited(STOCK, "relay/unix", options={"smtp_helo_timeout": 9}) == STOCK.replace(
        "smtp_helo_timeout=5", "smtp_helo_timeout=9"
    )


def test_a_new_option_gets_a_line_of_its_own_after_the_others():
    assert edited(STOCK, "relay/unix", options={"x": "y"}) == STOCK.replace(
        "smtp_connect_timeout=5\n", "smtp_connect_timeout=5\n        -o x=y\n"
    )


def test_a_value_with_blanks_is_written_in_braces():
    assert "\n  -o { x = a b }\n" in edited(STOCK, "smtp/inet", options={"x": "a b"})


def test_a_list_is_joined_without_blanks():
    assert "\n  -o x=a,b\n" in edited(STOCK, "smtp/inet", options={"x": ["a", "b"]})


def test_a_dropped_option_leaves_no_empty_line():
    after = edited(STOCK, "relay/unix", options={"syslog_name": None, "smtp_helo_timeout": None})
    assert "smtp\n# try this for slow links\n        -o smtp_connect_timeout=5\nmaildrop" in after


def test_options_not_named_stay():
    after = MasterCf.parse(edited(STOCK, "relay/unix", options={"x": True}))
    assert list(after.get("relay/unix")["options"])[-2:] == ["smtp_connect_timeout", "x"]


def test_new_options_go_before_the_arguments():
    after = edited(STOCK, "maildrop/unix", options={"x": "y"})
    assert MasterCf.parse(after).get("maildrop/unix")["options"] == {"x": "y"}
    assert "pipe\n  -o x=y\n  flags=" in after


def test_args_replace_all_further_words_and_only_what_differs():
    after = edited(STOCK, "maildrop/unix", args=["flags=R", "user=vmail", "argv=/bin/x"])
    assert after.endswith("pipe\n  flags=R user=vmail argv=/bin/x\n")


def test_flags_are_written_before_the_options():
    after = edited(STOCK, "relay/unix", args=["-v", "word"])
    assert MasterCf.parse(after).get("relay/unix")["args"] == ["-v", "word"]
    assert "smtp -v\n        -o syslog" in after


def test_a_new_entry_is_written_like_the_stock_ones():
    after = edited(
        "a = b",
        "submission/inet",
        command="smtpd",
        chroot=True,
        options={"smtpd_tls_security_level": "encrypt"},
        args=["-v"],
    )
    assert after == (
        "a = b\n"
        "submission inet  n       -       y       -       -       smtpd -v\n"
        "  -o smtpd_tls_security_level=encrypt\n"
    )


def test_a_new_unix_entry_gets_dashes():
    assert edited("", "x/unix", command="y") == (
        "x         unix  -       -       -       -       -       y\n"
    )


def test_crlf_files_get_crlf_lines():
    assert edited("a unix - - n - - b\r\n", "a/unix", options={"x": 1}) == (
        "a unix - - n - - b\r\n  -o x=1\r\n"
    )


def test_a_removed_entry_takes_its_continuations_but_no_comment():
    changes, after = plan(STOCK, {"relay/unix": None})
    assert "relay" not in after
    assert "# try this for slow links\nmaildrop" in after
    assert changes["relay/unix"]["new"] is None


def test_a_field_of_none_is_left_alone():
    assert plan(STOCK, {"smtp/inet": dict.fromkeys(FIELDS)}) == ({}, STOCK)


def test_glued_flags_are_edited_correctly_or_not_at_all():
    source = "a unix - - n - - b -vo x=1 -oy=no\n"
    after = edited(source, "a/unix", options={"x": 2, "y": None})
    assert after == "a unix - - n - - b -v -o x=2\n"
    with pytest.raises(ValueError, match="mend it by hand"):
        edited(source, "a/unix", args=[])


def test_an_argument_never_turns_into_a_comment():
    source = "a unix - - n - - b\n  -o x=1 #y\n"
    with pytest.raises(ValueError, match="mend it by hand"):
        edited(source, "a/unix", options={"x": None})


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("smtp", "service/type"),
        ("smtp/tcp", "one of inet"),
        ("smtp/unx", "did you mean unix"),
        ("a b/unix", "plain name"),
        ("../a b/unix", "plain name"),
        ("#a/unix", "plain name"),
        ("/unix", "plain name"),
        ("::1:25/inet", "IPv6"),
        ("a\nb/inet", "port"),
        (None, "service/type"),
    ],
)
def test_impossible_keys_are_refused(key, says):
    with pytest.raises(ValueError, match=says):
        plan("", {key: {"command": "x"}})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"private": "yes"}, "private: .*takes y, n or -"),
        ({"private": True}, "takes only n"),
        ({"private": "-"}, "takes only n"),
        ({"chroot": "x"}, "chroot"),
        ({"wakeup": "?"}, "wakeup"),
        ({"wakeup": True}, "wakeup"),
        ({"process_limit": "5?"}, "process_limit"),
        ({"process_limit": -1}, "process_limit"),
        ({"command": "a b"}, "command"),
        ({"command": "{a}"}, "command"),
        ({"command": ""}, "command"),
        ({"options": ["a=b"]}, "options: .*dictionary"),
        ({"options": {"a b": 1}}, "parameter name"),
        ({"options": {"a": "x{"}}, "balanced"),
        ({"options": {"a": "x\ny"}}, "-o a: .*one line"),
        ({"options": {"a": "#x"}}, "starts with #"),
        ({"options": {"a": "5$"}}, "no name after it"),
        ({"args": "-v"}, "list of words"),
        ({"args": ["-o", "a=b"]}, "goes under options"),
        ({"args": [True]}, "takes words"),
        ({"args": ["#x"]}, "starts with #"),
        ({"args": ["{"]}, "balanced"),
        ({"chrot": "y"}, "did you mean chroot"),
    ],
)
def test_wrong_fields_are_refused_by_name(fields, says):
    with pytest.raises(ValueError, match=says):
        plan(STOCK, {"smtp/inet": fields})


def test_a_new_entry_needs_a_command():
    with pytest.raises(ValueError, match="x/unix: command"):
        plan(STOCK, {"x/unix": {"chroot": "n"}})


def test_only_real_changes_are_reported():
    changes, _ = plan(STOCK, {"smtp/inet": {"chroot": "y"}, "pickup/unix": {"chroot": False}})
    assert list(changes) == ["pickup/unix"]
    assert changes["pickup/unix"]["old"]["chroot"] == "y"
    assert changes["pickup/unix"]["new"]["chroot"] == "n"


def test_an_odd_entry_that_is_in_the_file_can_be_taken_out():
    assert plan("a tcp - - n - - b\n", {"a/tcp": None})[1] == ""
    with pytest.raises(ValueError, match="one of inet"):
        plan("", {"a/tcp": None})
