"""The fleet report's page as text: what hosts say is never markup."""

import html.parser
import os

import postfix_sasl_report_page as page
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.answers import ANSWERS, TEXTS, answer, made

VOID = {"meta"}


class Reader(html.parser.HTMLParser):
    """Collects the elements, the names of attributes, and the text; fails where tags don't nest."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes, self.texts, self.inside = set(), set(), [], []
        self.feed(text)
        self.close()
        assert self.inside == []

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes.update(f"{tag} {name}" for name, _ in attrs)
        if tag not in VOID:
            self.inside.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def unknown_decl(self, data):
        raise AssertionError(data)

    def handle_comment(self, data):
        raise AssertionError(data)


# All that the page can have, from hosts that say nothing unusual.
HARMLESS = Reader(
    page.page(
        made(
            {
                "fine": answer(),
                "soon": answer(3),
                "closed": answer(
                    listeners=[{"port": 25, "open": False}], wrong=["25: no connection"]
                ),
            },
            silent=["silent"],
        )
    )
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(TEXTS, ANSWERS, max_size=2))
def test_whatever_hosts_answer_adds_no_element_and_no_attribute(answers):
    found = Reader(page.page(made(answers)))
    assert found.elements <= HARMLESS.elements
    assert found.attributes <= HARMLESS.attributes


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "</style><img src=x onerror=alert(1)>",
        "\" onmouseover='alert(1)'",
        "<!-- x",
        "&lt;b&gt;",
    ],
)
def test_a_hostile_text_is_shown_as_it_is_everywhere(text):
    listener = {
        "port": 25,
        "open": True,
        "auth": [text],
        "certificate": {"name": text, "days_left": 3, "not_after": text},
    }
    given = answer(wrong=[text], release=text, listeners=[listener])
    found = Reader(page.page(made({text: given})))
    assert found.elements <= HARMLESS.elements
    assert found.attributes <= HARMLESS.attributes
    # The heading of the problem, the problem, and the row; names are cut in the picture.
    assert sum(text == each for each in found.texts) >= 4


def test_nothing_is_fetched_from_elsewhere():
    assert not HARMLESS.elements & {"script", "link", "img", "iframe", "object", "use", "form"}
    assert not {name for name in HARMLESS.attributes if name.split()[1] in ("src", "style")}
    text = page.page(made({"mail": answer()}))
    assert "http://" not in text and "https://" not in text and "url(" not in text


def test_it_is_written_at_once_and_readable_by_a_web_server(tmp_path):
    path = tmp_path / "mail.html"
    path.write_text("old")
    os.chmod(path, 0o600)
    page.write(page.target(str(path)), "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_page_and_no_other_file(tmp_path):
    path = tmp_path / "mail.html"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        page.write(str(path), "x" * 100_000 + "\udce9")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_relative_path_is_one_from_where_the_user_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert page.target("mail.html") == str(tmp_path / "mail.html")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/nowhere/mail.html", "html: there is no directory /nowhere; make it, or take another"),
        ("/", "html: / is a directory; takes the name of a file to write"),
        ("", "html: got ''; takes the name of a file to write"),
        (True, "html: got 'True'; takes the name of a file to write"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_anybody_is_asked(path, says):
    with pytest.raises(ValueError, match="html: ") as error:
        page.target(path)
    assert str(error.value) == says
