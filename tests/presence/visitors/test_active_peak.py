"""The day's highest number of active visitors is measured, and stored once a minute."""

import pytest
from support.application.site import Site

from koyjabo.base.models import SITE
from koyjabo.presence.services import PresenceServices
from koyjabo.presence.visitors.active_visitors import ActiveCount, ActivePeak
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.services import ReportServices

DAYS = Question("2025-12-16", "2025-12-17")


@pytest.fixture
def site(database):
    with Site(database.url, ACTIVE_WINDOW_SECONDS=300) as site:
        site.time.go_to("2025-12-16T23:58:00+06:00")
        yield site


def stored(site: Site) -> list[tuple]:
    return site.rows("SELECT day, people FROM peaks WHERE scope = 'site' ORDER BY day")


def peak_active(site: Site) -> int | None:
    return site.services[ReportServices].reports.summary(DAYS).figures.peak_active


def test_the_greatest_measurement_of_a_day_is_stored(site):
    presence, reports = site.services[PresenceServices], site.services[ReportServices].reports
    peak = presence.active_peak
    for visitors in (["ayesha"], ["babul", "karim"]):
        version = reports.version(DAYS)
        for visitor in visitors:
            presence.active_visitors.touch(SITE, visitor, "Dhaka, BD")
        assert reports.version(DAYS) != version, "it is measured when reports ask for it, too"
    site.time.pass_(seconds=299)  # the next day has begun, and all three are still active
    peak.measure()
    site.time.pass_(seconds=1)
    peak.measure()
    assert stored(site) == []
    assert peak_active(site) == 3, "also in the running minute"
    peak.write()
    assert stored(site) == [("2025-12-16", 3), ("2025-12-17", 3)]
    assert peak_active(site) == 3


class Measured:
    """Another worker's active visitors."""

    def __init__(self, version: int, people: int) -> None:
        self.count = lambda scope: ActiveCount(version, {"Dhaka, BD": people} if scope == SITE else {})


@pytest.mark.parametrize(("version", "people", "expected"), [(7, 5, 5), (7, 2, 3), (-1, 9, 3)])
def test_highest_peak_of_all_workers_is_stored_and_estimates_are_ignored(site, version, people, expected):
    base = site.services[PresenceServices].active_peak
    for measured in (Measured(1, 3), Measured(version, people)):
        worker = ActivePeak(base._database, base._clock, base._runtime, measured)
        worker.measure()
        worker.write()
    assert stored(site) == [("2025-12-16", expected)]
