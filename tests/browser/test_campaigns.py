"""What the clients send of a page's address: its path and its campaign, in real pages of another site and on a disk."""

import json

import pytest
from support.browser.host_pages import begin_live
from support.browser.pages import expect, sent_by, wait_for
from test_client_package import open_on_other_site, shop  # noqa: F401

WRITTEN = {
    "?utm_source=newsletter&utm_medium=email": "utm_source=newsletter&utm_medium=email",
    "?utm%5Fsource=news%5Fletter&utm%5fterm=a": "utm_source=news_letter&utm_term=a",
    "?utm_campaign=Eid+sale&utm_term=new%20shoes": "utm_campaign=Eid+sale&utm_term=new+shoes",
    "?utm_source=%E0%A6%88%E0%A6%A6&utm_content=%ff": "utm_source=%E0%A6%88%E0%A6%A6&utm_content=%EF%BF%BD",
    "?token=secret&utm_source=a&email=x%40example.com&utm_id=7": "utm_source=a",
    "?my_utm_source=secret&to=utm_source&autm_term=secret": None,
    "?utm_source=&utm_source=%20&utm_source=first&utm_source=second": "utm_source=first",
    "#utm_source=a&utm_medium=b": "utm_source=a&utm_medium=b",
    "?token=secret#/start?utm_source=a&password=secret": "utm_source=a",
    "?article=7?utm_source=a": "utm_source=a",
    "?utm_source=a&amp;utm_medium=b": "utm_source=a&utm_medium=b",
    f"?utm_term={'%E0%A6%AC' * 130}&utm_content=1": f"utm_term={'%E0%A6%AC' * 120}&utm_content=1",
    "?token=secret": None,
    "#secret": None,
}
"""Queries as mailers and their customers write them, with the campaign."""

PROOF = "browser/test_campaigns.py::test_only_path_and_campaign_of_an_address_leave_the_browser"
long = pytest.mark.long(proved_by=PROOF)


def stored(site, page: str):
    """Campaigns of the visits to a page."""
    return [campaign for (campaign,) in site.database.rows(f"SELECT campaign FROM visits WHERE page = '{page}'")]


def element(site, attributes: str = "") -> str:
    script = f'<script type="module" src="http://localhost:{site.port}/static/js/koyjabo-count.js"></script>'
    return f"<koyjabo-count {attributes}></koyjabo-count>{script}"


def test_only_path_and_campaign_of_an_address_leave_the_browser(new_device, site, other_site):
    for at, (query, campaign) in enumerate(WRITTEN.items()):
        page = new_device().context.new_page()
        bodies = sent_by(page, "/api/visitor/register")
        page.goto(f"{other_site}{at}{query}")
        page.set_content(element(site))
        wait_for(page, lambda at=at: stored(site, f"/{at}"), "it is counted")
        assert stored(site, f"/{at}") == [campaign]
        assert "secret" not in json.dumps(bodies)
        assert "example.com" not in json.dumps(bodies)


@long
@pytest.mark.parametrize(
    ("query", "policy", "campaign"),
    [
        ("&utm_source=own", "", "utm_source=own"),
        ("", 'referrerpolicy="unsafe-url"', "utm_source=outer"),
        ("", "", None),
    ],
)
def test_frame_sends_the_campaign_that_it_can_see(host_page, site, other_site, query, policy, campaign):
    before = stored(site, "/embed")
    host_page.goto(f"{other_site}?utm_source=outer&token=secret")
    bodies = sent_by(host_page, "/api/visitor/register")
    host_page.set_content(f'<iframe {policy} src="http://localhost:{site.port}/embed?counts=1{query}"></iframe>')
    wait_for(host_page, lambda: len(stored(site, "/embed")) > len(before), "it is counted")
    assert stored(site, "/embed")[-1] == campaign
    assert "secret" not in json.dumps(bodies)


def test_referrer_is_sent_without_its_query(host_page, site, other_site):
    host_page.goto(f"{other_site}reset?token=secret")
    host_page.evaluate("location.href = '/after'")
    host_page.wait_for_url("**/after")
    bodies = sent_by(host_page, "/api/visitor/register")
    begin_live(host_page, site)
    assert bodies[0]["referrer"] == f"{other_site}reset"


@pytest.mark.parametrize("use", ["element", pytest.param("module", marks=long)])
def test_page_on_a_disk_is_not_counted(new_device, site, tmp_path, use):
    """Browsers show no frame of another site there."""
    file = tmp_path / "page.html"
    file.write_text(f"<!doctype html><title>Page</title>{element(site) if use == 'element' else ''}")
    page = new_device().context.new_page()
    bodies, before = sent_by(page, "/api/"), site.stats().total
    page.goto(file.as_uri())
    if use == "element":
        expect(page.locator("koyjabo-count [part=number]")).to_have_text(f"{before:,}")
    else:
        begin_live(page, site, pageViews=True)
        page.evaluate("window.koyjabo.track('search')")
        wait_for(page, lambda: page.evaluate("window.koyjabo.stats.totalVisits") == before, "it has the stats")
    assert [body for body in bodies if body] == []
    assert (page.evaluate("window.koyjabo?.waiting ?? 0"), site.stats().total) == (0, before)
