"""One address makes the server keep at most 2,000 new pages a day, in visits and events together."""

from support.application.site import Site, site_fixture

from koyjabo.counting import known_pages
from koyjabo.web.limits.limits import MIN_NEW_PAGES, NEW_PAGES

PHONE, OTHER = "203.0.113.7", "198.51.100.8"
OF_REQUEST = 50
LIMITED = {"RATE_LIMIT_REGISTRATIONS": 600}


site = site_fixture(**LIMITED)


def name(site: Site, pages: list[str], address: str = PHONE) -> list[str | None]:
    """Send a page view of each page, and return the pages that were stored."""
    (before,) = site.rows("SELECT coalesce(max(id), 0) FROM events")[0]
    for start in range(0, len(pages), OF_REQUEST):
        views = enumerate(pages[start : start + OF_REQUEST], before + start)
        events = [{"id": f"e{number}", "name": "pageview", "page": page} for number, page in views]
        body = {"visitorId": f"v{before + start}", "events": events}
        assert site.post("/api/events", json=body, environ_overrides={"REMOTE_ADDR": address}).status_code == 200
    return [page for (page,) in site.rows(f"SELECT page FROM events WHERE id > {before} ORDER BY id")]


def visit(site: Site, page: str, address: str = PHONE) -> str | None:
    """Register a visit, and return its stored page."""
    body = {"visitorId": f"visitor-{page[1:]}", "page": page, "referrer": "https://web.example/"}
    assert site.post(json=body, environ_overrides={"REMOTE_ADDR": address}).status_code == 200
    return site.rows("SELECT page FROM visits ORDER BY id DESC LIMIT 1")[0][0]


def test_visits_and_events_beyond_the_new_pages_of_their_address_count_without_their_page(site):
    assert visit(site, "/known", OTHER) == "/known"
    pages = [f"/{number}" for number in range(NEW_PAGES)]
    assert name(site, [*pages, "/0", "/known", "/more"]) == [*pages, "/0", "/known", None]
    assert [visit(site, page) for page in ("/other", "/known", "/1")] == [None, "/known", "/1"]
    assert site.rows("SELECT referrer FROM visits ORDER BY id LIMIT 1 OFFSET 1") == [("https://web.example/",)]
    pixel = site.client.get("/v.gif?page=/pixel", environ_overrides={"REMOTE_ADDR": PHONE})
    assert (pixel.status_code, site.stats()["totalVisits"]) == (200, 5)
    assert visit(site, "/other", OTHER) == "/other"
    assert (name(site, ["/other"]), name(site, ["/more"], OTHER)) == (["/other"], ["/more"])


def test_a_page_is_new_even_if_its_text_was_a_referrer(site):
    assert name(site, [f"/{number}" for number in range(NEW_PAGES)])[-1] is not None
    body = {"visitorId": "visitor", "page": "/1", "referrer": "/more"}
    assert site.post(json=body, environ_overrides={"REMOTE_ADDR": PHONE}).status_code == 200
    again = {"visitorId": "visitor", "page": "/more", "referrer": "/more"}
    assert site.post(json=again, environ_overrides={"REMOTE_ADDR": PHONE}).status_code == 200
    assert site.rows("SELECT page FROM visits ORDER BY id") == [("/1",), (None,)]


def test_workers_share_the_new_pages_of_an_address(sqlite_database):
    with Site(sqlite_database.url, WEB_CONCURRENCY=4, REDIS_URL="redis://localhost:1", **LIMITED) as site:
        pages = [f"/{number}" for number in range(NEW_PAGES // 4 + 1)]
        assert NEW_PAGES // 4 == MIN_NEW_PAGES
        assert name(site, pages) == [*pages[:-1], None]


def test_a_page_is_new_again_after_many_other_pages(monkeypatch):
    monkeypatch.setattr(known_pages, "MAX_KNOWN_PAGES", 4)
    counted, known = [], known_pages.KnownPages()
    limits = type("Limits", (), {"limits_storage": True, "count_name": lambda _: counted.append(1)})()
    for page in ("/a", "/b", "/c", "/a", "/d", "/a", "/b"):
        assert known.allowed(page, limits) == page
    assert len(counted) == 5, "all but the second and third view of /a"
