"""Documents that texts link to are pages of the server, with the headings and links they need."""

from __future__ import annotations

import posixpath
import re

from babel.messages.pofile import read_po
from support.people.admins import panel
from support.people.page_readers import Reader
from support.programs.processes import ROOT

from koyjabo.webkit.pages.guides import NAME, guide, linked, paths

SOURCES = ("koyjabo/**/*.py", "koyjabo/**/*.html", "deploy/*", "compose*.yaml")
CALL = re.compile(r"'docs\.guide', name='([a-z-]+)', _anchor='([\w-]+)'")
LINK = re.compile(r'<a href="((?:\.\./)?[A-Za-z/-]+)\.md(?:#([\w-]+))?"')


def texts() -> str:
    with (ROOT / "koyjabo/translations/bn/LC_MESSAGES/messages.po").open("rb") as file:
        bangla = " ".join(message.string for message in read_po(file) if isinstance(message.string, str))
    return bangla + " ".join(file.read_text() for place in SOURCES for file in ROOT.glob(place) if file.is_file())


def test_each_document_that_is_named_has_its_heading_and_leads_to_others():
    text = texts()
    named = {match.groups() for match in NAME.finditer(text)}
    named |= set(CALL.findall(text))
    assert {("failover", "an-old-primary-that-comes-back"), ("operations", "emails")} <= named
    assert {name for name, _ in named} <= paths().keys()
    named |= {
        (posixpath.normpath(posixpath.join(posixpath.dirname(name), link)), part)
        for name in paths()
        for link, part in LINK.findall(guide(name).html)
    }
    assert ("specification/http", "privacy-signals") in named
    assert {name for name, _ in named} <= paths().keys()
    assert [(name, part) for name, part in named if part and f' id="{part}"' not in guide(name).html] == []


def test_panel_links_a_document_which_is_a_page(site):
    settings = panel(site).get("/admin/settings")
    assert '<a href="/docs/login-with-others.md" lang="en">docs/login-with-others.md</a>' in settings
    page = Reader(site, "bn").get("/docs/login-with-others.md")
    assert "<h1" in page
    assert 'href="accounts.md#two-step-login"' in page
    assert 'href="..' not in page
    Reader(site).get("/docs/nothing.md", 404)
    for path in ("/docs/login-with-others.md", "/docs/"):  # in the reader's language and theme
        answer = site.client.get(path)
        assert (answer.headers["Cache-Control"], "Cookie" in answer.vary) == ("private, no-cache", True)


def test_documents_outside_docs_link_to_those_inside_and_back(site):
    changelog, upgrading = (Reader(site).get(f"/docs/{name}.md") for name in ("CHANGELOG", "upgrading"))
    assert 'href="upgrading.md"' in changelog
    assert 'href="specification/accounts.md#unconfirmed-emails"' in changelog
    assert 'href="CHANGELOG.md"' in upgrading


def test_name_in_a_text_leads_to_its_heading_in_any_language(site):
    with site.app.test_request_context():
        link = '<a href="/docs/failover.md#what-may-be-lost" lang="en">docs/failover.md</a>'
        assert linked("<b> docs/failover.md#what-may-be-lost-এ") == f"&lt;b&gt; {link}-এ"
