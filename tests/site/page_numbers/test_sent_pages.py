"""How the server reads the pages that clients name, and its limits for an address."""

from support.application.site import Site, site_fixture

from koyjabo.base.core.urls import page_of, sent_page
from koyjabo.site.page_numbers.page_numbers import MAX_PATHS, PATHS_OF_A_REGISTRATION
from koyjabo.web.limits.limits import MIN_NEW_PAGES, NEW_PAGES

PAGES = {  # what clients send, by the page it names
    "/posts/a": ["/posts/a", "/posts/a?utm_source=x", "/posts/%61#top", " /posts/a\n", "/x/../posts/a"],
    "/posts/b": [
        "https://me.example/posts/b",
        "HTTPS://Me.Example:8443/posts/b?x#y",
        "http://me:pass@me.example/posts/b",
    ],
    "/%E0%A6%AC": ["/ব", "https://বাংলা.example/ব", "/%e0%a6%ac"],
    "/": ["/", "https://me.example", "http://me.example?x=/y", "https://me.example/"],
    "//cdn.example/a": ["//cdn.example/a", "https://me.example//cdn.example/a"],
    "/https://me.example/a": ["/https://me.example/a", "https://web.example/https://me.example/a"],
}
NO_PAGES = (
    "posts/1", "posts", "?page=1", "#top", " ", "me.example/a", "www.me.example", "https:/me.example/a", "https:a",
    "http:///a", "javascript:alert(1)", "file:///home/a", "content://media/7", "/C:/a.html", "about:blank", "null",
    "data:text/html,a", "blob:https://me.example/1", "android-app://me.example/a", "capacitor://localhost/a",
    "%2Fposts%2F1", "https%3A%2F%2Fme.example%2Fa", "\\posts\\a", "https:\\\\me.example\\a", "undefined",
)  # fmt: skip


PHONE, OTHER = "203.0.113.7", "198.51.100.8"
EVENTS_PER_REQUEST = 50
LIMITED = {"RATE_LIMIT_REGISTRATIONS": 600}

site = site_fixture(is_shared=True, PAGE_NUMBERS="*")
limited_site = site_fixture(**LIMITED)


def test_an_address_with_a_host_means_the_page_of_its_path():
    assert {page: {page_of(sent) for sent in PAGES[page]} for page in PAGES} == {page: {page} for page in PAGES}


def test_a_text_without_a_path_names_no_page():
    assert {sent: page_of(sent) for sent in NO_PAGES} == dict.fromkeys(NO_PAGES)


def test_only_the_beginning_of_a_long_address_is_read():
    assert sent_page("/" + "%61" * 600) == "/" + "a" * 511
    assert sent_page("/" + "a/../" * 1_000 + "end") != "/end"


def test_requested_paths_count_towards_the_limit_of_their_address(sqlite_database):
    with Site(sqlite_database.url, PAGE_NUMBERS="*", RATE_LIMIT_REGISTRATIONS=1) as site:

        def ask(address: str, call: str = "pages"):
            paths = [("path", f"/{number}") for number in range(MAX_PATHS)]
            return site.client.get(f"/api/{call}", query_string=paths, environ_overrides={"REMOTE_ADDR": address})

        times = PATHS_OF_A_REGISTRATION // MAX_PATHS
        assert [ask("203.0.113.7").status_code == 429 for _ in range(times + 1)] == [False] * times + [True]
        refused = ask("203.0.113.7", "stream")
        assert (refused.status_code, refused.json["code"]) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) > 0
        assert ask("203.0.113.8").status_code != 429


def test_an_invalid_page_is_refused_everywhere_except_in_a_visit_which_counts_without_it(site):
    sent = "javascript:alert(1)"
    event = {"visitorId": "a", "events": [{"id": "1", "name": "pageview", "page": sent}]}
    refused = {
        "events.0.page": site.post("/api/events", json=event),
        "path": site.client.get("/api/pages", query_string={"path": sent}),
    }
    for field, answer in refused.items():
        assert (answer.status_code, list(answer.json["details"])) == (400, [field])
    for path in ("/badge.svg", "/embed"):
        assert site.client.get(path, query_string={"value": "page", "page": sent}).status_code == 400
    assert site.client.get("/api/stream", query_string={"path": sent}).status_code == 400
    before = site.stats()["totalVisits"]
    assert site.register("a", page=sent).ordinal == before + 1
    assert site.client.get("/v.gif", query_string={"page": sent}).status_code == 200
    assert site.stats()["totalVisits"] == before + 2


def view(site: Site, pages: list[str], address: str = PHONE) -> list[str | None]:
    """Send a page view of each page, and return the pages that were stored."""
    (before,) = site.rows("SELECT coalesce(max(id), 0) FROM events")[0]
    for start in range(0, len(pages), EVENTS_PER_REQUEST):
        views = enumerate(pages[start : start + EVENTS_PER_REQUEST], before + start)
        events = [{"id": f"e{number}", "name": "pageview", "page": page} for number, page in views]
        body = {"visitorId": f"v{before + start}", "events": events}
        assert site.post("/api/events", json=body, environ_overrides={"REMOTE_ADDR": address}).status_code == 200
    return [page for (page,) in site.rows(f"SELECT page FROM events WHERE id > {before} ORDER BY id")]


def visit(site: Site, page: str, address: str = PHONE) -> str | None:
    """Register a visit, and return its stored page."""
    body = {"visitorId": f"visitor-{page[1:]}", "page": page, "referrer": "https://web.example/"}
    assert site.post(json=body, environ_overrides={"REMOTE_ADDR": address}).status_code == 200
    return site.rows("SELECT page FROM visits ORDER BY id DESC LIMIT 1")[0][0]


def test_visits_and_events_beyond_the_new_pages_of_their_address_count_without_their_page(limited_site):
    assert visit(limited_site, "/known", OTHER) == "/known"
    pages = [f"/{number}" for number in range(NEW_PAGES)]
    assert view(limited_site, [*pages, "/0", "/known", "/more"]) == [*pages, "/0", "/known", None]
    assert [visit(limited_site, page) for page in ("/other", "/known", "/1")] == [None, "/known", "/1"]
    assert limited_site.rows("SELECT referrer FROM visits ORDER BY id LIMIT 1 OFFSET 1") == [("https://web.example/",)]
    pixel = limited_site.client.get("/v.gif?page=/pixel", environ_overrides={"REMOTE_ADDR": PHONE})
    assert (pixel.status_code, limited_site.stats()["totalVisits"]) == (200, 5)
    assert visit(limited_site, "/other", OTHER) == "/other"
    assert (view(limited_site, ["/other"]), view(limited_site, ["/more"], OTHER)) == (["/other"], ["/more"])


def test_workers_share_the_new_pages_of_an_address(sqlite_database):
    with Site(sqlite_database.url, WEB_CONCURRENCY=4, REDIS_URL="redis://localhost:1", **LIMITED) as site:
        pages = [f"/{number}" for number in range(NEW_PAGES // 4 + 1)]
        assert NEW_PAGES // 4 == MIN_NEW_PAGES
        assert view(site, pages) == [*pages[:-1], None]
