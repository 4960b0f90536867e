"""Old visits are reduced: all numbers stay, in any order of visits, events, erasures and nights."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from support.application.site import Site, Time
from support.models.state_machines import NewUrl, new_urls, play

from koyjabo.base.core.clock import shifted
from koyjabo.base.core.errors import UnknownVisitor
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.dimensions.dimensions import COMMUNITY, DIMENSION_NAMES
from koyjabo.columns.query.periods import GRANULARITIES
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.reports.community_people import BY_DAY, BY_HOUR, Reports
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import BreakdownRequest, SummaryRequest, TimelineRequest
from koyjabo.reports.engine.results import MAX_BREAKDOWN_ROWS
from koyjabo.upkeep.erasure.erasure import Erasure

HERE, THERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
USERS = tuple(f"{n}{n}{n}{n}0000-0000-4000-8000-000000000000" for n in "12")
ANDROID = "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36"
visitors = st.sampled_from(["ayesha", "babul", "chandni"])
scopes = st.sampled_from([SITE, HERE, THERE])
sent = st.fixed_dictionaries(
    {"user_agent": st.sampled_from([ANDROID, "curl/8.5", None])},
    optional={
        "referrer": st.sampled_from(["https://m.facebook.com/a/b", "https://news.example/x"]),
        "page": st.just("/"),
    },
)
PROPERTY = "event:search:to"
OF_VISITORS = ("visitors", "returning_visitors", "reason")

Figures = Mapping[str, Any]
"""The reports for one query. Breakdowns have the name of their dimension."""

CHANGED_BY_REDUCTION = ("referrer",)
CHANGED_BY_ERASURE = ("referrer", PROPERTY)
"""Breakdowns that change when visits are reduced, or when a visitor is erased."""

SUMS = ("counters", "daily_visits", "hourly_visits", "returns", "hourly_people", "adjustments")


def all_figures(reports: Insights, query: ReportQuery) -> Figures:
    """Every report for a query, without the numbers of visitors."""
    dimensions = [name for name in (*DIMENSION_NAMES, PROPERTY) if name != COMMUNITY or query.scope == SITE]
    requests: dict[str, Any] = {"summary": SummaryRequest(query)}
    requests |= {name: TimelineRequest(query, name) for name in GRANULARITIES[1:]}
    requests |= {name: BreakdownRequest(query, name, MAX_BREAKDOWN_ROWS) for name in dimensions}
    return {
        name: without_visitors(result)
        for name, result in zip(requests, reports.read(list(requests.values())), strict=True)
    }


def without_visitors(result: Any) -> Any:
    """A result as plain values, without everything about visitors."""
    if hasattr(result, "_asdict"):
        fields = result._asdict().items()
        return {name: without_visitors(value) for name, value in fields if name not in OF_VISITORS}
    return [without_visitors(value) for value in result] if isinstance(result, list) else result


class ReductionMachine(RuleBasedStateMachine):
    def __init__(self, new_url: NewUrl) -> None:
        super().__init__()
        self.new_url = new_url

    @initialize(total=st.sampled_from([0, 4000]))
    def begin(self, total: int) -> None:
        self.time, self.event_ids = Time(), count()
        self.first_day = "2025-12-16"
        self.site = Site(self.new_url(), self.time, STARTING_TOTAL=total)
        for community in (HERE, THERE):
            self.site.add_community(community)
        self.visit(SITE, "ayesha", None, 1, {"page": "/"})

    @rule(scope=scopes, visitor=visitors, user=st.none() | st.sampled_from(USERS), times=st.integers(1, 3), sent=sent)
    def visit(self, scope: str, visitor: str, user: str | None, times: int, sent: dict[str, str]) -> None:
        for _ in range(times):
            visit = NewVisit(visitor, None, Scope(scope), at_ms=self.time.ms, user_id=user, **sent)
            self.site.services[Visits].register(visit)

    @rule(visitor=visitors, page=st.sampled_from(["/", "/a"]), to=st.sampled_from(["Mirpur", "Uttara"]))
    def send(self, visitor: str, page: str, to: str) -> None:
        events = [{"name": "pageview", "page": page}, {"name": "search", "props": {"to": to}}]
        sent = [{"id": f"{next(self.event_ids)}", **event} for event in events]
        assert self.site.post("/api/events", json={"visitorId": visitor, "events": sent}).json["accepted"] == 2

    @rule(user=st.sampled_from(USERS), visitor=visitors)
    def turn_out_to_be(self, user: str, visitor: str) -> None:
        self.site.services[Reports].convert(user, visitor)

    @rule(hours=st.sampled_from([1, 5, 24, 30, 50]))
    def time_passes(self, hours: int) -> None:
        self.time.pass_(hours=hours)

    @rule(hours=st.sampled_from([-25, -1]))
    def the_clock_is_put_right(self, hours: int) -> None:
        self.time.put_right(hours=hours)

    @rule(change=st.sampled_from([-1, 10]))
    def the_total_is_set(self, change: int) -> None:
        self.site.set_total(max(0, self.site.stats()["totalVisits"] + change), new_epoch=True)

    @rule(days=st.integers(1, 3))
    def reduce(self, days: int) -> None:
        before, figures = self.numbers(), self.insights(CHANGED_BY_REDUCTION)
        self.site.reduce(days)
        assert self.site.reduce(days).visits == 0
        assert self.numbers() == before
        assert self.insights(CHANGED_BY_REDUCTION) == figures
        assert self.site.recount() == []

    @rule(visitor=visitors)
    def forget(self, visitor: str) -> None:
        before, figures, erasure = self.numbers(), self.insights(CHANGED_BY_ERASURE), self.site.services[Erasure]
        if self.traces(visitor):
            erasure.forget(visitor)
        else:
            with pytest.raises(UnknownVisitor):
                erasure.forget(visitor)
        assert not self.traces(visitor)
        assert self.numbers() == before
        assert self.insights(CHANGED_BY_ERASURE) == figures

    def insights(self, without: Collection[str] = ()) -> list[Figures]:
        """Reports of all days for the site and a community, except some breakdowns."""
        reports, today = self.site.services[Insights], self.site.services.clock.today()
        queries = [ReportQuery(self.first_day, max(today, self.first_day), Scope(name)) for name in (SITE, HERE)]
        figures = [all_figures(reports, query) for query in queries]
        return [{name: report for name, report in own.items() if name not in without} for own in figures]

    def traces(self, visitor: str) -> list[tuple]:
        columns = (("visits", "visitor_id"), ("visitors", "visitor_id"), ("conversions", "visitor_id"))
        named = [f"SELECT '{table}' FROM {table} WHERE {column} = :name" for table, column in columns]
        named.append("SELECT 'people' FROM people WHERE person LIKE '%' || :name || '%'")
        return self.site.rows(" UNION ALL ".join(named), name=visitor)

    def numbers(self) -> dict[str, Any]:
        """All figures that are shown, and the tables they come from. Asserts that the ledger agrees."""
        assert self.site.recount() == []
        reports, today = self.site.services[Reports], self.site.services.clock.today()
        since = min(self.first_day, shifted(today, -3))
        figures: dict[str, Any] = {table: sorted(self.site.rows(f"SELECT * FROM {table}")) for table in SUMS}
        for here in (HERE, THERE):
            figures[here] = (
                reports.visitors(here, since, shifted(today, 2)),
                reports.trend(here, BY_DAY, since, today),
                reports.trend(here, BY_HOUR, shifted(today, -2), today),
                reports.conversion_rate(here),
                reports.growth(here, 7),
            )
        stats = self.site.stats()
        return figures | {name: stats[name] for name in ("totalVisits", "todayVisits", "uniqueVisitors", "epoch")}

    def teardown(self) -> None:
        if hasattr(self, "site"):
            try:
                self.time.pass_(days=3)
                self.reduce(1)  # every history has days that are reduced
            finally:
                self.site.close()


def test_no_order_of_visits_events_erasures_and_reductions_changes_a_figure(kind, tmp_path, request):
    new_url = new_urls(kind, tmp_path, lambda: request.getfixturevalue("postgres"))
    times, steps = {"sqlite": (10, 18), "postgres": (4, 15)}[kind]
    play(partial(ReductionMachine, new_url), times, steps)
