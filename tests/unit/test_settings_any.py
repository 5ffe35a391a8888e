"""The pillar: whatever it holds, it is refused in words, or can be written to Postfix's files."""

from hypothesis import example, given
from hypothesis import strategies as st
from postfix_sasl_config import main_cf
from postfix_sasl_maincf import plan as plan_main
from postfix_sasl_mastercf import MasterCf
from postfix_sasl_mastercf import plan as plan_master
from postfix_sasl_options import OPTIONS
from postfix_sasl_sasl import smtpd_conf_files
from postfix_sasl_services import entries, merged
from postfix_sasl_settings import BadPillar, check

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANY_KEY = st.sampled_from(sorted({part for key in OPTIONS for part in key.split(":")})) | st.text()
JSON_LIKE = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(ANY_KEY | SCALARS, inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON_LIKE | st.dictionaries(st.sampled_from(sorted(OPTIONS)), JSON_LIKE, max_size=4))
@example({"master": {"smtp/inet": {"options": []}}})
@example({"master": {"smtp/inet": {"args": {}}}})
@example({"fetchmail:poll": [None]})
def test_any_data_is_settings_or_a_complaint_in_printable_lines(data):
    try:
        assert set(check(data)) == set(OPTIONS)
    except BadPillar as bad:
        for line in str(bad).split("\n"):
            assert line.startswith("postfix_sasl:") and line.isprintable()


LINE = st.text(st.characters(codec="utf-8"), max_size=20)
NAME = st.sampled_from(["smtpd_tls_loglevel", "a", "smtp_tls_x", "inet_interfaces"])
VALUE = LINE | st.integers() | st.booleans() | st.none() | st.lists(LINE, max_size=3)
VALUES = st.dictionaries(NAME, VALUE, max_size=3)
FIELDS = st.fixed_dictionaries(
    {"command": st.just("smtpd")},
    optional={
        "chroot": st.sampled_from(["y", "n", "-", True, False, None]),
        "options": VALUES,
        "args": st.lists(LINE, max_size=2),
    },
)
KEYS = [
    *("smtp/inet", "25/inet", "587/inet", "submission/inet", "submissions/inet", "smtps/inet"),
    *("465/inet", "127.0.0.1:465/inet", "[::1]:587/inet", "127.0.0.1:40025/inet", "a/unix"),
]
MAYBE_RIGHT = st.fixed_dictionaries(
    {},
    optional={
        "main": VALUES,
        "master": st.dictionaries(st.sampled_from(KEYS), st.none() | FIELDS, max_size=3),
        "chroot": st.booleans(),
        "sasl": st.fixed_dictionaries(
            {},
            optional={
                "local_domain": LINE,
                "options": st.dictionaries(st.sampled_from(["a", "mech_list"]), LINE, max_size=2),
                "recipient_restrictions": st.lists(LINE, min_size=1, max_size=3),
            },
        ),
        "services": st.dictionaries(
            st.sampled_from(["submission", "smtps", "fetchmail"]),
            st.fixed_dictionaries({}, optional={"enabled": st.booleans(), "options": VALUES}),
        ),
    },
)


@given(MAYBE_RIGHT, st.lists(st.sampled_from(KEYS), unique=True, max_size=4))
def test_what_is_taken_can_be_written_and_a_second_run_changes_nothing(data, existing):
    try:
        settings = check(data)
    except BadPillar:
        return
    main, master = "", "".join(f"{key.replace('/', ' ')} n - - - - smtpd\n" for key in existing)
    for _run in ("first", "second"):
        current = entries_of(master)
        wanted = entries(settings, current)
        main_changes, main = plan_main(main, main_cf(settings))
        master_changes, master = plan_master(master, wanted)
        assert entries_of(master) == merged(current, wanted)
        for text in smtpd_conf_files(settings, entries_of(master)).values():
            assert text is None or text.encode()
    assert (main_changes, master_changes) == ({}, {})


def entries_of(text):
    return MasterCf.parse(text).entries()
