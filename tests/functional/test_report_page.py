"""The fleet report's page in a real Chromium: no network, no script, light and dark, on paper."""

import base64

import postfix_sasl_report_page as report_page
import pytest
from support.answers import answer, made
from support.browser import Browser

HOSTILE = "<script>document.title = 'gone'</script><img src='http://192.0.2.1/' onerror='alert(1)'>"
COLOUR = "getComputedStyle(document.{}).{}"
LUMINANCE = """
(() => {
  const light = ([r, g, b]) => [r, g, b].map(each => each / 255)
    .map(each => each <= .04045 ? each / 12.92 : ((each + .055) / 1.055) ** 2.4)
    .reduce((sum, each, n) => sum + each * [.2126, .7152, .0722][n], 0);
  const parts = colour => colour.match(/[0-9.]+/g).map(Number);
  const behind = element => {
    const found = parts(getComputedStyle(element).backgroundColor);
    return found.length === 3 || found[3] ? found : behind(element.parentElement);
  };
  const texts = [...document.querySelectorAll('body *:not(title, desc)')].filter(element =>
    [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
  return texts.map(element => {
    const style = getComputedStyle(element);
    const svg = element.namespaceURI.endsWith('svg');
    const one = light(parts(svg ? style.fill : style.color)), two = light(behind(element));
    const contrast = (Math.max(one, two) + .05) / (Math.min(one, two) + .05);
    return [element.tagName + '.' + element.getAttribute('class'), contrast];
  }).filter(each => each[1] < 4.5);
})()
"""


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The page of a fleet with something of everything, one host of which means harm."""
    path = tmp_path_factory.mktemp("page") / "mail.html"
    answers = {
        "fine": answer(90),
        "soon": answer(15),
        "expired": answer(-3),
        "no-postfix": {"postfix": None},
        HOSTILE: answer(release=HOSTILE, wrong=[HOSTILE]),
        **{f"mail{number}.example.com": answer(80) for number in range(30)},
    }
    data = made(answers, silent=["silent"])
    report_page.write(str(path), report_page.page(data))
    return path


@pytest.fixture
def shown(browser, path):
    """The browser with the page on an ordinary screen."""
    browser.prefer("light")
    browser.open(path)
    return browser


def test_it_needs_nothing_else_and_nothing_is_refused(shown, path):
    assert shown.requests == [f"file://{path}"]
    assert shown.complaints == []


def test_what_a_host_says_is_text(shown):
    assert shown.evaluate("document.title") == "Mail servers: 3 wrong"
    assert shown.evaluate("document.querySelectorAll('script, img').length") == 0
    assert HOSTILE[:90] in shown.evaluate("document.querySelector('table').textContent")


def test_the_page_itself_forbids_scripts_should_one_ever_get_in(shown):
    shown.evaluate(
        "(() => { const script = document.createElement('script');"
        "script.textContent = 'document.title = \"gone\"'; document.body.append(script) })()"
    )
    assert shown.evaluate("document.title") == "Mail servers: 3 wrong"
    assert any("Content Security Policy" in each for each in shown.complaints)


def test_its_style_is_in_force(shown):
    assert shown.evaluate(COLOUR.format("body", "backgroundColor")) == "rgb(244, 245, 247)"


def test_what_is_wrong_is_on_the_first_screen(shown):
    where = "document.querySelector('.problems li').getBoundingClientRect().bottom"
    assert shown.evaluate(where) < 900
    assert "expired 3 days ago" in shown.evaluate("document.querySelector('.problems').innerText")


def test_the_picture_shows_the_days_in_proportion_and_says_so_in_words(shown):
    widths = shown.evaluate(
        "[...document.querySelectorAll('rect:not(.track)')].map("
        "each => each.getBoundingClientRect().width / each.parentElement.clientWidth)"
    )
    assert widths[0] == pytest.approx(1, abs=0.01)  # the expired one
    assert widths[1] == pytest.approx(15 / 90, abs=0.01)
    assert widths[2] == pytest.approx(80 / 90, abs=0.01)
    assert shown.evaluate("document.querySelector('svg').getAttribute('role')") == "img"
    text = shown.evaluate("document.querySelector('#expiry-text').textContent")
    assert text.startswith("First: expired, whose certificate expired 3 days ago.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(shown, scheme):
    shown.prefer(scheme)
    assert shown.evaluate(LUMINANCE) == []


def test_a_dark_room(shown):
    light = shown.evaluate(COLOUR.format("body", "backgroundColor"))
    shown.prefer("dark")
    assert shown.evaluate(COLOUR.format("body", "backgroundColor")) == "rgb(16, 20, 26)" != light
    picture = base64.b64decode(shown.screenshot())
    assert picture.startswith(b"\x89PNG")


def test_a_telephone_needs_no_sideways_scrolling(browser, path):
    browser.open(path, width=360, height=740)
    assert browser.evaluate("document.documentElement.scrollWidth") == 360


def test_a_narrow_screen_needs_none_either(browser, path):
    browser.open(path, width=1024)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 1024


def test_it_can_be_printed(shown):
    pdf = base64.b64decode(shown.pdf())
    assert pdf.startswith(b"%PDF-")
    # A4 on its side, in points.
    assert b"/MediaBox [0 0 841." in pdf


def test_a_fleet_where_nothing_is_wrong(browser, tmp_path):
    path = tmp_path / "fine.html"
    report_page.write(str(path), report_page.page(made({"mail": answer()})))
    browser.open(path)
    assert browser.evaluate("document.title") == "Mail servers: none wrong"
    assert "Nothing." in browser.evaluate("document.querySelector('main').innerText")


def test_three_hundred_hosts_are_shown_at_once(browser, tmp_path):
    path = tmp_path / "large.html"
    data = made({f"mail{number}": answer(number) for number in range(300)})
    report_page.write(str(path), report_page.page(data))
    browser.open(path)
    assert browser.evaluate("document.querySelectorAll('tbody tr').length") == 300
    assert browser.evaluate("document.querySelectorAll('rect.track').length") == 30
