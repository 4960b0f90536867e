"""The rules of reports (docs/specification.md), each with the tests that prove it.

| rule | proved by |
| --- | --- |
| 1, exact, with the last visit, adding up | `test_insights_model.py`, `test_sums.py`, `test_kept_answers.py` |
| 2, new and returning | `test_insights_model.py` |
| 3, crawlers are visits | here |
| 4, folded days | `test_folded_days.py` |
| 5, the most at once | `presence/visitors/test_active_peak.py`; none under a filter: `test_report_calls.py` |
| 6, page views and events | `events/test_event_reports.py` |
| the ETag | here, and `test_report_calls.py` |
| every parameter is answered or refused, with bounds | `test_parameters.py`, `test_any_parameters.py` |
| sums follow the visits, can be made again, wait for nobody | `test_projection.py`, `test_insights_model.py` |
| what is read of a visit | `traits/`, `maintenance/test_old_user_agents.py`, `test_projection.py` |
| share links | `sharing/` |
| speed | `make bench-reports` |
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.account_calls import Person, promote, sign_up
from support.app_fixtures import Site, Time

CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
PATHS = ("summary", "summary?page=/", "timeline", "breakdown?by=page", "hours")


@pytest.fixture
def site(sqlite_database):
    time = Time()
    time.go_to("2025-10-10T10:30:00+06:00")
    with Site(sqlite_database.url, time) as site:
        site.register("ayesha", page="/")
        yield site


@pytest.fixture
def admin(site) -> Person:
    person = sign_up(site, "boss")
    promote(site, person.email)
    return person


def tags(admin: Person, prefix: str) -> dict[str, str]:
    return {path: admin.get(f"{prefix}/{path}").headers["ETag"] for path in PATHS}


def test_every_tag_changes_with_a_visit_in_scope_and_when_an_hour_begins(site, admin):
    community = admin.post("/api/communities", json={"name": "Mirpur 10", "open": True}).json["id"]
    of_site, of_community = "/api/reports", f"/api/communities/{community}/reports"
    first = tags(admin, of_site), tags(admin, of_community)
    assert (tags(admin, of_site), tags(admin, of_community)) == first
    site.register("babul", page="/fares")
    second = tags(admin, of_site), tags(admin, of_community)
    assert not set(first[0].values()) & set(second[0].values())
    assert second[1] == first[1]
    site.time.pass_(minutes=29)
    assert (tags(admin, of_site), tags(admin, of_community)) == second
    site.time.pass_(minutes=1)
    third = tags(admin, of_site), tags(admin, of_community)
    assert not set(second[0].values()) & set(third[0].values())
    assert not set(second[1].values()) & set(third[1].values())


def test_declared_crawlers_are_visits_and_can_be_left_out(site, admin):
    site.post(json={"visitorId": "bot", "userAgent": CRAWLER})

    def visits(query: str) -> int:
        return admin.get(f"/api/reports/summary?{query}").json["visits"]

    assert [visits(query) for query in ("", "device=!bot", "device=bot")] == [2, 1, 1]


def test_the_tests_of_the_table_exist():
    here = Path(__file__).parent
    named = re.findall(r"`([\w/]+(?:\.py|/))`", __doc__ or "")
    assert len(named) > 12
    assert [each for each in named if not ((here / each).exists() or (here.parent / each).exists())] == []
