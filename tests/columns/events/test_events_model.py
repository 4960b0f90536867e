"""Reports count random events, retries and erasures as a naive recount does, also after old ones are reduced."""

from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, strategies as st
from support.application.site import Site, Time
from support.databases.database import SqliteDatabase
from support.runs.fuzz_effort import effort
from support.sites.full_site import use_small_blocks

from koyjabo.base.core.clock import shifted
from koyjabo.columns.dimensions.dimensions import VIEWED_PAGE
from koyjabo.columns.query.periods import HOUR
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.engine.results import Breakdown

HERE = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
VISITORS = ("ayesha", "babul", "chandni")
NAMES = ("search", "signup", "pageview")
PAGES = (None, "/", "/~a")
PROPS: tuple[dict[str, Any], ...] = ({}, {"to": "Mirpur"}, {"to": "~", "n": 3}, {"n": "3"})

seeds = st.integers(0, 2**32)


class Model:
    """Events as dictionaries, and the visits they may belong to."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.visits: list[dict[str, Any]] = []

    def send(self, who: str, sent: list[dict[str, Any]], day: str, hour_s: int) -> dict[str, int]:
        known = {event["id"] for event in self.events if event["who"] == who}
        visit = next((visit for visit in reversed(self.visits) if visit["who"] == who), None)
        scope = visit["scope"] if visit else "site"
        accepted = 0
        for event in sent:
            if event["id"] not in known:
                known.add(event["id"])
                accepted += 1
                more = {"who": who, "day": day, "hour_s": hour_s, "scope": scope, "visit": visit}
                self.events.append({**event, **more})
        return {"accepted": accepted, "duplicates": len(sent) - accepted}

    def visits_by_page(self, scope: str, day: str) -> dict[str | None, list[dict[str, Any]]]:
        visits = [visit for visit in self.visits if visit["day"] == day and scope in ("site", visit["scope"])]
        viewed = [(event["page"], event["visit"]) for event in self.events if event["name"] == "pageview"]
        viewed += [(visit["page"], visit) for visit in visits if visit["page"]]
        by_page = {page: [visit for visit in visits if (page, visit) in viewed] for page, _ in viewed}
        return {page: theirs for page, theirs in by_page.items() if theirs}

    def forget(self, who: str) -> None:
        for visit in self.visits:
            if visit["person"] == who:
                visit["person"] = f"{who}~{len(self.visits)}"
        for entry in [*self.events, *self.visits]:
            if entry["who"] == who:
                entry.update(who="~", props={})

    def views(self, scope: str) -> Counter[str | None]:
        """Page views of all days by page: visits by their first page, and events."""
        visits = Counter(visit["page"] for visit in self.visits if visit["page"] and scope in ("site", visit["scope"]))
        events = (event for event in self.events if event["name"] == "pageview" and scope in ("site", event["scope"]))
        return visits + Counter(event["page"] for event in events)

    def reduce(self, first_kept: str) -> None:
        for entry in [*self.events, *self.visits]:
            if entry["day"] < first_kept:
                entry["who"] = "~"


class History:
    def __init__(self, url: str, choose: Random) -> None:
        self.choose, self.model, self.time = choose, Model(), Time()
        self.site = Site(url, self.time)
        self.site.add_community(HERE)

    @property
    def day(self) -> str:
        return self.site.services.clock.today()

    def register(self) -> None:
        who, scope, page = self.choose.choice(VISITORS), self.choose.choice(["site", HERE]), self.choose.choice(PAGES)
        self.site.register(who, page=page, **({} if scope == "site" else {"communityId": scope}))
        visit = {
            "number": len(self.model.visits),
            "who": who,
            "person": who,
            "scope": scope,
            "day": self.day,
            "page": page,
        }
        self.model.visits.append(visit)

    def send(self) -> None:
        who = self.choose.choice(VISITORS)
        kinds = {"name": NAMES, "page": PAGES, "props": PROPS}
        sent = [
            {"id": str(self.choose.randrange(30)), **{key: self.choose.choice(kind) for key, kind in kinds.items()}}
            for _ in range(self.choose.randint(1, 8))
        ]
        bucket = self.site.services.clock.bucket(self.time.ms)
        for _ in range(self.choose.choice([1, 1, 2])):
            expected = self.model.send(who, sent, bucket.day, bucket.hour_s)
            assert self.site.post("/api/events", json={"visitorId": who, "events": sent}).json == expected

    def forget(self) -> None:
        who = self.choose.choice(VISITORS)
        self.site.forget(who)
        self.model.forget(who)

    def reduce(self) -> None:
        days = self.choose.randint(1, 3)
        self.site.reduce(days)
        self.model.reduce(shifted(self.day, -days))

    def reduce_all(self) -> None:
        self.time.pass_(days=5)
        self.reduce()

    def store(self) -> None:
        self.site.store_blocks()

    def pass_time(self) -> None:
        self.time.pass_(hours=self.choose.choice([1, 7, 24, 50]))

    def compare_today(self) -> None:
        events = [event for event in self.model.events if event["day"] == self.day]
        for scope in ("site", HERE):
            self.compare_visits(scope)
        for scope, name, key in product(("site", HERE), (*NAMES, None), ("to", "n")):
            here = [event for event in events if scope in ("site", event["scope"]) and name in (event["name"], None)]
            props = [event["props"].get(key) for event in here]
            values = Counter(prop if prop is None else str(prop) for prop in props)
            if name is None:
                values = Counter(event["name"] for event in here if event["name"] != "pageview")
            query = ReportQuery(self.day, self.day, scope=scope)
            breakdown = self.site.reports.breakdown(query, f"event:{name}:{key}" if name else "event", limit=100)
            assert {row.value: row.sums.count for row in breakdown.rows if row.sums.count} == +values
            assert (breakdown.other.count, breakdown.total.count) == (0, values.total())

    def compare_visits(self, scope: str) -> None:
        reports, expected = self.site.reports, self.model.visits_by_page(scope, self.day)
        views = reports.breakdown(ReportQuery(self.day, self.day, scope=scope), VIEWED_PAGE, limit=1)
        shown = {row.value for row in views.rows}
        others = {visit["number"]: visit for page, own in expected.items() if page not in shown for visit in own}
        for sums, visits in ((row.sums, expected.get(row.value, [])) for row in views.rows):
            assert sums[:2] == (len(visits), len({visit["person"] for visit in visits}))
        assert views.other[:2] == (len(others), len({visit["person"] for visit in others.values()}))

    def compare(self) -> None:
        reports, query = self.site.reports, ReportQuery("2025-12-01", self.day)
        events = sum(event["name"] != "pageview" for event in self.model.events)
        views = self.model.views("site").total()
        assert reports.summary(query).figures[6:8] == (views, events)
        assert sum(period.page_views for period in reports.timeline(query, HOUR)) == views
        for scope in ("site", HERE):
            self.compare_views(reports.breakdown(replace(query, scope=scope), VIEWED_PAGE, limit=2), scope)

    def compare_views(self, breakdown: Breakdown, scope: str) -> None:
        views = self.model.views(scope)
        shown = {row.value: row.sums.count for row in breakdown.rows}
        assert all(row.sums.count == views[row.value] for row in breakdown.rows)
        assert breakdown.total.count == views.total() == breakdown.other.count + sum(shown.values())


def live_through(url: str, seed: int) -> None:
    history = History(url, Random(seed))
    with history.site, pytest.MonkeyPatch.context() as patch:
        use_small_blocks(patch)
        often = [history.send] * 4 + [history.register, history.pass_time, history.store]
        changes = [*often, history.forget, history.reduce, history.site.restart]
        chosen = [history.register, *history.choose.choices(changes, k=20), history.reduce_all]
        for step, change in enumerate(chosen):
            change()
            history.compare()
            if step % 5 == 4:  # many reports, each over all rows
                history.compare_today()


@effort(10)
@given(seed=seeds)
def test_the_reports_of_random_events_agree_with_the_model(tmp_path_factory, seed) -> None:
    live_through(SqliteDatabase.migrated(tmp_path_factory.mktemp("events") / "koyjabo.db").url, seed)
