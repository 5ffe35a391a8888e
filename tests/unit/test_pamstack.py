"""PAM services on disk, whole and broken."""

import postfix_sasl_pamstack as pamstack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture
def problems(tmp_path):
    """A function from the texts of files to what is wrong with the service smtp."""
    modules = tmp_path / "lib" / "x86_64-linux-gnu" / "security"
    modules.mkdir(parents=True)
    for name in ("pam_unix.so", "pam_deny.so"):
        (modules / name).write_text("")
    directory = tmp_path / "pam.d"
    directory.mkdir()

    def find(**files):
        for name, text in files.items():
            (directory / name.replace("_", "-")).write_text(text)
        where = (str(directory),)
        return pamstack.problems("smtp", where, (str(tmp_path / "lib/*/security"),))

    return find


@pytest.mark.parametrize(
    "text",
    [
        "auth required pam_unix.so\n",
        "# a comment\n\nauth [success=1 default=ignore] pam_unix.so nullok\n",
        "-session optional pam_nonsense.so\n",
        "auth \\\n  required pam_unix.so\n",
        "AUTH Required pam_unix.so # why\n",
        "",
    ],
)
def test_what_pam_reads(problems, text):
    assert problems(smtp=text) == []


def test_includes_of_every_kind_are_followed(problems):
    smtp = "@include common-auth\naccount include common-account\nauth substack inner\n"
    found = problems(
        smtp=smtp,
        common_auth="auth required pam_one.so\n",
        common_account="account required pam_two.so\n",
        inner="auth required pam_three.so\n",
    )
    texts = [text for _, text in found]
    assert texts == [f"there is no module pam_{name}.so" for name in ("one", "two", "three")]
    assert [file.rpartition("/")[2] for file, _ in found] == [
        "common-auth",
        "common-account",
        "inner",
    ]


def test_a_file_that_is_not_there(problems):
    ((file, text),) = problems(smtp="@include common-auth\n")
    assert file.endswith("/smtp") and text == "@include common-auth: there is no such file"


def test_a_file_that_includes_itself(problems):
    ((_, text),) = problems(smtp="@include other\n", other="@include smtp\n")
    assert "itself" in text


@pytest.mark.parametrize("line", ["auth nonsense", "auth perhaps pam_unix.so", "nonsense"])
def test_lines_that_pam_cannot_read(problems, line):
    ((_, text),) = problems(smtp=f"{line}\n")
    assert line in text


@settings(deadline=None)  # machines that test have much else to do
@given(st.text())
def test_any_text_is_read(tmp_path_factory, text):
    directory = tmp_path_factory.mktemp("pam.d")
    (directory / "smtp").write_text(text, encoding="utf-8", errors="replace")
    assert isinstance(pamstack.problems("smtp", (str(directory),), ()), list)
