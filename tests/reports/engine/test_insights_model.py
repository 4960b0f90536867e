"""Reports agree with a model that counts visit by visit, and a page of reports reads its visits once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from random import Random

import pytest
from hypothesis import given, strategies as st
from insights_model import Figures, InsightsModel, Visit
from sqlalchemy.orm import Session
from support.application.site import Site, Time
from support.databases.database import SqliteDatabase
from support.runs.fuzz_effort import effort
from support.sites.full_site import rebuild, use_small_blocks, use_small_pieces

from koyjabo.base.core.clock import shifted
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.blocks import block_queries
from koyjabo.columns.query.groups import Sums
from koyjabo.columns.query.periods import GRANULARITIES, HOUR
from koyjabo.columns.query.report_query import Filter, ReportQuery
from koyjabo.columns.sums.visit_sums import VisitSums
from koyjabo.counting import queries as counting_queries
from koyjabo.counting.evidence import queries as attendance_queries
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import BreakdownRequest, SummaryRequest, TimelineRequest
from koyjabo.reports.engine.scan_queue import ScanQueue
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.upkeep.erasure.erasure import Erasure

HERE = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
PHONE = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile Safari/537.36"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
VALUES: dict[str, list[str | None]] = {
    "page": [None, "/", "/100%s", "/!odd"],
    "browser": [None, "Firefox", "Chrome"],
    "source": [None, "google.com", "facebook.com"],
    "channel": ["direct", "search", "campaign"],
    "utm_source": [None, "poster"],
    "device": ["bot", "phone", "desktop"],
    "country": [None, "BD"],
    "city": [None, "Dhaka, BD"],
    "community": [None, HERE],
    "attended": [None, "none", "attended"],
    "evidence": [None, "none", "stayed", "acted", "automated"],
    "own": ["own", "others"],
    "weekday": ["5", "6", "7", "1"],
    "hour": ["21", "22", "23", "0"],
}
"""Sample values by dimension, and of `attended`."""

ATTEND = (
    "UPDATE visits SET attended_ms = {ms}, acted = {acted}, automated = {automated} WHERE id = {id}",
    """INSERT INTO watermarks (name, upto, version) VALUES ('attendance', 1, 0)
       ON CONFLICT (name) DO UPDATE SET upto = watermarks.upto + 1""",
    """INSERT INTO attendance (visit_id, seq, settled_ms, settled_until_ms, spans, beats)
       SELECT {id}, upto, 0, 0, '[]', '[]' FROM watermarks WHERE name = 'attendance'
       ON CONFLICT (visit_id) DO UPDATE SET seq = excluded.seq""",
)
SEEN = "UPDATE visits SET own = {own}, automated = {automated} WHERE id = {id}"
WEEK = ReportQuery("2025-11-22", "2025-11-28")
"""The days up to the first one, asked again after each change."""

LENGTHS_MS = (0, 999, 1_000, 5_500, 30_000, 299_999, 300_000)

VISITORS = ("ayesha", "babul", "chandni", "dipu")

seeds = st.integers(0, 2**32)


def new_visit(choose: Random, at_ms: int) -> NewVisit:
    return NewVisit(
        visitor_id=choose.choice(VISITORS),
        visit_id=choose.choice([None, None, "1", "2", "3"]),
        scope=choose.choice([SITE, SITE, Scope(HERE)]),
        place=choose.choice(["Unknown", "Bangladesh", "Dhaka, BD"]),
        at_ms=at_ms,
        referrer=choose.choice([None, "https://www.google.com/", "https://m.facebook.com/groups"]),
        user_agent=choose.choice([None, PHONE, DESKTOP]),
        page=choose.choice(VALUES["page"]),
        is_bot=choose.random() < 0.2,
        campaign=choose.choice([None, "utm_source=poster"]),
    )


def new_query(choose: Random, today: str, times_ms: list[int]) -> ReportQuery:
    """A random query. `times_ms` are the times of visits."""
    last = shifted(today, -choose.choice([0, 0, 0, 1, 3]))
    first = shifted(last, -choose.randint(0, 6))
    names = choose.sample(sorted(VALUES), choose.choice([0, 0, 1, 1, 2]))
    until_ms = choose.choice([None, choose.choice(times_ms) + choose.choice([0, 1, 600_000])])
    return ReportQuery(first, last, choose.choice([SITE, SITE, Scope(HERE)]), {}, until_ms).within(
        {name: new_filter(choose, name) for name in names}
    )


def new_filter(choose: Random, dimension: str) -> Filter:
    values = [*VALUES[dimension], "elsewhere"]
    any_of = choose.sample(values, choose.choice([0, 1, 2, 2]))
    return Filter(frozenset(any_of), frozenset(choose.sample(values, choose.choice([0, 0, 1]))))


class History:
    """Random changes to a site, applied to the model as well."""

    def __init__(self, url: str, choose: Random) -> None:
        self.choose = choose
        self.time = Time()
        self.time.go_to("2025-11-28T21:30:00+06:00")  # a Friday, near the end of a month
        self.site = Site(url, self.time)
        self.site.add_community(HERE)
        self.model = InsightsModel(self.site.services.clock)
        self.numbers = count()
        self.earlier_queries: list[ReportQuery] = []
        self.begun: list[ReportQuery] = []
        self.insights = self.site.reports

    def register(self) -> None:
        for _ in range(12):
            visit = new_visit(self.choose, self.time.ms)
            if not self.site.services[Visits].register(visit).duplicate:
                self.model.count(visit)
                self.see(self.model.visits[-1])
            self.time.pass_(minutes=self.choose.choice([1, 20, 70]))

    def see(self, visit: Visit) -> None:
        """Store values that only a registered visit has."""
        visit.automated = self.choose.random() < 0.1
        own = self.choose.random() < 0.2
        visit.values["own"] = "own" if own else "others"
        row = {"id": len(self.model.visits), "own": own, "automated": visit.automated}
        self.site.rows(SEEN.format(**row))

    def attend(self) -> None:
        known = {id for (id,) in self.site.rows("SELECT id FROM visits")}
        for id in self.choose.sample(sorted(known), min(len(known), self.choose.choice([1, 5, 20]))):
            visit = self.model.visits[id - 1]
            visit.attended_ms = (visit.attended_ms or 0) + self.choose.choice(LENGTHS_MS)
            visit.acted = visit.acted or self.choose.random() < 0.3
            for statement in ATTEND:
                row = {"id": id, "ms": visit.attended_ms, "acted": visit.acted, "automated": visit.automated}
                self.site.rows(statement.format(**row))
        if self.choose.random() < 0.3:
            self.insights._database.write(drop)

    def project(self) -> None:
        self.site.store_blocks()

    def pass_time(self) -> None:
        self.time.pass_(hours=self.choose.choice([1, 5, 24, 50, -3]))

    def reduce(self) -> None:
        """Reduce everything due, possibly interrupted partway."""
        left = iter(range(self.choose.choice([0, 3, 10, 20, 1000, 1000])))

        def advance(ids: int) -> None:
            if next(left, None) is None:
                raise InterruptedError

        with suppress(InterruptedError):
            self.site.reduce(self.choose.randint(2, 4), advance)
        self.model.reduce(id for (id,) in self.site.rows("SELECT id FROM visits WHERE visitor_number IS NOT NULL"))

    def forget(self) -> None:
        visitor = self.choose.choice(VISITORS)
        if self.model.forget(visitor):
            self.site.services[Erasure].forget(visitor)
            self.project()  # recreates the sums by referrer

    def ask(self) -> None:
        times_ms = [visit.new.at_ms for visit in self.model.visits]
        today = self.site.services.clock.today()
        earlier = [query for query in self.earlier_queries if query.last <= today]
        self.compare_breakdown(WEEK, "evidence", 4)
        for _ in range(4):
            query = self.choose.choice([*earlier[-3:], new_query(self.choose, today, times_ms)])
            self.earlier_queries.append(query)
            self.compare_summary(query)
            self.compare_breakdown(
                query, self.choose.choice(sorted(VALUES.keys() - {"attended"})), self.choose.randint(1, 4)
            )
            self.compare_timeline(query, self.choose.choice(GRANULARITIES[1:]))
            self.compare_since(query, times_ms)

    def compare_since(self, query: ReportQuery, times_ms: list[int]) -> None:
        """Ask about the visits from a time on, as the last hour does, now and the next time."""
        self.begun.append(replace(query, since_ms=self.choose.choice(times_ms)))
        for begun in self.begun[-2:]:
            figures, (*expected, pages, count, sum_s) = self.insights.summary(begun).figures, self.model.figures(begun)
            assert list(figures[2:5]) == expected
            assert (figures.page_views, *figures[9:12]) == (pages, count, sum_s, self.model.median_s(begun))

    def compare_summary(self, query: ReportQuery) -> None:
        summary = self.insights.summary(query, "previous")
        assert summary.measured == self.model.measured(query)
        other = self.insights.compared(query, "previous")
        for some_query, figures in ((query, summary.figures), (other, summary.compared)):
            visits, visitors, new, pages, *attended = self.model.figures(some_query)
            assert figures[2:7] == (visits, visitors, new, visitors - new, pages)
            assert figures[9:12] == (*attended, self.model.median_s(some_query))
        has_several_ids = any(map(self.model.has_several_ids, (query, other)))
        assert not (summary.exact and has_several_ids)
        if query.filters == {} and query.until_ms is None:
            days = counting_queries.visits_by_day
            rollups = self.insights._database.read(days, query.scope, query.first, query.last)
            assert sum(day.visits for day in rollups.values()) == summary.figures.visits

    def compare_breakdown(self, query: ReportQuery, dimension: str, limit: int) -> None:
        expected = self.model.breakdown(query, dimension)
        total = self.model.figures(query)
        order = sorted(expected, key=lambda value: (-expected[value][0], value is not None, value or ""))
        if dimension in ("weekday", "hour"):
            order.sort(key=int)
        for offset in (0, 1):
            breakdown = self.insights.breakdown(query, dimension, limit, offset)
            shown = order[offset : offset + limit]
            assert [row.value for row in breakdown.rows] == shown
            for row in breakdown.rows:
                assert plain(row.sums) == own(expected[row.value])
            assert [row.share for row in breakdown.rows] == [expected[label][0] / total[0] for label in shown]
            rest = query.within({dimension: Filter(none_of=frozenset(shown))})
            assert plain(breakdown.other) == own(self.model.figures(rest))
            assert plain(breakdown.total) == own(total)
            assert breakdown.values == len(expected)

    def compare_timeline(self, query: ReportQuery, granularity: str) -> None:
        periods = self.insights.timeline(query, granularity)
        expected = self.model.timeline(query, granularity)
        for period in periods:
            assert (*period[1:5], *period[6:8]) == expected.pop(period.period, (0,) * 6)
        assert expected == {}
        assert [row.period for row in periods] == sorted({row.period for row in periods})
        is_running = query.last == self.site.services.clock.today()
        if granularity != HOUR:
            assert [row.so_far for row in periods] == [False] * (len(periods) - 1) + [is_running]


def drop(session: Session) -> None:
    """Remove all attended-time rows, as the server does once they are old."""
    attendance_queries.drop(session, 2**62, block_queries.correct_attended)


def plain(sums: Sums) -> tuple[int, ...]:
    return (*sums[:3], sums.attended, sums.attended_s)


def own(figures: Figures) -> tuple[int, ...]:
    return (*figures[:3], *figures[4:])


CHANGES = ("register", "project", "pass_time", "attend", "reduce") * 2 + ("rebuild", "forget")
ATTENDING = ("project", "attend", "rebuild", "attend", "attend", "pass_time", "register", "project", "attend", "forget")


def live_through(url: str, seed: int, changes: Sequence[str] = ()) -> None:
    """Make these changes or eight random ones, and ask after each."""
    history = History(url, Random(seed))
    with history.site, pytest.MonkeyPatch.context() as patch:
        use_small_pieces(patch, 5)
        use_small_blocks(patch)
        history.register()
        for change in changes or history.choose.choices(CHANGES, k=8):
            rebuild(history.site) if change == "rebuild" else getattr(history, change)()
            assert history.site.recount() == []
            history.ask()


@effort(8)
@given(seed=seeds)
def test_every_report_on_sqlite_agrees_with_a_model_that_counts_visit_by_visit(tmp_path_factory, seed) -> None:
    live_through(SqliteDatabase.migrated(tmp_path_factory.mktemp("history") / "koyjabo.db").url, seed)


@pytest.mark.parametrize("seed", [3, 4])
def test_every_report_agrees_with_the_model_while_attended_times_change(sqlite_database, seed) -> None:
    """Two histories that each need all parts that follow attended times."""
    live_through(sqlite_database.url, seed, ATTENDING)


@pytest.mark.long(
    proved_by="reports/engine/test_insights_model.py::test_every_report_on_sqlite_agrees_with_a_model_that_counts_visit_by_visit"
)
@effort(8)
@given(seed=seeds)
def test_every_report_on_postgresql_agrees_with_a_model_that_counts_visit_by_visit(postgres, seed) -> None:
    live_through(postgres.new_database().url, seed)


DIMENSIONS = ("page", "viewed_page", "source", "browser", "community", "event")


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        for number, page in enumerate(("/", "/", "/fares", None)):
            site.register(f"v{number}", page=page, referrer="https://www.google.com/search")
            if number == 1:
                site.store_blocks()
        yield site


def count_calls(monkeypatch, cls: type, name: str) -> list[object]:
    calls, real = [], getattr(cls, name)
    monkeypatch.setattr(cls, name, lambda self, *args: calls.append(args) or real(self, *args))
    return calls


@pytest.mark.both_kinds
def test_the_parts_of_a_page_are_read_at_once_from_one_snapshot(site, monkeypatch):
    today = site.services.clock.today()
    query = ReportQuery(today, today, filters={"source": Filter(frozenset(["google.com"]))})
    snapshots, scans = count_calls(monkeypatch, Snapshot, "__init__"), count_calls(monkeypatch, VisitSums, "_follow")
    requests = [SummaryRequest(query), TimelineRequest(query, "hour")]
    requests += [BreakdownRequest(query, dimension) for dimension in DIMENSIONS]
    summary, hours, *breakdowns = site.reports.read(requests)
    assert (len(snapshots), len(scans)) == (1, 1)
    assert summary.figures[2:8] == (4, 4, 4, 0, 3, 0)
    assert sum(hour.visits for hour in hours) == 4
    assert all(breakdown.total.visits == 4 for breakdown in breakdowns)
    assert [(row.value, row.sums.visits) for row in breakdowns[0].rows] == [("/", 2), (None, 1), ("/fares", 1)]
    read_separately = [site.reports.read([request])[0] for request in requests]
    assert read_separately == [summary, hours, *breakdowns]


MIRPUR = Scope("5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11")


def test_a_report_uses_its_users_and_communitys_time_and_the_panel_goes_first(site, monkeypatch):
    readers, read = [], ScanQueue.read
    monkeypatch.setattr(ScanQueue, "read", lambda queue, requests, by: readers.append(by) or read(queue, requests, by))
    everything, today = site.services[Insights], site.services.clock.today()
    shared, live = everything.for_public(), everything.for_reader("admin", is_live=True)
    for insights, scope, *expected in (
        (everything.for_reader("admin"), SITE, ("admin",), True, False),
        (live, SITE, ("admin",), True, True),
        (everything.for_reader("ayesha"), MIRPUR, ("ayesha", MIRPUR), False, True),
        (shared.for_reader("share 1"), SITE, ("share 1",), False, True),
        (shared.for_reader("share 1"), MIRPUR, ("share 1", f"shared {MIRPUR}"), False, True),
        (everything, SITE, (), True, False),
    ):
        insights.summary(ReportQuery(today, today, scope))
        assert [*readers[-1][:3]] == expected
