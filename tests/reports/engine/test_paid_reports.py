"""Who is charged for a report, and which reports go first."""

from __future__ import annotations

import pytest
from support.application.site import Site

from koyjabo.base.models import SITE, Scope
from koyjabo.reports.engine.scan_queue import Reader, ScanQueue
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.services import ReportServices

MIRPUR = Scope("5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11")


@pytest.fixture
def readers(site, monkeypatch) -> list[Reader]:
    """The readers of the reports so far."""
    readers, read = [], ScanQueue.read
    monkeypatch.setattr(ScanQueue, "read", lambda queue, asked, by: readers.append(by) or read(queue, asked, by))
    return readers


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


def test_reports_are_charged_to_user_and_community_and_the_panel_is_first(site, readers):
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
