"""A question's cached sums follow the log: nothing is read twice or missed."""

from __future__ import annotations

import pytest
from support.application.site import Site, Time

from koyjabo.reports.live import live as live_module
from koyjabo.reports.log import block_queries
from koyjabo.reports.log.log import Log
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
        site.services[ReportServices].storing.catch_up()
        yield site


def visits(site: Site, question: Question) -> int | None:
    return site.services[ReportServices].reports.summary(question).figures.visits


def site_pages(site: Site, question: Question) -> dict[str | None, int | None]:
    return {
        row.value: row.sums.visits for row in site.services[ReportServices].reports.breakdown(question, "page").rows
    }


def test_an_answer_reads_what_is_new(site, monkeypatch):
    read, spans = Log.rows, []

    def rows(log, session, start, end, *days):
        for batch in read(log, session, start, end, *days):
            spans.append((log is live.visits, start, end))
            yield batch

    live = site.services[ReportServices].reports.live
    monkeypatch.setattr(Log, "rows", rows)
    question = Question(FRIDAY, SATURDAY, filters=AT_HOME)
    assert [visits(site, question), visits(site, question)] == [1, 1]
    assert spans == [(True, (0, 0), (0, 2))]
    site.register("babul", page="/")
    assert visits(site, question) == 2
    assert spans[1:] == [(True, (0, 2), (0, 3))]
    assert visits(site, Question(FRIDAY, SATURDAY, filters={"page": Filter(frozenset(["/fares"]))})) == 1
    assert spans[2:] == [(True, (0, 0), (0, 3))]


def test_a_breakdown_reads_all_visits_once(site, monkeypatch):
    """A breakdown by viewed page also reads the events: once to count them, and once for their visits."""
    view = {"id": "1", "name": "pageview", "page": "/"}
    assert site.post("/api/events", json={"visitorId": "ayesha", "events": [view]}).json["accepted"] == 1
    reports, read, spans = site.services[ReportServices].reports, Log.rows, []

    def rows(log, *span):
        spans.append("visits" if log is reports.live.visits else "events")
        return read(log, *span)

    monkeypatch.setattr(Log, "rows", rows)
    expected = {"page": (1, ["visits"]), "viewed_page": (2, ["visits", "events", "events"])}
    for dimension, (visits, logs) in expected.items():
        spans.clear()
        filters = {"city": Filter(none_of=frozenset([dimension]))}
        (row, *_) = reports.breakdown(Question(FRIDAY, SATURDAY, filters=filters), dimension).rows
        assert (row.value, row.sums.visits, sorted(spans, reverse=True)) == ("/", visits, logs)


def test_a_compared_day_grows_with_the_clock_and_shrinks_when_it_is_set_back(site):
    """The compared day's visits count up to the current time of day."""
    asked = site.services[ReportServices].reports

    def compared() -> int | None:
        question = Question(SATURDAY, SATURDAY)
        return asked.summary(question, "previous").compared.visits

    site.time.go_to(f"{SATURDAY}T10:00:00+06:00")
    assert compared() == 0
    site.time.go_to(f"{SATURDAY}T10:31:00+06:00")
    assert compared() == 1
    site.time.go_to(f"{SATURDAY}T10:29:00+06:00")
    assert compared() == 0


def test_what_is_kept_is_bounded(site, monkeypatch):
    live = site.services[ReportServices].reports.live
    monkeypatch.setattr(live_module, "MOST_KEPT", 4_000)
    for page in range(20):
        visits(site, Question(FRIDAY, SATURDAY, filters={"page": Filter(frozenset([f"/{page}"]))}))
        assert sum(entry.size for entry in live._asked.values()) <= 4_000 + 2_000
    assert 0 < len(live._asked) < 20


def test_late_visits_and_events_of_a_closed_day_count_at_once(site):
    question, unfiltered = Question(FRIDAY, FRIDAY, filters=AT_HOME), Question(FRIDAY, SATURDAY)
    assert [visits(site, question), site_pages(site, unfiltered)] == [1, {"/": 1, "/fares": 1}]
    site.time.put_right(days=-1)
    site.register("babul", page="/")
    assert visits(site, question) == 2
    site.services[ReportServices].storing.catch_up()
    assert site_pages(site, unfiltered) == {"/": 2, "/fares": 1}
    assert site.services[ReportServices].reports.summary(question).figures[6:8] == (2, 0)
    event = {"id": "1", "name": "search"}
    assert site.post("/api/events", json={"visitorId": "babul", "events": [event]}).status_code == 200
    assert site.services[ReportServices].reports.summary(question).figures[6:8] == (2, 1)


def test_a_visit_that_was_not_measured_is_not_attended(site):
    site.rows("UPDATE visits SET attended_ms = NULL WHERE id = 1")
    site.rows("UPDATE visits SET attended_ms = 1000 WHERE id = 2")
    attended = {"attended": Filter(none_of=frozenset(["none"]))}
    site.services[ReportServices].reports._database.write(block_queries.remove_all)
    assert visits(site, Question(FRIDAY, SATURDAY, filters=attended)) == 1
