"""Events: limits on storage, and their reports."""

from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from support.application.site import Site, assert_error, site_fixture
from support.assertions.csv_files import rows_of
from support.people.accounts import new_admin
from support.people.admins import panel
from support.people.page_readers import words
from support.people.share_links import share

from koyjabo.base.network import rate_limiter
from koyjabo.columns.events.new_event import MAX_EVENTS, USE_BYTES
from koyjabo.columns.query.report_query import Filter, ReportQuery
from koyjabo.web.limits.limits import MAX_USES
from koyjabo.web.schemas.bodies import MAX_BODY_BYTES

FIRST, LAST = "2025-12-14", "2025-12-17"
numbers = count()


site = site_fixture(f"{FIRST}T09:00:00+06:00")


def send(site: Site, visitor: str, *events: dict[str, Any]) -> None:
    sent = [{"id": str(next(numbers)), **event} for event in events]
    answer = site.post("/api/events", json={"visitorId": visitor, "events": sent})
    assert answer.json == {"accepted": len(sent), "duplicates": 0}, answer.text


def view(page: str | None) -> dict[str, Any]:
    return {"name": "pageview", "page": page}


def query(first: str = FIRST, last: str = LAST, **filters: str | None) -> ReportQuery:
    values = {name.replace("__", ":"): Filter(frozenset([value])) for name, value in filters.items()}
    return ReportQuery(first, last, filters=values)


def rows(site: Site, dimension: str, other: ReportQuery | None = None) -> dict[Any, tuple]:
    breakdown = site.reports.breakdown(other or query(), dimension, limit=100)
    return {row.value: tuple(row.sums)[:4] for row in breakdown.rows}


@pytest.fixture
def used(site):
    """Ayesha lands on /, views /a and / again, and searches twice. Babul lands on /a. Chandni has no visit."""
    site.register("ayesha", page="/", referrer="https://www.google.com/")
    site.register("babul", page="/a")
    send(site, "ayesha", view("/a"), view("/"), {"name": "search", "props": {"to": "Mirpur", "n": 3}})
    send(site, "chandni", view("/a"), {"name": "signup"})
    site.time.pass_(days=1)
    send(site, "ayesha", {"name": "search", "props": {"to": "Uttara"}})
    return site


@pytest.mark.both_kinds
def test_the_reports_have_page_views_events_and_the_properties_of_events(used):
    used.rows("UPDATE visits SET attended_ms = 2500 * id")  # Ayesha's visit has 2.5 s, and Babul's has 5 s
    for some_query, expected in (
        (query(), (2, 5, 3)),
        (query(first="2025-12-15"), (0, 0, 1)),
        (query(source="google.com"), (1, 3, 2)),
        (query(source=None), (1, 2, 1)),
    ):
        figures = used.reports.summary(some_query).figures
        assert (figures.visits, figures.page_views, figures.events) == expected
    assert rows(used, "viewed_page") == {"/a": (2, 2, 2, 3), "/": (1, 1, 1, 2)}
    assert rows(used, "event") == {"search": (1, 1, 1, 2), "signup": (0, 0, 0, 1)}
    assert rows(used, "event:search:to") == {"Mirpur": (1, 1, 1, 1), "Uttara": (1, 1, 1, 1)}
    assert rows(used, "event:search:n") == {"3": (1, 1, 1, 1), None: (1, 1, 1, 1)}
    assert rows(used, "event:nothing:to") == {}
    for limit, expected in ((9, {"/a": (2, 7), "/": (1, 2)}), (1, {"/a": (2, 7), None: (1, 2)})):
        views = used.reports.breakdown(query(), "viewed_page", limit)
        sums = {row.value: row.sums for row in views.rows} | ({None: views.other} if limit == 1 else {})
        assert {value: own[4:] for value, own in sums.items()} == expected
    assert [row.sums[4:] for row in used.reports.breakdown(query(), "event").rows] == [(1, 2), (0, 0)]


@pytest.mark.both_kinds
def test_a_filter_by_an_event_finds_the_visits_with_the_event(used):
    def visits(**filters: str | None) -> int | None:
        return used.reports.summary(query(**filters)).figures.visits

    assert [visits(event="search"), visits(event="signup"), visits(event=None)] == [1, 0, 1]
    assert [visits(viewed_page="/a"), visits(viewed_page="/"), visits(viewed_page="/b")] == [2, 1, 0]
    assert [visits(event__search__to="Uttara"), visits(event__search__to="Dhaka")] == [1, 0]
    assert rows(used, "source", query(viewed_page="/a")) == {None: (1, 1, 1, None), "google.com": (1, 1, 1, None)}


@pytest.mark.both_kinds
def test_a_row_of_an_event_has_its_share_of_all_visitors_whatever_they_did(used):
    used.register("ayesha", visitId="2", page="/a")  # one of two visitors, with two of three visits
    boss = new_admin(used, "nila")

    def searched(path: str = "/api/reports", **filters: str) -> tuple[int, float, float]:
        rows = boss.get(f"{path}/breakdown?{urlencode({'by': 'event', **filters})}").json["rows"]
        (row,) = [row for row in rows if row["value"] == "search"]
        return row["visitors"], row["share"], row["visitor_share"]

    assert searched() == (1, 1 / 3, 0.5)
    assert searched(page="/") == (1, 1, 1)
    for by_event in ({"event": "search"}, {"event:search:to": "Uttara"}):
        assert searched(**by_event) == (1, 1, 0.5)
    assert searched(viewed_page="/") == (1, 1, 1)
    everything, searches = (
        f"/api/shares/{share(boss, filters=of)['token']}/reports" for of in ({}, {"event": ["search"]})
    )
    assert searched(everything, event="search") == (1, 1, 0.5)
    assert searched(searches) == (1, 1, 1)  # the link shows nothing about other visitors
    file = boss.get("/api/reports/breakdown?by=event&format=csv&limit=1").text
    assert [(row["value"], row["visitor_share"]) for row in rows_of(file)] == [("search", "0.5"), ("", "")]
    assert "visitor_share" not in boss.get("/api/reports/breakdown?by=page").json["rows"][0]
    assert "visitor_share" not in boss.get("/api/reports/breakdown?by=page&format=csv").text
    page = words(panel(used).get("/admin/?range=all&tabs=event&part=pages"))
    assert "Of visitors search 2 50.0%" in page


PHONE = {"REMOTE_ADDR": "203.0.113.7"}
MINUTE_S, DAY_S = 60, 86_400
LETTERS = [chr(0x0985 + number) for number in range(50)]
"""Letters of 3 bytes each. Random texts made of them do not compress well."""


@pytest.fixture
def now(monkeypatch):
    moment = [float(20_000 * DAY_S)]
    clock = SimpleNamespace(time=lambda: moment[0], monotonic=lambda: moment[0])
    monkeypatch.setattr(rate_limiter, "time", clock)
    return moment


def test_an_event_with_long_texts_uses_the_minute_limit_several_times(sqlite_database):
    """60 uses a minute: at 360 bytes an event, a visitor may send 49."""
    with Site(sqlite_database.url, RATE_LIMIT_VISITOR=6) as site:
        event = {"name": "search", "props": {"to": "\u0995" * 120}}
        batches = [[{**event, "id": str(next(numbers))} for _ in range(7)] for _ in range(7)]
        answers = [site.post("/api/events", json={"visitorId": "ayesha", "events": events}) for events in batches]
        assert [answer.status_code for answer in answers] == [200] * 6 + [429]


def test_the_largest_request_is_within_the_uses_that_every_limit_allows():
    assert max(MAX_EVENTS, -(-MAX_BODY_BYTES // USE_BYTES)) <= MAX_USES


def size(site: Site) -> int:
    return site.rows("PRAGMA page_count")[0][0] * site.rows("PRAGMA page_size")[0][0]


def test_an_address_may_fill_a_part_of_the_disk_in_a_day(sqlite_database, now):
    """The limit here is 1 MB, including indexes. Retries are free, and the limit starts again the next day."""
    with Site(sqlite_database.url, RATE_LIMIT_REGISTRATIONS=2, RATE_LIMIT_VISITOR=0) as site:
        site.client.environ_base |= PHONE
        before, chosen = size(site), Random(1)
        answer = None
        while answer is None or (answer.status_code == 200 and size(site) - before < 1_050_000):
            now[0] += MINUTE_S
            props = {f"p{number}": "".join(chosen.choices(LETTERS, k=112)) for number in range(10)}
            body = {"visitorId": "ayesha", "events": [{"id": str(next(numbers)), "name": "search", "props": props}] * 2}
            answer = site.post("/api/events", json=body)
        assert_error(answer, 429, "rate_limited")
        assert MINUTE_S < int(answer.headers["Retry-After"]) <= DAY_S
        assert 400_000 < size(site) - before < 1_050_000
        small = {"visitorId": "ayesha", "events": [{"id": "small", "name": "search"}]}
        for accepted in (1, 0, 0):
            now[0] += MINUTE_S
            assert site.post("/api/events", json=small).json["accepted"] == accepted
        now[0] += DAY_S
        assert site.post("/api/events", json=body).json == {"accepted": 1, "duplicates": 1}


def test_a_visit_beyond_the_daily_bytes_of_its_address_is_counted_without_its_texts(sqlite_database, now):
    """Texts that are already stored take no more space."""
    with Site(sqlite_database.url, RATE_LIMIT_REGISTRATIONS=2, RATE_LIMIT_VISITOR=0) as site:
        site.client.environ_base |= PHONE
        known = {"page": "/known", "referrer": "https://a.example/", "userAgent": "A"}
        site.register("ayesha", **known)
        for number in range(150):
            now[0] += MINUTE_S
            site.register("ayesha", page=f"/{number}" + "\u0995" * 400, userAgent=f"{number}" + "x" * 500)
        site.register("ayesha", **known)
        site.store_blocks()
        counts = "SELECT count(*), count(page), count(user_agent), count(*) FILTER (WHERE page = '/known') FROM visits"
        ((visits, pages, agents, same),) = site.rows(counts)
        assert (visits, same) == (152, 2)
        assert 80 < pages == agents < 120
        now[0] += DAY_S
        site.register("ayesha", page="/new")
        assert site.rows("SELECT count(*) FROM visits WHERE page = '/new'") == [(1,)]
