"""When checks of Health were amber or red: written at changes, when the database is back, and kept over a restart."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError
from support.application.site import Site

from koyjabo.core.identity import OPERATOR
from koyjabo.counting.services import CountingServices
from koyjabo.database.executor import DatabaseThread
from koyjabo.maintenance.health.checks import DANGER, WARNING
from koyjabo.maintenance.health.timeline_queries import Span
from koyjabo.maintenance.services import MaintenanceServices


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


def tick(site: Site, seconds: float = 15) -> None:
    site.time.pass_(seconds=seconds)
    site.services[MaintenanceServices].timeline.tick()


def spans(site: Site, name: str) -> list[Span]:
    maintenance = site.services[MaintenanceServices]
    found = maintenance.timeline.of_last_day(maintenance.health.report(OPERATOR, False))
    return [each for each in found if each.name == name]


def test_outage_is_written_when_it_is_over_and_kept_over_a_restart(site, monkeypatch):
    tick(site)
    began_ms = site.time.ms

    def fail(_):
        raise OperationalError("", {}, Exception("away"))

    with monkeypatch.context() as patch:
        patch.setattr(DatabaseThread, "_connected", fail)
        site.services[CountingServices].unsaved.since_ms = began_ms
        tick(site, 60)
        assert spans(site, "writer") == [Span("writer", began_ms, DANGER, "")]
    assert site.rows("SELECT * FROM health_spans WHERE name = 'writer'") == []
    site.services[CountingServices].unsaved.since_ms = None
    tick(site)
    over = [Span("writer", began_ms, DANGER, "", site.time.ms)]
    assert site.rows("SELECT ended_ms FROM health_spans WHERE name = 'writer'") == [(site.time.ms,)]
    assert spans(site, "writer") == over
    site.restart()
    assert spans(site, "writer") == over
    site.time.pass_(hours=25)
    assert spans(site, "writer") == []


def test_check_that_stays_as_it_is_is_written_once(site):
    site.register("ayesha")  # so that a backup is missed
    for _ in range(3):
        tick(site)
    ((begun_ms, level, ended_ms),) = site.rows(
        "SELECT begun_ms, level, ended_ms FROM health_spans WHERE name = 'backups'"
    )
    assert (level, ended_ms) == (WARNING, None)
    assert spans(site, "backups") == [Span("backups", begun_ms, WARNING, "")]
