"""The nightly work: who does it and when, which visits it reduces, and what the ledger returns afterwards."""

import logging
from collections.abc import Callable

import pytest
from support.application.site import Site, site_fixture
from support.sites.full_site import use_small_pieces

from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.jobs.job_queries import SILENT_WORKER_MS
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.upkeep.retention.nightly import Nightly
from koyjabo.upkeep.retention.retention import Retention

DONE = "nightly_work_done"


class InPlace(ThreadRuntime):
    def start_task(self, main: Callable[[], None]) -> None:
        main()


site = site_fixture(RETENTION_DAYS="30")


@pytest.fixture
def nights(caplog):
    """Days whose nightly work was done, in the order it was done."""
    caplog.set_level(logging.INFO, "koyjabo.upkeep.retention.nightly")

    def days() -> list[str]:
        return [record.args[0] for record in caplog.records if record.msg.startswith(DONE)]

    return days


def worker(site: Site) -> Nightly:
    retention = site.services[Retention]
    return Nightly(retention._database, site.services.clock, InPlace(), retention)


def test_the_nightly_work_runs_once_a_day_even_after_a_restart(site, nights):
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


def ended(site: Site) -> bool:
    return site.rows("SELECT count(*) FROM nightly_work WHERE ended_ms IS NOT NULL") == [(1,)]


def claimed_by_one_who_died(site: Site) -> None:
    def die(*_) -> None:
        raise SystemExit  # it logs, exits, and releases nothing

    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(site.services[Retention], "reduce", die)
        with pytest.raises(SystemExit):
            worker(site).tick()
    assert not ended(site)


def test_the_work_of_a_silent_worker_is_taken_over(site, nights):
    claimed_by_one_who_died(site)
    site.time.pass_(milliseconds=SILENT_WORKER_MS)
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


def test_a_worker_keeps_its_claim_until_it_freezes(site, nights, monkeypatch):
    """A worker that was frozen and lost its claim does not continue."""
    first, second = worker(site), worker(site)
    retention = site.services[Retention]
    sweep = retention.sweep

    def slow(alive):
        for _ in range(3):
            site.time.pass_(milliseconds=SILENT_WORKER_MS - 1)
            alive(1)
            second.tick()
        monkeypatch.undo()
        site.time.pass_(milliseconds=SILENT_WORKER_MS + 1)
        second.tick()
        taken_over.extend(nights())
        site.time.pass_(milliseconds=SILENT_WORKER_MS)
        alive(1)
        return sweep(alive)

    taken_over: list[str] = []
    monkeypatch.setattr(retention, "sweep", slow)
    first.tick()
    assert taken_over == nights() == ["2025-12-16"]


def test_a_wrong_clock_does_not_stop_the_nightly_work(site, nights):
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


def days_kept(site: Site) -> list[str]:
    rows = site.rows("SELECT day FROM visits WHERE visitor_number IS NULL ORDER BY id")
    return [day for (day,) in rows]


def test_every_visit_keeps_its_person_for_the_retention_days_and_today(site):
    """Local days, to the millisecond: midnight in Dhaka is at 18:00 UTC."""
    for moment in ("2025-11-15T23:59:59.999+06:00", "2025-11-16T00:00:00+06:00", "2025-12-16T12:00:00+06:00"):
        site.time.go_to(moment)
        site.services[Visits].register(NewVisit("ayesha", None, at_ms=site.time.ms))
    assert site.reduce().visits == 1
    assert days_kept(site) == ["2025-11-16", "2025-12-16"]
    site.time.go_to("2025-12-16T23:59:59.999+06:00")
    assert site.reduce().visits == 0
    assert site.register("karim", visitId="1").ordinal == 4
    site.time.go_to("2025-12-17T00:00:00+06:00")
    assert site.reduce().visits == 1
    assert days_kept(site) == ["2025-12-16"] * 2
    site.time.go_to("2026-01-15T23:59:59.999+06:00")
    site.reduce()
    assert site.register("karim", visitId="1").duplicate
    site.time.ms += 1
    site.reduce()
    assert site.register("karim", visitId="1").ordinal == 5
    assert site.recount() == []


def test_the_nightly_work_deletes_expired_rows(site):
    now, day = site.time.ms, 86_400_000
    columns = "id, email, email_key, name, password, is_admin, created_ms"
    site.rows(f"INSERT INTO users ({columns}) VALUES ('u', 'a@b.c', 'a@b.c', 'A', '-', false, 0)")
    for name, expires in (("over", now), ("alive", now + 1)):
        columns = "id, user_id, refresh_id, created_ms, expires_ms"
        site.rows(f"INSERT INTO sessions ({columns}) VALUES ('{name}', 'u', '-', 0, {expires})")
        site.rows("INSERT INTO login_failures VALUES (:name, 1, 0, '{}', :expires)", name=name, expires=expires)
    columns = "id, at_ms, actor, action, target_kind, target_id, target, details, place"
    for number, at_ms in ((1, now - 30 * day - 1), (2, now - 30 * day), (3, now)):
        site.rows(f"INSERT INTO audit_log ({columns}) VALUES ({number}, {at_ms}, '', '', '', '', '', '{{}}', '')")
    assert +site.services[Retention].sweep() == {"sessions": 1, "login_failures": 1, "audit_log": 1}
    assert +site.services[Retention].sweep() == {}
    assert site.rows("SELECT id FROM sessions") == [("alive",)]
    assert site.rows("SELECT account FROM login_failures") == [("alive",)]
    assert site.rows("SELECT id FROM audit_log ORDER BY id") == [(2,), (3,)]


PHONE = "Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36"
SHORT = "Chrome on Android (phone)"
DAYS = ("2025-11-01", "2025-11-02", "2025-11-03", "2025-12-20", "2025-12-21")


def test_an_old_user_agent_is_replaced_by_the_text_of_its_parsed_values(site, monkeypatch):
    use_small_pieces(monkeypatch, 2)
    site.time.go_to("2025-12-22T12:00:00+06:00")
    for number, day in enumerate(DAYS):
        at_ms = site.services.clock.began_s(day) * 1000
        agent = PHONE if number else "curl/8.5.0"
        site.services[Visits].register(NewVisit("ayesha", None, at_ms=at_ms, user_agent=agent))
    for days, agents in ((0, [SHORT, SHORT, PHONE, PHONE]), (29, [SHORT] * 4)):
        site.time.pass_(days=days)
        site.services[Retention].reduce_user_agents()
        stored = site.rows("SELECT user_agent FROM visits ORDER BY id")
        assert stored == [("curl (desktop)",), *((agent,) for agent in agents)]
    assert site.recount() == []
