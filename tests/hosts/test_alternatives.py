"""What docs/alternatives.md says of the recipe that is typed by hand, on real hosts."""

from support import mail, pages
from support.layers import PASSWORD, USER

from .test_export import logins, make_by_the_wiki

RELEASES = {"bookworm": "12", "trixie": "13", "forky": "testing"}


def test_the_recipe_typed_by_hand(installed_host, release):
    installed_host.add_user(USER, PASSWORD)
    installed_host.run("chpasswd", input=f"root:{PASSWORD}\n")
    make_by_the_wiki(installed_host)
    assert logins(installed_host) == codes_on_the_page(release)
    with installed_host.network():
        root = mail.logins("root", PASSWORD)
        assert root == codes_on_the_page(release)
        assert "AUTH" in mail.ehlo(587)


def codes_on_the_page(release):
    """Return what the row of a release in the page's table says of 25, 587 and 465."""
    page = (pages.REPOSITORY / "docs/alternatives.md").read_text(encoding="utf-8")
    start = f"| {RELEASES[release]} | "
    (row,) = [line for line in page.splitlines() if line.startswith(start)]
    return [int(code) for code in row.removeprefix(start).partition(" |")[0].split(", ")]
