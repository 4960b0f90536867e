"""What the clients send of a page's address: its path and its campaign, in real pages of another site and on a disk."""

from pages import expect, sent_by, wait_for

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

COUNT_EACH = """
async ([server, queries]) => {
  const { addressOf } = await import(`${server}/static/js/client/address.js`);
  const pages = queries.map((query, at) => (history.replaceState({}, "", `/${at}${query}`), addressOf()));
  for (const [at, page] of pages.entries()) {
    const body = JSON.stringify({ visitorId: "ayesha", visitId: `campaign-${at}`, page });
    await fetch(`${server}/api/visitor/register`, { method: "POST", body });
  }
  return pages;
}
"""


def campaigns(site, page: str) -> list[str | None]:
    """Campaigns of the visits to a page, or to its routes."""
    query = f"SELECT campaign FROM visits WHERE page = '{page}' OR page LIKE '{page}#/%'"
    return [campaign for (campaign,) in site.database.rows(query)]


def element(site) -> str:
    script = f'<script type="module" src="http://localhost:{site.port}/static/js/koyjabo-count.js"></script>'
    return f"<koyjabo-count></koyjabo-count>{script}"


def test_only_the_path_and_the_campaign_of_an_address_leave_the_browser(host_page, site):
    pages = host_page.evaluate(COUNT_EACH, [f"http://localhost:{site.port}", [*WRITTEN]])
    assert [campaigns(site, f"/{at}") for at in range(len(WRITTEN))] == [[campaign] for campaign in WRITTEN.values()]
    assert "secret" not in str(pages)
    assert "example.com" not in str(pages)


def test_the_element_sends_the_campaign_of_its_page_and_the_referrer_without_its_query(host_page, site, other_site):
    host_page.goto(f"{other_site}reset?token=secret")
    host_page.evaluate("location.href = '/after?utm_source=newsletter'")
    host_page.wait_for_url("**/after?*")
    bodies = sent_by(host_page, "/api/visitor/register")
    host_page.set_content(element(site))
    wait_for(host_page, lambda: campaigns(site, "/after") == ["utm_source=newsletter"], "it is counted")
    assert bodies[0]["referrer"] == f"{other_site}reset"


def test_a_page_on_a_disk_is_not_counted(page, site, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(f"<!doctype html><title>Page</title>{element(site)}")
    bodies, before = sent_by(page, "/api/"), site.stats().total
    page.goto(file.as_uri())
    expect(page.locator("koyjabo-count [part=number]")).to_have_text(f"{before:,}")
    assert ([body for body in bodies if body], site.stats().total) == ([], before)
