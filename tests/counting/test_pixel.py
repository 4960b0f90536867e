"""GET /v.gif counts visitors without scripts."""

from support.application.site import Site, assert_error, nothing_counted, site_fixture

from koyjabo.counting.pixel import BLOCKED_PIXEL_PATH, PIXEL_PATH

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"}
SOMEWHERE = "203.0.113.7"


site = site_fixture()


def ask(
    site: Site, query: str = "", address: str = SOMEWHERE, method: str = "GET", path: str = PIXEL_PATH, **headers: str
):
    sent = {**BROWSER, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return site.client.open(f"{path}{query}", method=method, headers=sent, environ_overrides={"REMOTE_ADDR": address})


def test_the_image_counts_a_visit(site):
    answer = ask(site, "?page=/history%3Futm_source%3Dmail%26x%3D1", Accept_Language="bn-BD,en;q=0.5")
    assert (answer.status_code, answer.content_type, len(answer.data)) == (200, "image/gif", 43)
    assert answer.data.startswith(b"GIF89a")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers.getlist("Cross-Origin-Resource-Policy") == ["cross-origin"]
    assert site.stats()["totalVisits"] == 1
    assert site.rows("SELECT page, campaign, language, user_agent FROM visits") == [
        ("/history", "utm_source=mail", "bn", "Firefox on Linux")
    ]
    ask(site, path=BLOCKED_PIXEL_PATH)
    assert site.stats()["totalVisits"] == 2, "older pages have this path"


def test_the_visitor_of_a_pixel_is_a_network_and_a_browser_on_one_day(site):
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


def test_a_prefetch_counts_nothing(site):
    prefetches = ({"Sec_Purpose": "prefetch"}, {"Sec_Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"})
    for request in ({"method": "HEAD"}, *prefetches, {"X_Moz": "prefetch"}):
        with nothing_counted(site):
            answer = ask(site, **request)
        assert (answer.status_code, answer.content_length) == (200, 43)


def test_the_pixel_shares_the_limit_of_registrations_and_the_policy_for_crawlers(database):
    with Site(database.url, RATE_LIMIT_REGISTRATIONS=3, BOT_POLICY="ignore") as site:
        with nothing_counted(site):
            assert ask(site, User_Agent="Googlebot/2.1").status_code == 200
        site.post(json={"visitorId": "ayesha"}, environ_overrides={"REMOTE_ADDR": SOMEWHERE})
        ask(site)
        with nothing_counted(site):
            answer = ask(site)
        assert_error(answer, 429, "rate_limited")
        assert int(answer.headers["Retry-After"]) > 0
