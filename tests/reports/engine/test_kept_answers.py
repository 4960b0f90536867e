"""Filtered answers about closed days are kept until something changes these."""

from __future__ import annotations

import pytest
from support.application.site import Site, Time

from koyjabo.reports.engine.fact_queries import Facts
from koyjabo.reports.query.report_query import Filter, Question
from koyjabo.reports.services import ReportServices

FRIDAY, SATURDAY = "2025-10-10", "2025-10-11"
AT_HOME = {"page": Filter(frozenset(["/"]))}


@pytest.fixture
def site(sqlite_database):
    time = Time.at(f"{FRIDAY}T10:30:00+06:00")
    with Site(sqlite_database.url, time) as site:
        site.register("ayesha", page="/")
        time.pass_(days=1)
        site.register("ayesha", page="/fares")
        site.services[ReportServices].projection.catch_up()
        yield site


def visits(site: Site, question: Question) -> int | None:
    return site.services[ReportServices].reports.summary(question).figures.visits


def site_pages(site: Site, question: Question) -> dict[str | None, int | None]:
    return {
        row.value: row.sums.visits for row in site.services[ReportServices].reports.breakdown(question, "page").rows
    }


def test_a_closed_day_is_read_once(site, monkeypatch):
    read, scans = Facts.by, []
    monkeypatch.setattr(Facts, "by", lambda self, asked, *rest: scans.append(asked) or read(self, asked, *rest))
    question = Question(FRIDAY, FRIDAY, filters=AT_HOME)
    assert [visits(site, question), visits(site, question)] == [1, 1]
    assert scans == [question]
    assert visits(site, Question(FRIDAY, FRIDAY, filters={"page": Filter(frozenset(["/fares"]))})) == 0
    assert len(scans) == 2


def test_late_visits_and_events_of_a_closed_day_count_at_once(site):
    question, unfiltered = Question(FRIDAY, FRIDAY, filters=AT_HOME), Question(FRIDAY, SATURDAY)
    assert [visits(site, question), site_pages(site, unfiltered)] == [1, {"/": 1, "/fares": 1}]
    site.time.put_right(days=-1)
    site.register("babul", page="/")
    assert visits(site, question) == 2
    site.services[ReportServices].projection.catch_up()
    assert site_pages(site, unfiltered) == {"/": 2, "/fares": 1}
    assert site.services[ReportServices].reports.summary(question).figures[6:8] == (2, 0)
    event = {"id": "1", "name": "search"}
    assert site.post("/api/events", json={"visitorId": "babul", "events": [event]}).status_code == 200
    assert site.services[ReportServices].reports.summary(question).figures[6:8] == (2, 1)
