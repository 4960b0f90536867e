"""Events count once, belong to their visitor's latest visit, and never change a total of visits."""

import json
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site, assert_error, nothing_counted, site_fixture

from koyjabo.columns.events.events_postgres import PostgresEventStore
from koyjabo.columns.events.events_sqlite import SqliteEventStore
from koyjabo.columns.query.report_query import ReportQuery

THREADS = 16


site = site_fixture()


def send(site: Site, *ids: str, visitor: str = "ayesha", headers: dict | None = None, **fields: object):
    events = [{"name": "search", **fields, "id": event} for event in ids]
    return site.post("/api/events", json={"visitorId": visitor, "events": events}, headers=headers)


def result_of(answer) -> tuple[int, int]:
    assert answer.status_code == 200, answer.text
    return answer.json["accepted"], answer.json["duplicates"]


def stored(site: Site, columns: str = "visitor_id, event_id") -> list[tuple]:
    return site.rows(f"SELECT {columns} FROM events ORDER BY id")


@pytest.mark.both_kinds
def test_a_retry_of_an_event_counts_once(site):
    """Includes a retry within one request. No total of visits changes."""
    site.register()
    with nothing_counted(site):
        assert result_of(send(site, "1", "1", "2", "1")) == (2, 2)
        assert result_of(send(site, "2", "3")) == (1, 1)
    site.restart()
    assert result_of(send(site, "1", "2", "3")) == (0, 3)
    assert result_of(send(site, "1", visitor="babul")) == (1, 0)
    assert stored(site) == [("ayesha", "1"), ("ayesha", "2"), ("ayesha", "3"), ("babul", "1")]


@pytest.mark.both_kinds
def test_concurrent_retries_of_an_event_are_one_event(site):
    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(lambda _: result_of(send(site, "1", "2")), range(THREADS)))
    assert Counter(answers) == {(2, 0): 1, (0, 2): THREADS - 1}
    assert len(stored(site)) == 2


def test_a_failed_commit_returns_503_and_stores_no_event(sqlite_database, monkeypatch):
    class Failing(SqliteEventStore):
        def _write(self, batch, execute):
            raise sqlite3.OperationalError("disk I/O error")

    with Site(sqlite_database.url) as site:
        monkeypatch.setattr(SqliteEventStore, "_write", Failing._write)
        answer = send(site, "1")
        assert_error(answer, 503, "ledger_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert stored(site) == []
        monkeypatch.undo()
        assert result_of(send(site, "1")) == (1, 0)


def test_a_batch_of_events_is_tried_again_after_a_broken_connection_and_counts_once(postgres, monkeypatch):
    """Events stored by the first attempt are not counted as retries."""
    with Site(postgres.new_database().url) as site:
        send(site, "warm-up")
        attempt = PostgresEventStore._attempt
        monkeypatch.setattr(PostgresEventStore, "_attempt", breaking_once(attempt))
        assert result_of(send(site, "warm-up", "1", "1")) == (1, 2)
        assert [event for _, event in stored(site)] == ["warm-up", "1"]


def breaking_once(attempt):
    """Commit, and break the connection before the response arrives."""
    broken = []

    def wrapped(store, batch, first=None):
        result = attempt(store, batch, first)
        if not broken:
            broken.append(True)
            store._link.close()
            raise store.unavailable[0]("connection lost")
        return result

    return wrapped


def test_the_events_of_an_ignored_crawler_are_not_stored(sqlite_database):
    with Site(sqlite_database.url, BOT_POLICY="ignore") as site:
        crawler = {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
        assert result_of(send(site, "1", headers=crawler)) == (0, 0)
        assert result_of(send(site, "2")) == (1, 0)
        assert stored(site) == [("ayesha", "2")]


def many(site: Site, mark: str, events: int = 50, visitor: str = "ayesha"):
    return send(site, *(f"{mark}{number}" for number in range(events)), visitor=visitor)


def test_a_visitor_has_a_limit_of_events_as_well_as_requests(sqlite_database):
    """A request is accepted or refused as a whole. Retries are free."""
    with Site(sqlite_database.url, RATE_LIMIT_VISITOR=12) as site:
        assert [result_of(many(site, mark)) for mark in "aaab"] == [(50, 0), (0, 50), (0, 50), (50, 0)]
        assert_error(many(site, "c"), 429, "rate_limited")
        assert result_of(many(site, "d", 20)) == (20, 0)
        assert_error(many(site, "e", 1), 429, "rate_limited")
        assert len(stored(site)) == 120
        assert result_of(many(site, "c", visitor="babul")) == (50, 0)


def test_an_event_refused_for_its_address_does_not_count_towards_the_visitors_limit(sqlite_database):
    with Site(sqlite_database.url, RATE_LIMIT_REGISTRATIONS=2, RATE_LIMIT_VISITOR=5) as site:
        site.client.environ_base["REMOTE_ADDR"] = "203.0.113.7"
        assert [result_of(many(site, "a", 30, f"v{number}")) for number in range(3)] == [(30, 0)] * 3
        assert_error(many(site, "a", 30, "babul"), 429, "rate_limited")
        assert result_of(many(site, "a", 10, "babul")) == (10, 0)


GPC = {"Sec-GPC": "1"}


def test_an_anonymous_event_belongs_to_the_anonymous_visit_and_counts_once_across_midnight(site):
    site.time.go_to("2025-12-16T23:59:50+06:00")
    site.post(json={"visitorId": "ayesha", "visitId": "1"}, headers=GPC)
    assert result_of(send(site, "1", headers=GPC, at=5)) == (1, 0)
    ((visitor, event, visit, client_ms),) = stored(site, "visitor_id, event_id, visit_id, client_ms")
    assert [(visitor,)] == site.rows("SELECT visitor_id FROM visits")
    assert (visit, client_ms) == (1, None)
    assert event not in ("1", "ayesha")
    site.time.go_to("2025-12-17T00:30:00+06:00")
    assert result_of(send(site, "1", "2", headers=GPC)) == (1, 1)
    site.post(json={"visitorId": "ayesha", "visitId": "2"}, headers=GPC)
    assert result_of(send(site, "1", "2", "3", headers=GPC)) == (1, 2)
    assert stored(site, "visit_id") == [(1,), (1,), (2,)]


def figures(site: Site) -> tuple:
    insights, day = site.reports, "2025-12-16"
    breakdown = insights.breakdown(ReportQuery(day, day), "event:search:to")
    return insights.summary(ReportQuery(day, day)).figures, [(row.value, row.sums) for row in breakdown.rows]


@pytest.mark.both_kinds
def test_the_erasure_of_a_visitor_renames_the_events_and_changes_no_figure(site):
    site.register("ayesha")
    site.register("babul")
    search = {"props": {"to": "Mirpur"}, "at": 5}
    for begin in range(0, 120, 40):
        send(site, *map(str, range(begin, begin + 40)), **search)
    send(site, "1", visitor="babul", **search)
    summary, (row,) = figures(site)
    assert (row[0], row[1].count) == ("Mirpur", 121)
    version = site.reports.version(ReportQuery("2025-12-16", "2025-12-16"))
    site.forget("ayesha")
    assert site.reports.version(ReportQuery("2025-12-16", "2025-12-16")) != version
    after, rows = figures(site)
    assert (after, {value: sums.count for value, sums in rows}) == (summary, {None: 120, "Mirpur": 1})
    assert site.rows("SELECT count(*) FROM events WHERE props IS NOT NULL") == [(1,)]
    assert site.rows("SELECT visitor_id, event_id, client_ms FROM events WHERE visitor_id NOT LIKE '~%'") == [
        ("babul", "1", 5)
    ]
    assert site.rows("SELECT count(*) FROM events WHERE client_ms IS NULL") == [(120,)]
    send(site, "1")
    assert site.rows("SELECT count(*) FROM events WHERE visitor_id = 'ayesha'") == [(1,)]


HUGE = int("9" * 400)


def send_batch(site: Site, *events: object, **fields: object):
    body = json.dumps({"visitorId": "ayesha", "events": list(events), **fields})
    return site.post("/api/events", data=body, content_type="application/json")


def event(**fields: object) -> dict[str, object]:
    return {"id": "1", "name": "search", **fields}


def rows(site: Site) -> list[tuple]:
    return site.rows("SELECT * FROM events ORDER BY id")


def kept(site: Site, column: str, **fields: object) -> object:
    """The value stored in `column` for an event with these fields."""
    site.rows("DELETE FROM events")
    answer = send_batch(site, event(**fields))
    assert (answer.status_code, answer.json) == (200, {"accepted": 1, "duplicates": 0}), answer.text
    return site.rows(f"SELECT {column} FROM events")[0][0]


BAD_FIELDS = [
    *[("id", bad) for bad in (None, "", "a" * 129, "a b", "~made-up", "é", 5, True, ["1"])],
    *[("name", bad) for bad in (None, "", "Search", "1st", "_a", "a" * 65, "a-b", "a b", "খোঁজ", 5, True, [])],
    *[("page", bad) for bad in (5, 1.5, True, ["x"], {"x": 1})],
    *[("at", bad) for bad in ("abc", "", "12.5", 12.5, True, [], {})],
    *[("props", bad) for bad in (5, "x", True, [], [["a", 1]])],
    *[("props", {"a": bad}) for bad in (None, [], {}, ["x"], {"x": 1}, float("nan"), float("inf"))],
    *[("props", {bad: 1}) for bad in ("", "a b", "1a", "a" * 65, "a.b", "দূর", "a\0")],
    ("props", {f"p{number}": 1 for number in range(11)}),
]


def test_a_bad_field_refuses_the_whole_batch_and_is_named(site):
    before = rows(site)
    for field, bad in BAD_FIELDS:
        answer = send_batch(site, event(), event(**{"id": "2", field: bad}))
        assert_error(answer, 400, "invalid_input", f"events.1.{field}")
    for missing in ("id", "name"):
        sent = {name: value for name, value in event().items() if name != missing}
        assert_error(send_batch(site, sent), 400, "invalid_input", f"events.0.{missing}")
    for bad in (None, {}, "x", 5, [], [event(id=str(number)) for number in range(51)]):
        assert_error(send_batch(site, events=bad), 400, "invalid_input", "events")
    assert rows(site) == before


def test_all_bad_fields_are_named_in_one_response(site):
    answer = send_batch(site, event(id="", name="A"), "an event", event(props=5), visitorId="a b")
    fields = ("visitorId", "events.0.id", "events.0.name", "events.1", "events.2.props")
    assert_error(answer, 400, "invalid_input", *fields)


PROPS = (
    ({"to": "Mirpur 10", "n": 5, "far": True}, {"to": "Mirpur 10", "n": "5", "far": "true"}),
    ({"half": 0.5, "whole": 5.0, "tiny": 1e-9}, {"half": "0.5", "whole": "5", "tiny": "1e-09"}),
    ({"long": "ক" * 500}, {"long": "ক" * 120}),
    ({"many": HUGE}, {"many": "9" * 120}),
    ({"odd": "a\0b\ud800"}, {"odd": "a\ufffdb\ufffd"}),
    ({"p" * 64: "x", "A_1": "y"}, {"p" * 64: "x", "A_1": "y"}),
    ({f"p{number}": "x" for number in range(10)}, {f"p{number}": "x" for number in range(10)}),
    ({"empty": ""}, None),
    ({}, None),
    (None, None),
)
PAGES = {
    **{"/history?q=1#top": "/history", "https://me.example/a?b": "/a", "/a\0b": "/a%EF%BF%BDb"},
    **{"/" + "x" * 600: "/" + "x" * 511, "": None, None: None},
}
MOMENTS = {1702757318000: 1702757318000, "5": 5, None: None, HUGE: None}


def test_the_properties_of_an_event_are_stored_as_texts(site):
    for sent, stored in PROPS:
        result = kept(site, "props", props=sent)
        assert (json.loads(result) if result else result) == stored


def test_an_event_keeps_its_page_without_the_query_and_the_time_of_the_client(site):
    assert {sent: kept(site, "page", page=sent) for sent in PAGES} == PAGES
    assert {sent: kept(site, "client_ms", at=sent) for sent in MOMENTS} == MOMENTS


def test_a_body_that_is_no_json_object_or_too_large_is_refused(site):
    assert_error(site.post("/api/events", data=b"{}", content_type="text/html"), 415, "unsupported_media_type")
    assert_error(site.post("/api/events", data=b"[]", content_type="application/json"), 400, "invalid_json")
    assert site.post("/api/events", data=b"x" * 17_000, content_type="application/json").status_code == 413
