"""Events are kept as long as visits, erased with their visitor, exported with an account, and restored."""

from __future__ import annotations

import pytest
from support.application.site import Site
from support.people.accounts import sign_up

from koyjabo.reports.query.report_query import Question
from koyjabo.reports.services import ReportServices


@pytest.fixture
def site(database):
    with Site(database.url, RETENTION_DAYS=30) as site:
        yield site


def send(site: Site, visitor: str, *ids: str, **fields: object) -> None:
    events = [{"id": event, "name": "search", "props": {"to": "Mirpur"}, **fields} for event in ids]
    assert site.post("/api/events", json={"visitorId": visitor, "events": events}).status_code == 200


def figures(site: Site) -> tuple:
    insights, day = site.services[ReportServices].reports, "2025-12-16"
    breakdown = insights.breakdown(Question(day, day), "event:search:to")
    return insights.summary(Question(day, day)).figures, [(row.value, row.sums) for row in breakdown.rows]


@pytest.mark.both_kinds
def test_forgetting_renames_events_and_changes_no_figure(site):
    site.register("ayesha")
    site.register("babul")
    for begin in range(0, 120, 40):
        send(site, "ayesha", *map(str, range(begin, begin + 40)), at=5)
    send(site, "babul", "1", at=5)
    summary, (row,) = figures(site)
    assert (row[0], row[1].count) == ("Mirpur", 121)
    version = site.services[ReportServices].reports.version(Question("2025-12-16", "2025-12-16"))
    site.forget("ayesha")
    assert site.services[ReportServices].reports.version(Question("2025-12-16", "2025-12-16")) != version
    after, rows = figures(site)
    assert (after, {value: sums.count for value, sums in rows}) == (summary, {None: 120, "Mirpur": 1})
    assert site.rows("SELECT count(*) FROM events WHERE props IS NOT NULL") == [(1,)]
    assert site.rows("SELECT visitor_id, event_id, client_ms FROM events WHERE visitor_id NOT LIKE '~%'") == [
        ("babul", "1", 5)
    ]
    assert site.rows("SELECT count(*) FROM events WHERE client_ms IS NULL") == [(120,)]
    send(site, "ayesha", "1")
    assert site.rows("SELECT count(*) FROM events WHERE visitor_id = 'ayesha'") == [(1,)]


def test_an_account_exports_the_events_of_its_visits(site):
    person = sign_up(site)
    person.post("/api/visitor/register", json={"visitorId": "ayesha"})
    send(site, "ayesha", "1", page="/a", at=5)
    site.register("babul")
    send(site, "babul", "1")
    (event,) = person.get("/api/auth/me/export").json["events"]
    assert (event["name"], event["page"], event["props"]) == ("search", "/a", {"to": "Mirpur"})
    assert (event["visitor_id"], event["client_at"]) == ("ayesha", "1970-01-01T00:00:00.005Z")
