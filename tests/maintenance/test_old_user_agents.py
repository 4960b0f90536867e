"""Exact user agents are gone after 30 days, and no report changes."""

from __future__ import annotations

import pytest
from support.app_fixtures import Site

from koyjabo.counting.records import NewVisit
from koyjabo.database import throttle
from koyjabo.insights.question import Question

PHONE = "Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36"
SHORT = "Chrome on Android (phone)"
DAYS = ("2025-11-01", "2025-11-02", "2025-12-20", "2025-11-03", "2025-12-21")
"""An import has put an older day behind a newer one."""


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        yield site


def fill(site: Site) -> None:
    site.time.go_to("2025-12-22T12:00:00+06:00")
    for number, day in enumerate(DAYS):
        at_ms = site.services.clock.began_s(day) * 1000
        agent = PHONE if number else "curl/8.5.0"
        site.services.counting.visits.register(NewVisit("ayesha", None, at_ms=at_ms, user_agent=agent))
    site.rows("INSERT INTO imported_visits (after_visit, upto_visit, first_ms, last_ms) VALUES (3, 4, 0, :m)", m=10**15)


def stored(site: Site) -> list[str]:
    return [agent for (agent,) in site.rows("SELECT user_agent FROM visits ORDER BY id")]


def told(site: Site) -> list:
    insights = site.services.insights.reports
    question = Question(DAYS[0], "2025-12-31")
    return [insights.breakdown(question, each).rows for each in ("browser", "system", "device")]


def test_they_are_replaced_by_what_is_read_of_them(site, monkeypatch):
    for name in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(throttle, name, 2)
    fill(site)
    before, reduce = told(site), site.services.maintenance.retention.reduce_user_agents
    reduce()
    assert stored(site) == ["curl (desktop)", SHORT, PHONE, SHORT, PHONE]
    assert told(site) == before
    site.time.pass_(days=29)
    reduce()
    assert stored(site) == ["curl (desktop)", SHORT, SHORT, SHORT, SHORT]
    assert told(site) == before
    assert site.recount() == []
