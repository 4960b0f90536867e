"""A page of reports uses one snapshot of the database, reads its visits once, and is charged to its reader."""

import pytest
from support.application.site import Site

from koyjabo.base.models import SITE, Scope
from koyjabo.reports.engine.requests import BreakdownRequest, HoursRequest, SummaryRequest, TimelineRequest
from koyjabo.reports.engine.scan_queue import ScanQueue
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.live.visit_sums import VisitSums
from koyjabo.reports.query.report_query import Filter, Question
from koyjabo.reports.services import ReportServices

DIMENSIONS = ("page", "viewed_page", "referrer", "source", "browser", "visitor_kind", "community", "event")


@pytest.fixture
def site(database):
    """A site with visits today."""
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
def test_the_parts_of_a_page_are_read_at_once(site, monkeypatch):
    today = site.services.clock.today()
    question = Question(today, today, filters={"source": Filter(frozenset(["google.com"]))})
    snapshots, scans = count_calls(monkeypatch, Snapshot, "__init__"), count_calls(monkeypatch, VisitSums, "_follow")
    requests = [SummaryRequest(question), TimelineRequest(question, "hour"), HoursRequest(question)]
    requests += [BreakdownRequest(question, dimension) for dimension in DIMENSIONS]
    summary, hours, week, *breakdowns = site.reports.read(requests)
    assert (len(snapshots), len(scans)) == (1, 1)
    assert summary.figures[2:8] == (4, 4, 4, 0, 3, 0)
    assert sum(hour.visits for hour in hours) == sum(map(sum, week.rows)) == 4
    assert all(breakdown.total.visits == 4 for breakdown in breakdowns)
    assert [(row.value, row.sums.visits) for row in breakdowns[0].rows] == [("/", 2), (None, 1), ("/fares", 1)]
    asked_alone = [site.reports.read([request])[0] for request in requests]
    assert asked_alone == [summary, hours, week, *breakdowns]


MIRPUR = Scope("5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11")


def test_reports_are_charged_to_user_and_community_and_the_panel_is_first(site, monkeypatch):
    readers, read = [], ScanQueue.read
    monkeypatch.setattr(ScanQueue, "read", lambda queue, requests, by: readers.append(by) or read(queue, requests, by))
    services, today = site.services[ReportServices], site.services.clock.today()
    shared, live = services.shared_reports, services.reports.for_reader("admin", is_live=True)
    for insights, scope, *expected in (
        (services.reports.for_reader("admin"), SITE, ("admin",), True, False),
        (live, SITE, ("admin",), True, True),
        (services.reports.for_reader("ayesha"), MIRPUR, ("ayesha", MIRPUR), False, True),
        (shared.for_reader("share 1"), SITE, ("share 1",), False, True),
        (shared.for_reader("share 1"), MIRPUR, ("share 1", f"shared {MIRPUR}"), False, True),
        (services.reports, SITE, (), True, False),
    ):
        insights.summary(Question(today, today, scope))
        assert [*readers[-1][:3]] == expected
