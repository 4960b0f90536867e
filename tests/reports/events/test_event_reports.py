"""Page views and events in reports: figures, breakdowns with counts, and filters by what visitors did."""

from itertools import count
from typing import Any

import pytest
from support.application.site import Site, site_fixture

from koyjabo.reports.query.report_query import Filter, Question

FIRST, LAST = "2025-12-14", "2025-12-17"
numbers = count()


site = site_fixture(f"{FIRST}T09:00:00+06:00")


def send(site: Site, visitor: str, *events: dict[str, Any]) -> None:
    sent = [{"id": str(next(numbers)), **event} for event in events]
    answer = site.post("/api/events", json={"visitorId": visitor, "events": sent})
    assert answer.json == {"accepted": len(sent), "duplicates": 0}, answer.text


def view(page: str | None) -> dict[str, Any]:
    return {"name": "pageview", "page": page}


def question(first: str = FIRST, last: str = LAST, **filters: str | None) -> Question:
    values = {name.replace("__", ":"): Filter(frozenset([value])) for name, value in filters.items()}
    return Question(first, last, filters=values)


def rows(site: Site, dimension: str, asked: Question | None = None) -> dict[Any, tuple]:
    breakdown = site.reports.breakdown(asked or question(), dimension, limit=100)
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


def test_figures_have_page_views_and_events(used):
    for asked, expected in (
        (question(), (2, 5, 3)),
        (question(first="2025-12-15"), (0, 0, 1)),
        (question(source="google.com"), (1, 3, 2)),
        (question(source=None), (1, 2, 1)),
    ):
        figures = used.reports.summary(asked).figures
        assert (figures.visits, figures.page_views, figures.events) == expected


@pytest.mark.both_kinds
def test_rows_carry_counts_that_add_up(used):
    assert rows(used, "viewed_page") == {"/a": (2, 2, 2, 3), "/": (1, 1, 1, 2)}
    assert rows(used, "event") == {"search": (1, 1, 1, 2), "signup": (0, 0, 0, 1)}
    assert rows(used, "event:search:to") == {"Mirpur": (1, 1, 1, 1), "Uttara": (1, 1, 1, 1)}
    assert rows(used, "event:search:n") == {"3": (1, 1, 1, 1), None: (1, 1, 1, 1)}
    assert rows(used, "event:nothing:to") == {}


def test_rows_have_the_attended_time_of_their_visits(used):
    used.rows("UPDATE visits SET attended_ms = 2500 * id")  # Ayesha's visit has 2.5 s, and Babul's has 5 s
    for limit, expected in ((9, {"/a": (2, 7), "/": (1, 2)}), (1, {"/a": (2, 7), None: (1, 2)})):
        views = used.reports.breakdown(question(), "viewed_page", limit)
        sums = {row.value: row.sums for row in views.rows} | ({None: views.other} if limit == 1 else {})
        assert {value: own[4:] for value, own in sums.items()} == expected
    assert [row.sums[4:] for row in used.reports.breakdown(question(), "event").rows] == [(1, 2), (0, 0)]


@pytest.mark.both_kinds
def test_filter_by_an_event_finds_the_visits_that_have_one(used):
    def visits(**filters: str | None) -> int | None:
        return used.reports.summary(question(**filters)).figures.visits

    assert [visits(event="search"), visits(event="signup"), visits(event=None)] == [1, 0, 1]
    assert [visits(viewed_page="/a"), visits(viewed_page="/"), visits(viewed_page="/b")] == [2, 1, 0]
    assert [visits(event__search__to="Uttara"), visits(event__search__to="Dhaka")] == [1, 0]
    assert rows(used, "source", question(viewed_page="/a")) == {None: (1, 1, 1, None), "google.com": (1, 1, 1, None)}


def test_comparison_counts_events_up_to_the_same_time(used):
    used.time.go_to("2025-12-15T08:30:00+06:00")
    send(used, "ayesha", view("/"))
    compared = used.reports.summary(question("2025-12-15", "2025-12-15"), "previous").compared
    assert (compared.visits, compared.page_views, compared.events) == (0, 0, 0)
