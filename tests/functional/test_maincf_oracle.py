"""main.cf as postconf reads it, on files nobody would write by hand."""

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postfix_sasl_maincf import MainCf, plan

BOUNDED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

NAMES = st.sampled_from(
    ["mydestination", "smtpd_banner", "header_checks", "smtpd_sasl_path", "x_unknown", "x_2"]
)
TEXT = st.text(alphabet="ab ,=#{}()'\"\\é\udcff\t\r\v", max_size=12)
SPACING = st.sampled_from(["=", " = ", "= ", "\t=  ", " =\t"])
EOL = st.sampled_from(["\n", "\n", "\n", "\r\n"])
BETWEEN = st.sampled_from(["# comment", "  # indented", "", " \t", "#", "\v\f"])
GOOD = st.builds("{}{}{}".format, NAMES, SPACING, TEXT)
ODD = st.sampled_from(["no equals", "= no name", "two words = x", "x_2 = a\0b", "\u00a0no equals"])
CONTINUATION = st.builds("{}{}".format, st.sampled_from([" ", "\t", "    "]), TEXT)


def files(*more):
    line = st.one_of(GOOD, GOOD, CONTINUATION, BETWEEN, *more)
    whole = st.lists(st.builds("{}{}".format, line, EOL), max_size=12).map("".join)
    return st.builds(lambda text, cut: text.rstrip("\n") if cut else text, whole, st.booleans())


VALUES = st.text(alphabet="ab ,=#{}()'\"é\t", max_size=12).filter(
    lambda text: not text.strip().startswith("#")
)


# postconf warns of parameters nobody uses; these it shall print.
USES_UNKNOWN = "smtp inet n - y - - smtpd -o mydestination=$x_unknown,$x_2\n"


def one_blank(value):
    """Collapse white space, as postconf does in what it prints, though not in what it uses."""
    return " ".join(re.split("[ \t\r]+", value))


def as_postconf_reads(postfix, source):
    """Give the parameters postconf finds, or None where it stops at the file."""
    postfix.write(main=source, master=USES_UNKNOWN)
    status, output, _ = postfix.run("-n")
    if status:
        return None
    found = dict(line.split(" =", 1) for line in output.split("\n")[:-1])
    found.pop("config_directory", None)
    return {name: value.removeprefix(" ") for name, value in found.items()}


def as_we_read(source):
    return {name: one_blank(value) for name, value in MainCf.parse(source).as_dict().items()}


@BOUNDED
@given(source=files())
def test_postconf_reads_the_same_parameters(postfix, source):
    assert as_we_read(source) == as_postconf_reads(postfix, source)


@settings(BOUNDED, max_examples=30)  # a fatal error costs postconf a second
@given(source=files(ODD))
def test_postconf_stops_at_the_lines_listed_as_malformed(postfix, source):
    conf = MainCf.parse(source)
    ignored = [line for line in conf.logical_lines() if line.is_stray]
    read = as_postconf_reads(postfix, source)
    assert (read is None) == (len(conf.malformed()) > len(ignored))
    if read is not None:
        assert as_we_read(source) == read


@BOUNDED
@given(source=files(), name=NAMES, value=st.none() | VALUES)
def test_after_an_edit_postconf_finds_it_and_all_else_unchanged(postfix, source, name, value):
    expected = as_we_read(source)
    changes, after = plan(source, {name: value})
    if value is None:
        expected.pop(name, None)
    elif changes:
        expected[name] = one_blank(value.strip())
    assert as_postconf_reads(postfix, after) == expected


def test_stock_files_come_back_as_they_were(postfix):
    for source in postfix.stock_files("main.cf"):
        assert str(MainCf.parse(source)) == source
        assert MainCf.parse(source).malformed() == []
        assert as_we_read(source) == as_postconf_reads(postfix, source)


def test_macros_refused_here_are_fatal_to_postconf(postfix):
    for value in ("${a", "5$"):
        assert as_postconf_reads(postfix, f"mydomain = {value}\n") is None
