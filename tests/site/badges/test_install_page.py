"""/install shows every snippet to copy, with this server's address. The panel of a new site links to it."""

import re
from html import unescape

import pytest
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import Reader, words

CODE = re.compile(r"<pre[^>]*><code>(.*?)</code></pre>", re.DOTALL)
COPIED = re.compile(r'data-copy="([^"]*)"')


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL="4000") as site:
        yield site


def snippets(page: str) -> list[str]:
    codes = [unescape(code) for code in CODE.findall(page)]
    assert [unescape(code) for code in COPIED.findall(page)] == codes
    return codes


def test_every_snippet_names_this_server_and_can_be_copied(site):
    codes = snippets(Reader(site).get("/install"))
    assert len(codes) > 8
    assert all("https://koyjabo.example" in code for code in codes)  # the script replaces it
    assert "connect-src https://koyjabo.example wss://koyjabo.example;" in "\n".join(codes)


def test_addresses_in_it_answer(site):
    page = "\n".join(snippets(Reader(site).get("/install")))
    paths = {unescape(path) for path in re.findall(r'https://koyjabo\.example(/[^\s")]+)(?=[")])', page)}
    assert {path.partition("?")[0] for path in paths} >= {"/badge.svg", "/embed", "/v.gif", "/static/js/koyjabo.js"}
    for path in paths - {"/static/js/"}:
        assert site.client.get(path).status_code == 200, path


def test_public_address_is_named_where_there_is_one(sqlite_database):
    with Site(sqlite_database.url, PUBLIC_URL="https://live.example.com") as site:
        page = Reader(site).get("/install")
    assert "koyjabo.example" not in page
    assert "connect-src https://live.example.com wss://live.example.com;" in page


def test_frame_counts_unless_counts_is_removed(site):
    page = Reader(site).get("/install")
    assert 'counts=1" width=' in unescape(page)
    assert "Remove counts=1 to show the number without counting the visit." in words(page)


def test_line_waits_for_the_first_visit_and_then_for_the_next_one(site):
    assert "Waiting for the first visit…" in words(Reader(site).get("/install"))
    site.register()
    assert "4,001 visits. Waiting for the next one…" in words(Reader(site).get("/install"))
    site.set_total(1, new_epoch=True)
    assert "1 visit. Waiting for the next one…" in words(Reader(site).get("/install"))


def test_no_address_is_opened_for_a_check_of_its_page(site):
    panel(site).send("/install", status=405, url="https://shop.example/")
    assert "Check your page" not in words(Reader(site).log_in("rani").get("/install"))


def test_every_page_and_the_panel_lead_there(site):
    assert '<a href="/install">Put it on your site</a>' in Reader(site).get("/communities")
    admin = panel(site)
    overview = admin.get("/admin/")
    assert ('href="/install"' in overview, 'href="/admin/connect"' in overview) == (True, True)
    assert '"/admin/connect"' in admin.get("/admin/search?q=connect")


PATH = "/static/js/koyjabo-count.js"


MODULE = f"https://koyjabo.example{PATH}"  # the page's script replaces the address


def test_admin_of_a_new_site_gets_the_snippet_until_the_first_visit(site):
    admin = panel(site)
    page = admin.get("/admin/")
    assert f'</koyjabo-count><script type="module" src="{MODULE}"></script>' in words(page)
    assert f'src="{MODULE}"' not in page  # text, not a script of this page
    assert 'href="/install"' in page
    assert site.client.get(PATH).status_code == 200
    site.register("ayesha")
    assert "Get started" not in admin.get("/admin/")
