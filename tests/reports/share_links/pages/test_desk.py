"""Share links on pages: admins create and revoke them in the panel, moderators on their community's pages."""

from html import unescape

import pytest
from support.people.accounts import bare
from support.people.admins import last_line, panel
from support.people.page_readers import Reader, words

CONNECT = "/admin/connect"
PAGE = f"{CONNECT}/shares"
NEW = f"{PAGE}/new"
EMPTY = {"range": "", "until": "", "password": ""}


@pytest.fixture(scope="module")
def rani(site) -> Reader:
    return panel(site)


def url_in(page: str) -> str:
    return unescape(page.partition('data-copy="')[2].partition('"')[0])


def test_a_view_of_reports_can_be_shared_by_a_link_that_is_shown_once(site, rani):
    site.register("v1", page="/metro", referrer="https://www.google.com/")
    site.register("v2", page="/metro")
    query = "source=google.com&page=%2Fmetro&page=%21%2Fmap&range=7d"
    shown_form = rani.get(f"{NEW}?{query}")
    assert f'href="/admin/?{query.replace("&", "&amp;")}"' in shown_form
    assert 'value="7d" selected' in shown_form
    created = rani.send(f"{NEW}?{query}", 200, name="Search", range="7d", until="2025-12-31", password="")
    url = url_in(created)
    assert url.startswith("http://localhost/share/")
    later = rani.get(CONNECT)
    assert url not in later
    assert "Never opened" in words(later)
    path = url.removeprefix("http://localhost")
    summary = bare(site).get(path.replace("/share/", "/api/shares/") + "/reports/summary").json
    assert summary["visits"] == 1
    assert "Last opened:" in words(rani.get(CONNECT))
    site.time.go_to("2026-01-01T00:00:00+06:00")
    assert bare(site).get(path).status_code == 404
    assert "Expired" in words(rani.get(CONNECT))


def test_an_admin_confirms_the_revocation_of_a_share_link_which_is_named_and_audited(site, rani):
    created = rani.send(NEW, 200, name="100% <b>mine</b>", **EMPTY)
    path = url_in(created).removeprefix("http://localhost")
    share_id = site.rows("SELECT id FROM shares WHERE name LIKE '100%'")[0][0]
    rani.confirm(f"{PAGE}/{share_id}/end")
    assert rani.location == CONNECT
    assert "100% <b>mine</b> was revoked" in words(rani.get(CONNECT))
    assert bare(site).get(path).status_code == 404
    assert last_line(site) == ("Rani", "share.end", "100% <b>mine</b>")
