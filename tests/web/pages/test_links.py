"""Links of pages lead to pages, from every spelling of a page's address, and sentences name pages that exist."""

import re
from html import unescape
from urllib.parse import urljoin

import pytest
from babel.messages.pofile import read_po
from support.application.site import Site
from support.people.admins import address
from support.people.communities import Cast
from support.people.page_readers import Reader
from support.programs.processes import ROOT

from koyjabo.web.panel.navigation import Navigation

LINK = re.compile(r'<a [^>]*?href="([^"]*)"')
SPELLINGS = ("{}", "{}/", "{}//", "/{}", "{}?q=a", "{}/?q=a")
"""How else people write an address. Addresses in capitals are 404."""


def pages_of(site: Site, cast: Cast, community: str) -> list[str]:
    """The addresses of all pages, one for each rule, and of three documents."""
    session, values = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", {"community_id": community, "user_id": cast["other"].id}
    values |= {"session_id": session, "invitation_id": session, "key_id": session, "token": "x" * 43, "ordinal": "1"}
    rules = [rule for rule in site.app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.websocket]
    shown = [rule for rule in rules if rule.endpoint.startswith(("pages_", "panel_", "docs.index"))]
    guides = [f"/docs/{name}.md" for name in ("install", "specification/README", "CHANGELOG")]
    return [*(address(site, rule, **values) for rule in shown), *guides]


def links_of(reader: Reader, path: str) -> list[str]:
    """The links of a page, or none if the address has no page for this reader."""
    response = reader.client.get(path, headers=reader.headers)
    is_page = response.status_code == 200 and response.mimetype == "text/html"
    return [unescape(link) for link in LINK.findall(response.text)] if is_page else []


WHO = ["site_admin", *(pytest.param(who, marks=pytest.mark.long) for who in ("nobody", "member"))]


@pytest.mark.parametrize("who", WHO)
def test_every_link_works_from_every_spelling_of_its_pages_address(site, cast, who):
    community, dead, statuses = cast.community(), [], {}
    site.register("ayesha", page="/fares")
    reader = Reader(site) if who == "nobody" else Reader(site).log_in(who)
    for path in pages_of(site, cast, community):
        links = links_of(reader, path)
        is_relative = any(not link.startswith(("/", "http", "#")) for link in links)
        for spelling in SPELLINGS if is_relative or path == "/docs/" else SPELLINGS[:1]:
            page = spelling.format(path.rstrip("/"))
            for link in links if page == path else links_of(reader, page):
                to = urljoin(f"http://localhost{page}", link).partition("#")[0].partition("?")[0]
                if to.startswith("http://localhost/") and to not in statuses:
                    statuses[to] = reader.client.get(to, headers=reader.headers).status_code
                    if statuses[to] in (404, 405):
                        dead.append((page, link))
    assert len(statuses) > 20
    assert dead == []


def test_the_address_of_the_documents_without_its_slash_leads_to_their_index(site):
    answer = site.client.get("/docs?q=clock")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/docs/?q=clock")


NAMED_PAGE = re.compile(r"\b[Pp]age [*\"]?([A-Z][a-z]+)\b")
SOURCES = ("koyjabo/**/*.py", "koyjabo/templates/**/*.html", "*.md", "docs/**/*.md")
NAME = re.compile(r"(?<![*\w\\])\*([A-Z][^*\n]+)\*(?![*\w])")
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
OF_OTHERS = {
    *("Full (strict)", "WebSockets", "Rocket Loader"),  # Cloudflare
    *("Blueprint", "Environment", "Shell"),  # Render
    *("Custom HTML", "Appearance", "Editor", "Patterns", "Footer", "Widgets"),  # WordPress
    *(
        "Dashboards → New → Import",
        "KB/connection",
        "Most",
        "View",
    ),  # Grafana, tables, an old menu
}


def test_every_page_and_label_that_a_document_a_warning_or_a_docstring_names_exists(site):
    pages = {str(page.label) for section in site.services[Navigation].sections() for page in section.pages}
    texts = {path: path.read_text("utf-8") for pattern in SOURCES for path in ROOT.glob(pattern)}
    named = [(path.name, name) for path, text in texts.items() for name in NAMED_PAGE.findall(text)]
    assert len(named) > 20
    assert [place for place in named if place[1] not in {*pages, "Settings"}] == []
    with (ROOT / "koyjabo/translations/bn/LC_MESSAGES/messages.po").open("rb") as file:
        labels = {message.id for message in read_po(file)} | OF_OTHERS
    documents = {path: CODE.sub("", text) for path, text in texts.items() if path.suffix == ".md"}
    names = [(path.name, name) for path, text in documents.items() for name in NAME.findall(text)]
    assert len(names) > 100
    assert [place for place in names if place[1] not in labels and place[0] != "CHANGELOG.md"] == []
