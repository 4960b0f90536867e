"""Documents that texts link to are pages of the server, with the headings and links they need."""

import posixpath
import re
from functools import partial
from urllib.parse import quote

from babel.messages.pofile import read_po
from support.people.admins import panel
from support.people.page_readers import Reader
from support.programs.processes import ROOT

from koyjabo.web.pages.guides import GUIDE_NAME, INDEX, guide, linked, paths, sections

SOURCES = ("koyjabo/**/*.py", "koyjabo/**/*.html", "deploy/*", "compose*.yaml")
CALL = re.compile(r"'docs\.guide', name='([a-z-]+)', _anchor='([\w-]+)'")
LINK = re.compile(r'<a href="((?:\.\./)?[A-Za-z/-]+)\.md(?:#([\w-]+))?"')


def texts() -> str:
    with (ROOT / "koyjabo/translations/bn/LC_MESSAGES/messages.po").open("rb") as file:
        bangla = " ".join(message.string for message in read_po(file) if isinstance(message.string, str))
    return bangla + " ".join(file.read_text() for place in SOURCES for file in ROOT.glob(place) if file.is_file())


def test_every_link_to_a_document_has_its_page_and_its_heading():
    text = texts()
    named = {match.groups() for match in GUIDE_NAME.finditer(text)}
    named |= set(CALL.findall(text)) | {(section.name, section.anchor) for section in sections()}
    assert ("failover", "an-old-primary-that-comes-back") in named
    assert {name for name, _ in named} <= paths().keys()
    named |= {
        (posixpath.normpath(posixpath.join(posixpath.dirname(name), link)), part)
        for name in paths()
        for link, part in LINK.findall(guide(name).html)
    }
    assert ("specification/http", "privacy-signals") in named
    assert {name for name, _ in named} <= paths().keys()
    assert [(name, part) for name, part in named if part and f' id="{part}"' not in guide(name).html] == []


def test_a_document_is_a_page_with_links_to_other_documents(site):
    assert '<a href="/docs/settings.md">' in panel(site).get("/admin/server")
    page = Reader(site, "bn").get("/docs/accounts.md")
    assert "<h1" in page
    assert 'href="limits.md#logins-and-accounts"' in page
    assert 'href="..' not in page
    Reader(site).get("/docs/nothing.md", 404)
    for path in ("/docs/accounts.md", "/docs/"):  # in the reader's language and theme
        answer = site.client.get(path)
        assert (answer.headers["Cache-Control"], "Cookie" in answer.vary) == ("private, no-cache", True)
    index = Reader(site).get("/docs/")
    (table,) = re.findall(r"<table.*?</table>", index, re.DOTALL)
    assert 'href="install.md#render"' in table
    assert index.index("<table") < index.index("<h2")


def test_the_address_of_a_document_works_without_its_ending_or_with_a_slash(site):
    for spelling in ("http", "http/", "http.md/"):
        answer = site.client.get(f"/docs/specification/{spelling}?a=1")
        assert (answer.status_code, answer.location) == (303, "/docs/specification/http.md?a=1")
    assert [site.client.get(f"/docs/{name}").status_code for name in ("nothing", "nothing/")] == [404, 404]


def test_a_snippet_has_a_copy_button_and_a_cell_names_its_column(site):
    page = Reader(site).get("/docs/client.md")
    assert page.count("<pre>") == page.count("</pre><button") == page.count(" data-copy ") > 5
    assert '<td data-label="default"><code>total</code></td>' in page


def test_the_name_of_a_setting_may_break_after_an_underscore(site):
    assert "<code>GEOIP_<wbr>DATABASE</code>" in Reader(site).get("/docs/settings.md")


def test_a_page_leaves_out_the_pictures_of_its_document():
    assert "images/" in (ROOT / "docs" / "insights.md").read_text()
    assert [name for name in paths() if re.search(r"images/|!<a|^<p>&lt;img", guide(name).html, re.MULTILINE)] == []


SEARCHED = (
    *("CSP", "cookie banner (GDPR)", "WordPress", "my own visits", "Telegram", "bots or spam", "wrong IP addresses"),
    *(
        "Next.js",
        "French",
        "colours",
        "dark page",
        "change the total",
        "two or more sites",
        "new version",
        "my password",
    ),
)


def test_the_first_page_has_a_row_for_each_thing_that_people_search_for():
    (table,) = re.findall(r"<table.*?</table>", guide(INDEX).html, re.DOTALL)
    assert [words for words in SEARCHED if words not in table] == []


ANSWERS = {
    "two sites": "install.md#several-apps-on-one-machine",
    "password lost": "accounts.md#forgotten-passwords-and-emails",
    "own domain": "behind-a-proxy.md",
    "who visits from where": "settings.md#cities",
    "city": "settings.md#cities",
    "delete all data": "personal-data.md#erasing-a-visitor",
    "email report": "insights.md#the-weekly-email",
    "uninstall": "install.md#uninstall",
    "gdpr": "personal-data.md#do-i-need-a-consent-banner",
    "cookie banner": "personal-data.md#do-i-need-a-consent-banner",
    "change colour": "settings.md#a-look-of-your-own",
    "discord": "what-it-does-not-do.md",
    "bots": "evidence.md#what-each-value-means",
    "export csv": "backup.md#export",
    "how do I change the logo?": "settings.md#a-look-of-your-own",
    "who is online": "integrate.md",
}
"""The section that a search shows first."""


def results_of(reader: Reader, words: str) -> list[str]:
    return re.findall(r'<li lang="en"><a href="/docs/([^"]+)"', reader.get(f"/docs/?q={quote(words)}"))


def test_a_search_of_the_documents_shows_the_section_with_the_answer_first(site):
    assert {words: results_of(Reader(site), words)[0] for words in ANSWERS} == ANSWERS
    assert results_of(Reader(site), "the"), "only words that say nothing"


def test_a_search_of_the_documents_finds_the_sections_with_its_rarest_words_first(site):
    search = partial(results_of, Reader(site))
    assert search("spam bots")[0] == "evidence.md#what-each-value-means"
    wordpress = search("show the number on my page in wordpress")
    assert (wordpress[0], wordpress.count("client.md#wordpress")) == ("client.md#wordpress", 1)
    assert search("chang totals")[0] == "operations.md#change-the-total"
    assert search("qqq") == search("!") == search("ক্রোম") == []


def test_each_search_result_has_a_line_with_a_word_of_the_query(site):
    lines = re.findall(r'<p class="quiet">(.*?)</p></li>', Reader(site).get("/docs/?q=backup_keep"))
    assert len(lines) > 1
    assert [line for line in lines if "BACKUP_KEEP" not in line or re.search(r"[`*|]|\]\(", line)] == []
    assert max(map(len, lines)) < 130


def test_the_name_of_a_document_in_a_text_becomes_a_link_to_its_heading(site):
    with site.app.test_request_context():
        link = '<a href="/docs/failover.md#what-may-be-lost" lang="en">docs/failover.md</a>'
        assert linked("<b> docs/failover.md#what-may-be-lost-এ") == f"&lt;b&gt; {link}-এ"
