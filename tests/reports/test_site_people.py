"""Visitors of the site, and those of them who came with an account, of any period."""

from __future__ import annotations

import pytest
from support.application.site import Site, Time
from support.people.accounts import Person, bearer, sign_up

from koyjabo.reports.engine.insights import DAY, MONTH, WEEK
from koyjabo.reports.services import ReportServices
from koyjabo.reports.site_people import Split

THURSDAY, SUNDAY, MONDAY = "2025-10-30", "2025-11-02", "2025-11-03"


@pytest.fixture(scope="module")
def site(module_database):
    """Ayesha comes with her account on Thursday, Sunday and Monday, Babul on Sunday; Babul also came without his."""
    time = Time()
    with Site(module_database.url, time) as site:
        time.go_to(f"{THURSDAY}T23:59:00+06:00")
        ayesha, babul = sign_up(site, "ayesha"), sign_up(site, "babul")
        visit(site, "her_phone", ayesha)
        visit(site, "his_phone")
        time.go_to(f"{SUNDAY}T10:00:00+06:00")
        visit(site, "her_phone", ayesha)
        visit(site, "his_phone", babul)
        time.go_to(f"{MONDAY}T10:00:00+06:00")
        visit(site, "her_phone", ayesha)
        visit(site, "guest")
        yield site


def visit(site: Site, visitor: str, user: Person | None = None) -> None:
    headers = bearer(user.access) if user else {}
    assert site.post(json={"visitorId": visitor}, headers=headers).status_code == 200


PERIODS = {
    DAY: {THURSDAY: (2, 1), "2025-10-31": (0, 0), "2025-11-01": (0, 0), SUNDAY: (2, 2), MONDAY: (2, 1)},
    WEEK: {"2025-10-27": (2, 2), MONDAY: (2, 1)},
    MONTH: {"2025-10-01": (2, 1), "2025-11-01": (3, 2)},
}


def test_each_counts_once_in_a_period(site):
    for granularity, periods in PERIODS.items():
        found = site.services[ReportServices].site_people.trend(THURSDAY, MONDAY, granularity)
        assert found == [(name, Split(*counts)) for name, counts in periods.items()]
    people = site.services[ReportServices].site_people.between(THURSDAY, MONDAY)
    assert (people.visitors, people.authenticated, people.anonymous) == (3, 2, 1)  # who came both ways has an account
