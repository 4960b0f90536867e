"""A page of reports uses one snapshot of the database, and reads its visits once."""

from __future__ import annotations

import pytest
from support.application.site import Site

from koyjabo.reports.engine.requests import BreakdownRequest, HoursRequest, SummaryRequest, TimelineRequest
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.live.visit_sums import VisitSums
from koyjabo.reports.query.report_query import Filter, Question
from koyjabo.reports.services import ReportServices

DIMENSIONS = ("page", "viewed_page", "referrer", "source", "browser", "visitor_kind", "community", "event")
PAGES = ("/", "/", "/fares", None)


@pytest.fixture
def site(database):
    """A site with visits today."""
    with Site(database.url) as site:
        for number, page in enumerate(PAGES):
            site.register(f"v{number}", page=page, referrer="https://www.google.com/search")
            if number == 1:
                site.services[ReportServices].storing.catch_up()
        yield site


def count_calls(monkeypatch, cls: type, name: str) -> list[object]:
    calls, real = [], getattr(cls, name)
    monkeypatch.setattr(cls, name, lambda self, *args: calls.append(args) or real(self, *args))
    return calls


@pytest.mark.both_kinds
def test_the_parts_of_a_page_are_read_at_once(site, monkeypatch):
    today = site.services.clock.today()
    question = Question(today, today, filters={"source": Filter(frozenset(["google.com"]))})
    snapshots, scans = count_calls(monkeypatch, Snapshot, "__init__"), count_calls(monkeypatch, VisitSums, "_follow")
    requests = [SummaryRequest(question), TimelineRequest(question, "hour"), HoursRequest(question)]
    requests += [BreakdownRequest(question, dimension) for dimension in DIMENSIONS]
    summary, hours, week, *breakdowns = site.services[ReportServices].reports.read(requests)
    assert (len(snapshots), len(scans)) == (1, 1)
    assert summary.figures[2:8] == (4, 4, 4, 0, 3, 0)
    assert sum(hour.visits for hour in hours) == sum(map(sum, week.rows)) == 4
    assert all(breakdown.total.visits == 4 for breakdown in breakdowns)
    assert [(row.value, row.sums.visits) for row in breakdowns[0].rows] == [("/", 2), (None, 1), ("/fares", 1)]
    asked_alone = [site.services[ReportServices].reports.read([request])[0] for request in requests]
    assert asked_alone == [summary, hours, week, *breakdowns]
