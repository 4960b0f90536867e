"""Visitors without an id: each page that reaches the server is a visit or a page view, once."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from sqlalchemy.engine import make_url
from support.application.site import Site, assert_error, nothing_counted, site_fixture

from koyjabo.counting.continued_visits import MAX_PAGE_PAUSE_MS
from koyjabo.counting.evidence.attendance_writer import AttendanceWriter
from koyjabo.counting.ledger_postgres import PostgresStore
from koyjabo.counting.ledger_store import open_store
from koyjabo.counting.records import NewVisit

ADDRESS, PAGES = "203.0.113.7", 30
HEADERS = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"}
HERE, ELSEWHERE = {"Origin": "https://shop.example"}, {"Origin": "https://spy.example"}
HEARTBEAT, EVENTS = "/api/visitor/heartbeat", "/api/events"

site = site_fixture("2025-12-16T12:00:00+06:00")
names = count()


def call(site: Site, path: str = "/api/visitor/register", headers=HERE, address: str = ADDRESS, **fields):
    overrides = {"REMOTE_ADDR": address}
    return site.post(
        path, json={"anonymous": True, **fields}, headers={**HEADERS, **headers}, environ_overrides=overrides
    )


def opened(site: Site, headers=HERE, **fields) -> int | None:
    """Open a page. Returns the number of its visit, or None for a page view."""
    answer = call(site, headers=headers, **{"visitId": f"page-{next(names)}", "page": "/", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json["visit"] and answer.json["visit"]["ordinal"]


def follow(site: Site, **fields) -> int | None:
    return opened(site, continues=True, **fields)


def views(site: Site, columns: str = "visit_id, page") -> list[tuple]:
    return site.rows(f"SELECT {columns} FROM events WHERE name = 'pageview' ORDER BY id")


@pytest.mark.both_kinds
def test_a_later_page_of_a_visitor_without_an_id_is_a_page_view_of_the_newest_visit(site):
    pages = [follow(site, page="/a"), follow(site, page="/b"), opened(site), follow(site, page="/c")]
    assert pages == [1, None, 2, None]
    assert views(site) == [(1, "/b"), (2, "/c")]
    assert len(site.rows("SELECT visitor_id FROM visits UNION SELECT visitor_id FROM events")) == 1
    assert (site.stats()["totalVisits"], site.stats()["uniqueVisitors"], site.stats()["activeUsers"]) == (2, 1, 1)
    assert ADDRESS not in str(site.contents())
    assert site.recount() == []


@pytest.mark.both_kinds
def test_a_visit_goes_on_for_30_minutes_after_its_latest_page(site):
    assert opened(site) == 1
    for _ in range(3):
        site.time.pass_(milliseconds=MAX_PAGE_PAUSE_MS)
        assert follow(site) is None
    site.time.pass_(milliseconds=MAX_PAGE_PAUSE_MS + 1)
    assert follow(site) == 2


@pytest.mark.both_kinds
def test_a_retry_of_a_page_view_counts_nothing(site):
    opened(site, visitId="first")
    assert (follow(site, visitId="a"), follow(site, visitId="b")) == (None, None)
    with nothing_counted(site):
        assert (follow(site, visitId="a"), follow(site, visitId="b"), follow(site, visitId="first")) == (None, None, 1)
    site.time.pass_(hours=2)
    assert (follow(site, visitId="a"), follow(site, visitId="first"), len(views(site))) == (None, 1, 2)


@pytest.mark.both_kinds
def test_a_visit_goes_on_across_midnight_as_long_as_its_retries_are_recognised(site):
    site.time.go_to("2025-12-16T23:59:50+06:00")
    assert (opened(site, visitId="first"), follow(site, visitId="a")) == (1, None)
    site.time.go_to("2025-12-17T00:20:00+06:00")
    assert (follow(site, visitId="first"), follow(site, visitId="a"), len(views(site))) == (1, None, 1)
    assert (follow(site, visitId="b"), follow(site, visitId="b")) == (None, None)
    site.time.go_to("2025-12-17T00:49:00+06:00")
    assert follow(site) is None
    assert views(site, "visit_id, day") == [(1, "2025-12-16"), (1, "2025-12-17"), (1, "2025-12-17")]
    site.time.go_to("2025-12-17T01:00:00+06:00")
    assert (follow(site, page="/c"), follow(site)) == (2, None)


def test_a_visitor_without_an_id_belongs_to_one_origin_one_address_and_one_browser(site):
    assert opened(site) == 1
    assert opened(site, ELSEWHERE, continues=True) == 2
    assert opened(site, {}, continues=True) == 3
    assert follow(site, address="203.0.113.8") == 4
    assert opened(site, {**HERE, "User-Agent": "another"}, continues=True) == 5
    assert site.stats()["uniqueVisitors"] == 5
    for path, fields in ((HEARTBEAT, {}), (EVENTS, {"events": [{"id": "1", "name": "search"}]})):
        call(site, path, {"Origin": "https://other.example"}, **fields)
    assert site.rows("SELECT visit_id FROM events") == [(None,)]
    assert call(site, HEARTBEAT, {"Origin": "https://other.example"}).status_code == 404


def test_time_and_events_of_a_visitor_without_an_id_belong_to_the_visit_that_goes_on(site):
    opened(site)
    opened(site, ELSEWHERE)
    assert follow(site) is None
    for _ in range(2):
        assert call(site, HEARTBEAT, acted=True).status_code == 204
        site.time.pass_(seconds=10)
    site.services[AttendanceWriter].tick()
    sent = call(site, EVENTS, events=[{"id": "1", "name": "search", "page": "/b"}])
    assert sent.json == {"accepted": 1, "duplicates": 0}
    assert site.rows("SELECT visit_id FROM events WHERE name = 'search'") == [(1,)]
    assert site.rows("SELECT id, attended_ms, acted FROM visits ORDER BY id") == [(1, 10_000, True), (2, 0, False)]


@pytest.mark.parametrize("path", ["/api/visitor/register", HEARTBEAT, EVENTS])
def test_a_body_without_a_visitor_is_refused_unless_it_is_anonymous(site, path):
    for fields in ({"anonymous": False}, {"anonymous": None}, {"visitorId": None}, {"visitorId": ""}):
        with nothing_counted(site):
            answer = call(site, path, **{"events": [{"id": "1", "name": "search"}], **fields})
        assert_error(answer, 400, "invalid_input", "visitorId")


def test_a_page_with_a_visitor_id_that_says_it_continues_is_a_visit(site):
    pages = [follow(site, visitorId="ayesha", anonymous=anonymous) for anonymous in (True, True, False, False)]
    assert pages == [1, 2, 3, 4]


def test_visitors_without_an_id_have_only_the_limits_of_their_address(sqlite_database):
    with Site(sqlite_database.url, RATE_LIMIT_REGISTRATIONS=100, RATE_LIMIT_VISITOR=10) as site:
        for fields in ({}, {"continues": True}):
            assert {call(site, **fields).status_code for _ in range(100)} == {200}
        assert_error(call(site), 429, "rate_limited")
        assert {call(site, HEARTBEAT).status_code for _ in range(100)} == {204}
        assert {call(site, continues=True).status_code for _ in range(400)} == {200}
        assert_error(call(site, continues=True), 429, "rate_limited")


@pytest.mark.both_kinds
def test_pages_of_one_batch_continue_a_visit_of_the_same_batch(site, database):
    at_ms, visitor = site.time(), "anonymous_1"
    store = open_store(make_url(database.url), site.services.clock)

    def page(visit_id: str, who: str = visitor, continues: bool = True) -> tuple[NewVisit, str]:
        return NewVisit(who, visit_id, at_ms=at_ms, page=f"/{visit_id}", continues=continues), visit_id

    later = [page("1"), page("2"), page("2"), page("1")]
    batch = [*later, page("3", "ayesha", False), page("4", continues=False), page("5")]
    numbers = [(receipt.ordinal, receipt.is_view) for receipt in store.commit(batch)]
    assert numbers == [(1, False), (0, True), (0, True), (1, False), (2, False), (3, False), (0, True)]
    assert views(site, "visit_id, event_id, page") == [(1, "2", "/2"), (3, "5", "/5")]
    assert [receipt.ordinal for receipt in store.commit(batch)] == [1, 0, 0, 1, 2, 3, 0]
    assert len(views(site)) == 2
    store.close()


@pytest.mark.both_kinds
def test_visits_and_page_views_equal_the_pages_that_reached_the_server_at_the_same_time(site, database):
    """Two servers, each page sent twice."""
    with Site(database.url, site.time) as other, ThreadPoolExecutor(PAGES) as threads:
        pages = [f"{number}" for number in range(PAGES)] * 2
        sites = [site, other] * PAGES
        numbers = list(threads.map(lambda at, page: follow(at, visitId=page), sites, pages))
    assert set(numbers) <= {1, None}
    assert site.rows("SELECT count(*) FROM visits") == [(1,)]
    assert len(views(site)) == PAGES - 1


def test_a_batch_with_page_views_is_tried_again_after_a_broken_connection_and_counts_once(postgres, monkeypatch):
    with Site(postgres.new_database().url) as site:
        opened(site)
        attempt, broken = PostgresStore._attempt, []

        def breaking_once(store, batch, first=None):
            result = attempt(store, batch, first)
            if not broken:
                broken.append(True)
                store._link.close()
                raise store.unavailable[0]("connection lost")
            return result

        monkeypatch.setattr(PostgresStore, "_attempt", breaking_once)
        assert follow(site) is None
        assert len(broken) == 1
        assert len(views(site)) == 1


def test_a_page_view_of_a_visitor_without_an_id_is_in_the_next_page_numbers(sqlite_database):
    with Site(sqlite_database.url, PAGE_NUMBERS="*") as site:
        for number, page in enumerate(["/a", "/b", "/a"]):
            follow(site, page=page)
            pages = site.client.get("/api/pages?path=/a&path=/b").json["pages"]
            assert [page["views"] for page in pages] == [[1, 0], [1, 1], [2, 1]][number]


def test_ordinary_visits_keep_the_fast_path_of_postgresql_between_page_views(postgres, monkeypatch):
    with Site(postgres.new_database().url) as site:
        opened(site)
        follow(site)
        looked_up = PostgresStore._write_looked_up
        monkeypatch.setattr(PostgresStore, "_write_looked_up", lambda *_: pytest.fail("looked up"))
        assert opened(site) == 2
        monkeypatch.setattr(PostgresStore, "_write_looked_up", looked_up)
        assert follow(site) is None
