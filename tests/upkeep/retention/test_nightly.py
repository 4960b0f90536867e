"""Nightly work runs once a day on one worker, even if workers die and the clock is set."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site
from support.sites.full_site import in_context

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.extensions import db
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.jobs.job_queries import SILENT_MS
from koyjabo.reports.visit_log import import_queries
from koyjabo.upkeep.retention.retention import Nightly, Retention

DONE = "nightly_work_done"


class InPlace(ThreadRuntime):
    """Runs tasks before their caller continues."""

    def start_task(self, main: Callable[[], None]) -> None:
        main()


@pytest.fixture
def site(database):
    with Site(database.url, RETENTION_DAYS="30") as site:
        yield site


@pytest.fixture
def nights(caplog):
    """Days whose nightly work was done, in the order it was done."""
    caplog.set_level(logging.INFO, "koyjabo.upkeep.retention.retention")

    def days() -> list[str]:
        return [record.args[0] for record in caplog.records if record.msg.startswith(DONE)]

    return days


def worker(site: Site) -> Nightly:
    retention = site.services[Retention]
    return Nightly(retention._database, site.services.clock, InPlace(), retention)


def test_nightly_work_runs_once_a_day_even_after_a_restart(site, nights):
    first, second = worker(site), worker(site)
    site.time.go_to("2025-12-16T03:29:59.999+06:00")
    for nightly in (first, second, first):
        nightly.tick()
    assert nights() == ["2025-12-15"]  # the server was not running at that time
    site.time.go_to("2025-12-16T03:30:00+06:00")
    for nightly in (second, first, second):
        nightly.tick()
    assert nights() == ["2025-12-15", "2025-12-16"]
    site.restart()
    worker(site).tick()
    assert nights() == ["2025-12-15", "2025-12-16"]


def test_preview_is_what_the_next_run_rolls_up(site, caplog):
    caplog.set_level(logging.INFO, "koyjabo.upkeep.retention.retention")
    for hour, visits in ((14, 1), (15, 2), (16, 3), (17, 4)):
        site.time.go_to(f"2025-11-{hour}T00:00:00+06:00")
        for number in range(visits):
            site.register(f"{hour}-{number}", visitId="1")
    night, previews = worker(site), []
    for moment in ("16T03:29:59.999", "16T03:30:00", "16T23:59:59", "17T00:00:00", "17T03:29:59", "17T03:30:00"):
        site.time.go_to(f"2025-12-{moment}+06:00")
        previews.append(tuple(night.preview()))
        if moment.endswith("03:30:00"):
            night.tick()
    folded = [record.args[1] for record in caplog.records if record.msg.startswith(DONE)]
    assert previews == [(3, 2), (3, 2), *3 * [(3, 1)], (3, 1)]
    assert folded == [3, 3]
    assert night.preview() == (4, 1)


@pytest.mark.both_kinds
def test_one_of_many_workers_does_the_nightly_work(site, nights):
    """The servers have separate connections."""
    with Site(site.database_url, site.time) as second, Site(site.database_url, site.time) as third:
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(Nightly.tick, map(worker, (site, second, third))))
        assert (nights(), ended(site)) == (["2025-12-16"], True)


def ended(site: Site) -> bool:
    return site.rows("SELECT count(*) FROM nightly_work WHERE ended_ms IS NOT NULL") == [(1,)]


def claimed_by_one_who_died(site: Site) -> None:
    def die(*_) -> None:
        raise SystemExit  # it logs, exits, and releases nothing

    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(site.services[Retention], "prune", die)
        with pytest.raises(SystemExit):
            worker(site).tick()
    assert not ended(site)


def test_work_of_a_silent_worker_is_taken_over(site, nights):
    claimed_by_one_who_died(site)
    site.time.pass_(milliseconds=SILENT_MS)
    worker(site).tick()
    assert nights() == []
    site.time.pass_(milliseconds=1)
    worker(site).tick()
    assert nights() == ["2025-12-16"]
    site.time.put_right(days=400)
    claimed_by_one_who_died(site)
    site.time.put_right(days=-400)  # this does not hide a dead worker
    worker(site).tick()
    assert nights() == ["2025-12-16"] * 2


def test_living_worker_keeps_its_claim_for_any_time(site, nights, monkeypatch):
    """A worker that was frozen and lost its claim does not continue."""
    first, second = worker(site), worker(site)
    retention = site.services[Retention]
    sweep = retention.sweep

    def slow(alive):
        for _ in range(3):
            site.time.pass_(milliseconds=SILENT_MS - 1)
            alive(1)
            second.tick()
        monkeypatch.undo()
        site.time.pass_(milliseconds=SILENT_MS + 1)
        second.tick()
        taken_over.extend(nights())
        site.time.pass_(milliseconds=SILENT_MS)
        alive(1)
        return sweep(alive)

    taken_over: list[str] = []
    monkeypatch.setattr(retention, "sweep", slow)
    first.tick()
    assert taken_over == nights() == ["2025-12-16"]


def test_nightly_work_waits_for_the_end_of_an_import(site, caplog, nights):
    site.register()
    site.time.pass_(days=31)
    waiting, visits = worker(site), "SELECT count(*) FROM visits"
    with in_context(site), import_queries.only_one(db.engine.url):
        for _ in range(3):
            waiting.tick()
            site.time.pass_(seconds=30)
    assert (nights(), site.rows(visits)) == ([], [(1,)])
    assert [record.msg.startswith("nightly_work_put_off") for record in caplog.records].count(True) == 1
    worker(site).tick()  # at the next poll, by any worker
    assert (nights(), site.rows(visits)) == (["2026-01-16"], [(0,)])


def test_wrong_clock_does_not_stop_the_nightly_work(site, nights):
    for wrong in ({"days": 400}, {"days": -400}, {"hours": 3}, {"hours": -3}):
        before = len(nights())
        site.time.put_right(**wrong)
        worker(site).tick()
        site.time.put_right(**{unit: -by for unit, by in wrong.items()})
        worker(site).tick()
        site.time.pass_(days=1)
        worker(site).tick()
        assert nights()[-1] == site.services.clock.today(), wrong
        assert len(nights()) <= before + 3, wrong


def test_nightly_work_continues_after_an_outage(site, nights, monkeypatch):
    retention = site.services[Retention]

    def gone(*_):
        raise LedgerUnavailable

    with monkeypatch.context() as outage:
        outage.setattr(retention._database, "read", gone)
        worker(site).tick()
        outage.undo()
        outage.setattr(retention, "prune", gone)
        worker(site).tick()
    assert nights() == []
    site.time.pass_(milliseconds=SILENT_MS + 1)
    worker(site).tick()
    assert nights() == ["2025-12-16"]
