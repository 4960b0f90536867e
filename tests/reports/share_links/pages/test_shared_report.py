"""A share link's page: headers and password."""

from types import SimpleNamespace

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import Person, new_admin
from support.people.communities import found
from support.people.page_readers import Reader, words
from support.people.share_links import PASSWORD, share, shared, visits

from koyjabo.base.network import rate_limiter
from koyjabo.people.accounts.throttle.login_throttle import GUESS_PLANS, LOGIN_GUESS
from koyjabo.reports.engine import insights, scan_queue
from koyjabo.reports.share_links.passes import PASS_S

WRONG = "launch at noon"


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    with Site(module_sqlite_database.url, RATE_LIMIT_LOGINS=1000) as site:
        site.register("v1", page="/metro", referrer="https://www.google.com/")
        yield site


@pytest.fixture(scope="module")
def boss(site) -> Person:
    return new_admin(site)


def test_a_shared_page_starts_with_its_links_range_and_cannot_exceed_the_filters(site, boss):
    site.register("v2", page="/fares")
    token = share(boss, filters={"page": ["/metro"]}, range="7d")["token"]
    assert shared(site, token).json["start"] == "2025-12-10"
    assert shared(site, token, query="range=30d").json["start"] == "2025-11-17"
    reader, path = Reader(site), f"/share/{token}"
    page = reader.get(path)
    assert "10 Dec 2025 – 16 Dec 2025" in words(page)
    assert f'href="{path}?range=30d"' in page
    assert "17 Nov 2025 – 16 Dec 2025" in words(reader.get(f"{path}?range=30d"))
    for name in ("summary", "timeline", "breakdown"):
        assert f"/api/shares/{token}/reports/{name}" in page
    for hidden in ("/fares", 'href="/admin', "visitor_id", '"v1"', ">v1<", boss.email):
        assert hidden not in page, hidden
    assert ">/fares<" not in reader.get(f"{path}?page=%2Fmetro&by=page")
    assert 'data-stat="visits" data-value="0"' in reader.get(f"{path}?page=%2Ffares")
    reader.get(f"{path}?pagee=1", 400)
    own = f"/share/{share(boss, range='2025-12-14/2099-12-31')['token']}"
    assert "14 Dec 2025 – 16 Dec 2025" in words(reader.get(own))
    assert f'<a href="{own}">14 Dec 2025 – 31 Dec 2099</a>' in reader.get(f"{own}?range=7d")


def test_a_shared_page_lists_the_filters_of_its_link_except_communities(site, boss):
    text, filters = "Only", {"page": ["/metro"], "device": ["!bot"]}
    page = words(Reader(site).get(f"/share/{share(boss, filters=filters)['token']}"))
    assert f"{text}: Device is not" in page
    ids = [found(boss, name=name)["id"] for name in ("Secret society", "Hidden circle")]
    for some in (ids, ids[:1]):
        page = words(Reader(site).get(f"/share/{share(boss, filters={'community': some})['token']}"))
        assert text not in page
        assert "Secret society" not in page
    assert text not in words(Reader(site).get(f"/share/{share(boss)['token']}"))


def test_a_shared_page_names_the_site_and_has_no_controls_of_the_panel(site, boss):
    page = Reader(site).get(f"/share/{share(boss)['token']}")
    assert "Koy Jabo</h1>" in page
    for control in ("/login", "attended=", "own="):
        assert control not in page


def test_a_shared_page_names_listed_communities_and_hides_unlisted_ones(site, boss):
    listed, unlisted = (found(boss, name=name, listed=name == "Metro") for name in ("Metro", "Secret society"))
    pages = [f"/communities/{community['id']}{end}" for community in (listed, unlisted) for end in ("", "/members")]
    for number, page in enumerate((*pages, pages[-1])):
        site.register(f"member{number}", visitId="1", page=page)
    created, reader = share(boss, filters={"page": [*pages, "/communities/gone"]}), Reader(site)
    token, path = created["token"], f"/share/{created['token']}"
    for query in ("page&limit=1", "page&offset=1", "page", "page&format=csv", "viewed_page"):
        answer = shared(site, token, "breakdown", f"by={query}")
        assert unlisted["id"] not in answer.text
        if answer.is_json and "viewed" not in query:
            sums = sum(row["visits"] for row in answer.json["rows"]) + answer.json["other"]["visits"]
            assert (sums, answer.json["total"]["values"]) == (5, 2), query
    rows = shared(site, token, "breakdown", "by=page").json["rows"]
    assert [row["label"] for row in rows] == ["Community Metro", "Community Metro/members"]
    for query in ("", "?by=page", "?by=viewed_page"):
        page = reader.get(path + query)
        assert unlisted["id"] not in page
        assert "Secret society" not in page
    boss.patch(f"/api/communities/{listed['id']}", json={"listed": False})
    assert shared(site, token, "breakdown", "by=page").json["rows"] == []
    assert "Community Secret society/members" in boss.get("/api/reports/breakdown?by=page").text


def test_the_headers_of_a_shared_page_hide_its_link_from_other_sites(site, boss):
    known = [share(boss)["token"], share(boss, password=PASSWORD)["token"]]
    for token in (*known, "x" * 43):
        answer = site.app.test_client().get(f"/share/{token}", headers={"Accept": "text/html"})
        headers = answer.headers
        assert answer.status_code == (200 if token in known else 404)
        assert (headers["Referrer-Policy"], headers["X-Robots-Tag"]) == ("no-referrer", "noindex")
        assert token not in known or headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_a_share_link_with_a_password_shows_no_reports_before_the_password_is_entered(site, boss):
    token = share(boss, name="Metro", password=PASSWORD, filters={"page": ["/metro"]})["token"]
    reader, other = Reader(site), Reader(site)
    assert "Metro" not in words(reader.get(f"/share/{token}")).replace("Koy Jabo", "")
    assert_error(shared(site, token, client=reader.client), 401, "share_locked")
    reader.send(f"/share/{token}", 422, password=WRONG)
    assert_error(shared(site, token, client=reader.client), 401, "share_locked")
    reader.send(f"/share/{token}", password=PASSWORD)
    assert reader.location == f"/share/{token}"
    assert "Metro" in words(reader.get(reader.location))
    assert visits(site, token, client=reader.client) == 1
    assert_error(shared(site, token, client=other.client), 401, "share_locked")


def test_the_pass_for_a_password_opens_one_share_link_for_12_hours(site, boss):
    one, other = (share(boss, password=PASSWORD) for _ in range(2))
    reader = Reader(site)
    reader.send(f"/share/{one['token']}", password=PASSWORD)
    cookie = reader.client.get_cookie(f"share_{one['id'][:8]}")
    assert (cookie.http_only, cookie.same_site) == (True, "Lax")
    forged = [cookie.value, "", "x", "9999999999999.00", f"9{cookie.value}", cookie.value.replace(".", ".0")]
    for value in forged:
        reader.client.set_cookie(f"share_{other['id'][:8]}", value)
        assert_error(shared(site, other["token"], client=reader.client), 401, "share_locked")
    site.time.pass_(seconds=PASS_S - 1)
    assert shared(site, one["token"], client=reader.client).status_code == 200
    site.time.pass_(seconds=1)
    assert_error(shared(site, one["token"], client=reader.client), 401, "share_locked")


def guess(site: Site, token: str, password: str, address: str) -> int:
    request = {"data": {"password": password}, "headers": {"Accept": "text/html"}}
    client = site.app.test_client()
    return client.post(f"/share/{token}", environ_overrides={"REMOTE_ADDR": address}, **request).status_code


def test_one_address_has_ten_guesses_a_minute_at_the_password_of_a_share_link(site, boss, monkeypatch):
    monkeypatch.setattr(rate_limiter, "time", SimpleNamespace(time=lambda: 0.0, monotonic=lambda: 0.0))
    token = share(boss, password=PASSWORD)["token"]
    assert [guess(site, token, WRONG, "203.0.113.7") for _ in range(11)] == [422] * 10 + [429]
    assert guess(site, token, PASSWORD, "203.0.113.7") == 429
    assert guess(site, token, PASSWORD, "203.0.113.8") == 303


def test_guesses_from_many_addresses_share_the_budget_of_the_link(site, boss):
    """The budget is stored in the database, as for accounts: other workers and restarts do not reset it."""
    token = share(boss, password=PASSWORD)["token"]
    most = GUESS_PLANS[LOGIN_GUESS].most
    addresses = [f"203.0.113.{n // 5}" for n in range(most + 5)]
    statuses = [guess(site, token, WRONG, address) for address in addresses]
    assert statuses.count(422) <= most + len(set(addresses))
    assert guess(site, token, WRONG, addresses[-1]) == 429
    with Site(site.database_url, site.time, RATE_LIMIT_LOGINS=1000) as restarted:
        assert guess(restarted, token, WRONG, addresses[-1]) == 429


def test_the_right_password_leads_back_to_the_same_address_on_this_site(site, boss):
    """Some parameter names have a meaning for Flask, which must not accept them from a visitor."""
    path = f"/share/{share(boss, password=PASSWORD)['token']}"
    for query in ("", "?_scheme=javascript&_external=1", "?endpoint=x", "?token=x&range=7d&page=%2Fa&page=b"):
        answer = site.app.test_client().post(path + query, data={"password": PASSWORD})
        assert (answer.status_code, answer.headers["Location"]) == (303, path + query)


def test_a_reader_of_a_share_link_gets_503_while_too_many_reports_wait(site, boss, monkeypatch):
    token = share(boss)["token"]
    monkeypatch.setattr(insights, "PUBLIC_PATIENCE_S", 0)
    monkeypatch.setattr(scan_queue, "MAX_WAITING_OF_OTHERS", 0)
    assert_error(shared(site, token), 503, "too_busy")
    Reader(site).get(f"/share/{token}", 503)
