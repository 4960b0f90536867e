"""Page views and events in reports: figures, breakdowns with counts, and filters by what visitors did."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import count
from typing import Any

import pytest
from support.app_fixtures import Site, Time

from koyjabo.insights.insights import HOUR, MONTH
from koyjabo.insights.question import Filter, Question

FIRST, LAST = "2025-12-14", "2025-12-17"
COMMUNITY = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
PAGES = ("/", "/a", "/b", None)
PROPS = ({}, {"to": "Mirpur"}, {"to": "Uttara", "n": 3}, {"n": "~3"})
NAMES = ("search", "signup", "pageview", "pageview")
numbers = count()


@pytest.fixture
def site(database):
    time = Time()
    time.go_to(f"{FIRST}T09:00:00+06:00")
    with Site(database.url, time) as site:
        yield site


def send(site: Site, visitor: str, *events: dict[str, Any]) -> None:
    sent = [{"id": str(next(numbers)), **event} for event in events]
    answer = site.post("/api/events", json={"visitorId": visitor, "events": sent})
    assert answer.json == {"accepted": len(sent), "duplicates": 0}, answer.text


def view(page: str | None) -> dict[str, Any]:
    return {"name": "pageview", "page": page}


def filtered(**filters: str | None) -> dict[str, Filter]:
    return {name.replace("__", ":"): Filter(frozenset([value])) for name, value in filters.items()}


def question(first: str = FIRST, last: str = LAST, **filters: str | None) -> Question:
    return Question(first, last, filters=filtered(**filters))


def rows(site: Site, dimension: str, asked: Question | None = None) -> dict[Any, tuple]:
    found = site.services.insights.reports.breakdown(asked or question(), dimension, limit=100)
    return {row.value: tuple(row.sums) for row in found.rows}


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


def test_figures_have_page_views_and_events(used):
    figures = used.services.insights.reports.summary(question()).figures
    assert (figures.visits, figures.page_views, figures.events) == (2, 5, 3)
    figures = used.services.insights.reports.summary(question(first="2025-12-15")).figures
    assert (figures.visits, figures.page_views, figures.events) == (0, 0, 1)
    figures = used.services.insights.reports.summary(question(source="google.com")).figures
    assert (figures.visits, figures.page_views, figures.events) == (1, 3, 2)
    figures = used.services.insights.reports.summary(question(source=None)).figures
    assert (figures.visits, figures.page_views, figures.events) == (1, 2, 1)


@pytest.mark.both_kinds
def test_rows_carry_counts_that_add_up(used):
    assert rows(used, "viewed_page") == {"/a": (2, 2, 2, 3), "/": (1, 1, 1, 2)}
    assert rows(used, "event") == {"search": (1, 1, 1, 2), "signup": (0, 0, 0, 1)}
    assert rows(used, "event:search:to") == {"Mirpur": (1, 1, 1, 1), "Uttara": (1, 1, 1, 1)}
    assert rows(used, "event:search:n") == {"3": (1, 1, 1, 1), None: (1, 1, 1, 1)}
    assert rows(used, "event:nothing:to") == {}


def test_what_is_not_shown_is_in_other(used):
    found = used.services.insights.reports.breakdown(question(), "viewed_page", limit=1)
    assert ([row.value for row in found.rows], found.values) == (["/a"], 2)
    assert (tuple(found.other), tuple(found.total)) == ((1, 1, 1, 2), (2, 2, 2, 5))


@pytest.mark.both_kinds
def test_filters_mean_visits_to_which_such_an_event_belongs(used):
    def visits(**filters: str | None) -> int | None:
        return used.services.insights.reports.summary(question(**filters)).figures.visits

    assert [visits(event="search"), visits(event="signup"), visits(event=None)] == [1, 0, 1]
    assert [visits(viewed_page="/a"), visits(viewed_page="/"), visits(viewed_page="/b")] == [2, 1, 0]
    assert [visits(event__search__to="Uttara"), visits(event__search__to="Dhaka")] == [1, 0]
    assert rows(used, "source", question(viewed_page="/a")) == {None: (1, 1, 1, None), "google.com": (1, 1, 1, None)}


def test_comparison_counts_events_up_to_the_same_time(used):
    used.time.go_to("2025-12-15T08:30:00+06:00")
    send(used, "ayesha", view("/"))
    compared = used.services.insights.reports.summary(question("2025-12-15", "2025-12-15"), "previous").compared
    assert (compared.visits, compared.page_views, compared.events) == (0, 0, 0)


@pytest.mark.long(proved_by="insights/events/test_event_reports.py::test_rows_carry_counts_that_add_up")
def test_answers_are_those_of_a_naive_recount(site):
    """Visits and events of several days, of the site and a community, with and without filters."""
    chance = random.Random(7)
    site.add_community(COMMUNITY)
    visits, events = [], []
    newest: dict[str, int | None] = defaultdict(lambda: None)
    for _ in range(60):
        site.time.pass_(minutes=chance.randrange(180))
        now, who = (site.time.ms, site.services.clock.bucket(site.time.ms)), f"v{chance.randrange(8)}"
        if chance.random() < 0.4:
            page, scope = chance.choice(PAGES), chance.choice(["site", COMMUNITY])
            fields = {} if scope == "site" else {"communityId": scope}
            site.register(who, page=page, **fields)
            visits.append({"who": who, "page": page, "scope": scope, "day": now[1].day})
            newest[who] = len(visits) - 1
        else:
            event = {"name": chance.choice(NAMES), "page": chance.choice(PAGES), "props": chance.choice(PROPS)}
            send(site, who, event)
            events.append({**event, "visit": newest[who], "when": now[1]})
        if chance.random() < 0.05:
            site.services.insights.projection.catch_up()
    days = FIRST, site.services.clock.today()
    for scope in ("site", COMMUNITY):
        for filters in ({}, {"page": "/a"}, {"event": "search"}, {"viewed_page": "/a"}, {"event:search:to": "Mirpur"}):
            chosen = {name: Filter(frozenset([value])) for name, value in filters.items()}
            asked = Question(*days, scope=scope, filters=chosen)
            compare(site, asked, *kept(visits, events, scope, filters))


def kept(visits: list, events: list, scope: str, filters: dict) -> tuple[dict, list]:
    """The visits that pass, by number, and the events that count."""
    passing = {
        number: visit
        for number, visit in enumerate(visits)
        if scope in ("site", visit["scope"]) and all(has(visit, number, events, *each) for each in filters.items())
    }
    counted = [e for e in events if e["visit"] in passing or (e["visit"] is None and scope == "site" and not filters)]
    return passing, counted


def has(visit: dict, number: int, events: list, dimension: str, value: str) -> bool:
    if dimension == "page":
        return visit["page"] == value
    return value in values_of(visit, number, events, dimension)


def values_of(visit: dict, number: int, events: list, dimension: str) -> set:
    found = {value_of(each, dimension) for each in events if each["visit"] == number and is_of(each, dimension)}
    return found | ({visit["page"]} - {None} if dimension == "viewed_page" else set())


def is_of(event: dict, dimension: str) -> bool:
    if ":" in dimension:
        return event["name"] == dimension.split(":")[1]
    return (event["name"] == "pageview") == (dimension == "viewed_page")


def value_of(event: dict, dimension: str) -> str | None:
    if ":" in dimension:
        value = event["props"].get(dimension.split(":")[2])
        return None if value is None else str(value)
    return event["page"] if dimension == "viewed_page" else event["name"]


def compare(site: Site, asked: Question, visits: dict, events: list) -> None:
    insights = site.services.insights.reports
    views = [event for event in events if event["name"] == "pageview"]
    pages = sum(visit["page"] is not None for visit in visits.values())
    figures = insights.summary(asked).figures
    assert (figures.visits, figures.page_views, figures.events) == (
        *(len(visits), pages + len(views), len(events) - len(views)),
    ), asked
    for granularity in (HOUR, MONTH):
        timeline = insights.timeline(asked, granularity)
        assert sum(each.page_views for each in timeline) == figures.page_views
        assert sum(each.visits for each in timeline) == figures.visits
    for dimension in ("viewed_page", "event", "event:search:to", "event:search:n", "event:pageview:n"):
        found = insights.breakdown(asked, dimension, limit=100)
        of = Counter(value_of(event, dimension) for event in events if is_of(event, dimension))
        if dimension == "viewed_page":
            of.update(visit["page"] for visit in visits.values() if visit["page"])
        assert {row.value: row.sums.count for row in found.rows if row.sums.count} == dict(of), (asked, dimension)
        by: Counter = Counter()
        for number, visit in visits.items():
            by.update(values_of(visit, number, events, dimension))
        assert {row.value: row.sums.visits for row in found.rows if row.sums.visits} == dict(by), (asked, dimension)
        part = insights.breakdown(asked, dimension, limit=2, offset=1)
        assert sum(row.sums.count for row in part.rows) + part.other.count == part.total.count == sum(of.values())
