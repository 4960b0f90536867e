"""GET /v.gif counts visitors without scripts."""

import pytest
from support.application.site import Site, assert_error, nothing_counted

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"}
SOMEWHERE = "203.0.113.7"


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


def ask(site: Site, query: str = "", address: str = SOMEWHERE, method: str = "GET", **headers: str):
    sent = {**BROWSER, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return site.client.open(f"/v.gif{query}", method=method, headers=sent, environ_overrides={"REMOTE_ADDR": address})


def newest(site: Site, column: str) -> object:
    return site.rows(f"SELECT {column} FROM visits ORDER BY id DESC LIMIT 1")[0][0]


def test_image_counts_a_visit(site):
    answer = ask(site, "?page=/history")
    assert (answer.status_code, answer.content_type, len(answer.data)) == (200, "image/gif", 43)
    assert answer.data.startswith(b"GIF89a")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers.getlist("Cross-Origin-Resource-Policy") == ["cross-origin"]
    assert site.stats()["totalVisits"] == 1
    assert (newest(site, "page"), newest(site, "user_agent")) == ("/history", "Firefox on Linux")


def test_campaign_and_language_are_kept(site):
    ask(site, "?page=/history%3Futm_source%3Dmail%26x%3D1", Accept_Language="bn-BD,en;q=0.5")
    assert (newest(site, "page"), newest(site, "campaign")) == ("/history", "utm_source=mail")
    assert newest(site, "language") == "bn"


def test_visitor_is_network_and_browser_of_the_day(site):
    for address, headers in (
        (SOMEWHERE, {}),
        (SOMEWHERE, {}),
        (SOMEWHERE, {"User_Agent": "another"}),
        ("203.0.113.8", {}),
        ("2001:db8::1", {}),
        ("2001:db8::2", {}),
    ):
        assert ask(site, address=address, **headers).status_code == 200
    assert (site.stats()["totalVisits"], site.stats()["uniqueVisitors"]) == (6, 4)
    site.time.pass_(days=1)
    ask(site)
    assert site.stats()["uniqueVisitors"] == 5
    assert "203.0.113" not in str(site.contents())


def test_prefetch_counts_nothing(site):
    prefetches = ("prefetch", "prefetch;prerender")
    for request in (
        {"method": "HEAD"},
        *({"Sec_Purpose": prefetch} for prefetch in prefetches),
        {"Purpose": "prefetch"},
    ):
        with nothing_counted(site):
            answer = ask(site, **request)
        assert (answer.status_code, answer.content_length) == (200, 43)
    with nothing_counted(site):
        assert ask(site, X_Moz="prefetch").status_code == 200


def test_page_is_cut_and_cleaned_as_other_texts(site):
    long = f"/{'x' * 600}"
    for page, stored in {"": None, "/a%3Fb=c": "/a", "/%00a": "/%EF%BF%BDa", "posts/1": None, long: long[:512]}.items():
        assert ask(site, f"?page={page}").status_code == 200
        assert newest(site, "page") == stored


def test_pixel_shares_the_limit_of_registrations(sqlite_database):
    with Site(sqlite_database.url, RATE_LIMIT_REGISTRATIONS=2) as site:
        site.post(json={"visitorId": "ayesha"}, environ_overrides={"REMOTE_ADDR": SOMEWHERE})
        ask(site)
        with nothing_counted(site):
            answer = ask(site)
        assert_error(answer, 429, "rate_limited")
        assert int(answer.headers["Retry-After"]) > 0


def test_ignored_crawler_gets_the_image(sqlite_database):
    with Site(sqlite_database.url, BOT_POLICY="ignore") as site, nothing_counted(site):
        assert ask(site, User_Agent="Googlebot/2.1").status_code == 200
