"""master.cf as postconf reads it, on files nobody would write by hand."""

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from postfix_sasl_mastercf import MasterCf, plan
from postfix_sasl_masterentry import Entry

BOUNDED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

KEYS = st.sampled_from(
    [
        "smtp/inet",
        "127.0.0.1:25/inet",
        "[::1]:2525/inet",
        "a-b_c/unix",
        "x/fifo",
        "x/pass",
        "x/unix",
    ]
)
# Words without an "o": postconf takes any later one in a flag or in "-oname=value" for "-o".
NAMES = st.sampled_from(["a", "b", "syslg_name", "1x"])
BARE = st.text(alphabet="abc,=$/'\"é#-", max_size=5)
BLANKS = st.sampled_from([" ", "  ", "\t", " \t "])
BREAK = st.sampled_from(["\n  ", "\n\t", "\n# comment\n  ", "\n  # -o a=b\n\n ", "\r\n "])
INNER = st.sampled_from(["b", "b c", "b {c d} e", "", "b\n  c", "b\n#x\n c", "b={c}"])
OPTION = st.one_of(
    st.builds("-o {}={}".format, NAMES, BARE),
    st.builds("-o{}={}".format, NAMES, BARE),
    st.builds("-o {{ {} = {} }}".format, NAMES, INNER),
    st.builds("-o {{{}={}}}".format, NAMES, INNER),
    st.builds("-o {}=${{x?{{{}}}:{{b}}}}".format, NAMES, BARE),
    st.builds("-vo {}={}".format, NAMES, BARE),
)
FLAG = st.sampled_from(["-v", "-D", "-vv"])
WORD = st.one_of(
    st.builds("w{}".format, BARE),
    st.builds("{{ w{} }}".format, INNER),
    st.sampled_from(["--", "-o", "flags=DRhu", "{{a b}}", "{a b}"]),
)
COLUMN = st.sampled_from(["y", "n", "-"])


@st.composite
def entries(draw):
    service, _, kind = draw(KEYS).rpartition("/")
    columns = [service, kind, "n" if kind == "inet" else draw(COLUMN), draw(COLUMN), draw(COLUMN)]
    columns += [draw(st.sampled_from(["-", "0", "60", "1000?"]))]
    columns += [draw(st.sampled_from(["-", "0", "10"])), draw(st.sampled_from(["smtpd", "pipe"]))]
    text = columns[0]
    for column in columns[1:]:
        text += draw(st.one_of(BLANKS, BLANKS, BLANKS, BREAK)) + column
    pieces = draw(st.lists(OPTION | FLAG, max_size=4))
    words = draw(st.lists(WORD, max_size=3))
    if words and words[0] == "-o":
        words.insert(0, "w")
    for piece in pieces + words:
        text += draw(BLANKS | BREAK) + piece
    return text + draw(st.sampled_from(["", "", " ", "\t"]))


@st.composite
def files(draw):
    text = draw(st.sampled_from(["", "# top\n", "  stray\n"]))
    for entry in draw(st.lists(entries(), max_size=4)):
        text += entry + draw(st.sampled_from(["\n", "\r\n", "\n# comment\n", "\n\n"]))
    return text.rstrip("\n") if draw(st.booleans()) else text


def as_postconf_prints(line):
    """Render a logical line as postconf -M would: canonical, on one line."""
    entry = Entry(line)
    service, _, kind = entry.key.rpartition("/")
    columns = [service, kind, *(token.text for token in entry.columns.values())]
    pieces = []
    for piece in sorted([*entry.options, *entry.flags, *entry.words], key=lambda it: it.start):
        is_option = piece in entry.options
        text = f"{piece.name}={piece.value}" if is_option else piece.text
        # postconf forgets the braces of the first word after the options.
        needs_braces = any(char in text for char in " \t\r") and piece not in entry.words[:1]
        braced = f"{{{text}}}" if needs_braces else text
        pieces.append(f"-o {braced}" if is_option else braced)
    return columns, " ".join([entry.command.text, *pieces])


def as_postconf_reads(postfix, source):
    """Give each entry postconf finds, in the order of the file, or None where it stops."""
    postfix.write(master=source)
    status, output, _ = postfix.run("-M")
    if status:
        return None
    found = [line.split(maxsplit=7) for line in output.split("\n")[:-1]]
    return [(columns[:7], columns[7]) for columns in found]


def as_we_read(source):
    lines = MasterCf.parse(source).logical_lines()
    return [as_postconf_prints(line) for line in lines if not line.is_stray]


@BOUNDED
@given(source=files())
def test_postconf_reads_the_same_entries(postfix, source):
    assert as_we_read(source) == as_postconf_reads(postfix, source)


@BOUNDED
@given(
    source=files(),
    key=KEYS,
    fields=st.fixed_dictionaries(
        {"command": st.sampled_from(["smtpd", "pipe", "lmtp"])},
        optional={
            "chroot": st.sampled_from(["y", "n", "-", True, False]),
            "wakeup": st.sampled_from(["-", 0, 3600, "10?"]),
            "process_limit": st.sampled_from(["-", 1, 100]),
            "options": st.dictionaries(
                NAMES | st.just("new"), st.sampled_from([None, True, "x", "x y", "", "{a b}"])
            ),
            "args": st.lists(st.sampled_from(["-v", "w", "w x", "{a}", "flags=R"]), max_size=4),
        },
    ),
)
def test_after_an_edit_postconf_finds_it_and_all_else_unchanged(postfix, source, key, fields):
    before = MasterCf.parse(source).entries()
    try:
        changes, after = plan(source, {key: fields})
    except ValueError as error:
        assume("mend it by hand" not in str(error))
        raise
    read = as_postconf_reads(postfix, after)
    assert as_we_read(after) == read
    now = MasterCf.parse(after).entries()
    assert now.pop(key)["command"] == fields["command"]
    before.pop(key, None)
    assert now == before
    if changes:
        assert sum(f"{columns[0]}/{columns[1]}" == key for columns, _ in read) == 1
        assert plan(after, {key: fields}) == ({}, after)


@BOUNDED
@given(source=files(), key=KEYS)
def test_after_a_removal_all_else_is_unchanged(postfix, source, key):
    expected = [entry for entry in as_we_read(source) if f"{entry[0][0]}/{entry[0][1]}" != key]
    assert as_postconf_reads(postfix, plan(source, {key: None})[1]) == expected


def test_postconf_finds_the_same_options(postfix):
    source = "smtp inet n - y - - smtpd -o a=b\n  -o { c = d e }\n# x\n  -v -o f={g h} -- -o i=j\n"
    postfix.write(master=source)
    _, output, _ = postfix.run("-P")
    options = MasterCf.parse(source).get("smtp/inet")["options"]
    assert output.splitlines() == [f"smtp/inet/{name} = {value}" for name, value in options.items()]


def test_postconf_itself_misreads_a_glued_option_that_we_read_as_the_daemons_do(postfix):
    source = "smtp inet n - y - - smtpd -oname=no\n"
    assert MasterCf.parse(source).get("smtp/inet")["options"] == {"name": "no"}
    assert as_postconf_reads(postfix, source)[0][1] == "smtpd -o name=n -o"


def test_stock_files_come_back_as_they_were(postfix):
    for source in postfix.stock_files("master.cf"):
        assert str(MasterCf.parse(source)) == source
        assert MasterCf.parse(source).malformed() == []
        assert as_we_read(source) == as_postconf_reads(postfix, source)


def test_each_stock_entry_can_be_edited_alone(postfix):
    for source in postfix.stock_files("master.cf"):
        for key, entry in MasterCf.parse(source).entries().items():
            if "-o" in entry["args"]:
                continue
            _, after = plan(source, {key: {"process_limit": 77, "options": {"biff": False}}})
            expected = MasterCf.parse(source).entries()
            expected[key] = entry | {"process_limit": "77"}
            expected[key]["options"] = entry["options"] | {"biff": "no"}
            assert MasterCf.parse(after).entries() == expected
            assert len(as_postconf_reads(postfix, after)) == len(expected)


def test_what_postconf_stops_at_is_listed_as_malformed(postfix):
    for line in (
        "smtp inet n - y - -",
        "smtp tcp n - y - - smtpd",
        "smtp inet n - y - 5? smtpd",
    ):
        assert as_postconf_reads(postfix, line + "\n") is None
        assert MasterCf.parse(line + "\n").malformed() == [(1, line)]
