"""Recounts started in the panel."""

import threading

import pytest
from support.application.site import Site
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

from koyjabo.base.cluster.workers import Progress
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import Account
from koyjabo.base.jobs import claims
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.audit.audit import Audit
from koyjabo.upkeep.health.health import Health
from koyjabo.upkeep.recounts import recount_queries, recounts
from koyjabo.upkeep.recounts.recounts import RECOUNT_BEGUN, RECOUNT_ENDED, Recounts
from koyjabo.upkeep.recounts.total import TotalAdjuster


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        yield site


def actions(site: Site, admin: Account) -> list[str]:
    actions = [line.action for line in site.services[Audit].page(admin).lines]
    return [action for action in actions if action.startswith("ledger.")]


def wait_for_end(site: Site) -> None:
    wait_until(lambda: site.services[Recounts].progress() is None, "the recount is over")


def recounted(site: Site, admin: Account) -> dict:
    """Run a recount, and return its result."""
    site.services[Recounts].begin(admin)
    wait_for_end(site)
    last = site.services[Recounts].state(admin).last
    assert last.action == RECOUNT_ENDED
    return last.details


class Pause:
    """Stops recounts at their first rows until they are resumed."""

    def __init__(self, monkeypatch) -> None:
        self.begun, self.over, self._real = threading.Event(), threading.Event(), recounts.recount
        monkeypatch.setattr(recounts, "recount", self._recount)

    def _recount(self, connection, progress, *sources):
        def pausing(rows: int) -> None:
            self.begun.set()
            assert self.over.wait(PATIENCE_S)
            progress(rows)

        return self._real(connection, pausing, *sources)


@pytest.fixture
def pause(monkeypatch):
    pause = Pause(monkeypatch)
    yield pause
    pause.over.set()


def test_the_total_is_not_set_after_a_visit_that_came_first(site, monkeypatch):
    actor = recounts.audit.actor

    def visited(*arguments):
        site.register("ayesha")
        return actor(*arguments)

    monkeypatch.setattr(recounts.audit, "actor", visited)
    assert site.services[TotalAdjuster].begin_with(9000) is False
    assert site.stats()["totalVisitors"] == 4001


def test_a_recount_reports_agreement_or_the_problems(site, admin, monkeypatch):
    monkeypatch.setattr(recount_queries, "MAX_STORED_PROBLEMS", 1)
    for visitor in ("a", "b", "a"):
        site.register(visitor)
    result = recounted(site, admin)
    assert result.pop("seconds") >= 0
    assert result == {"agrees": True, "problems": [], "problem_count": 0, "rows": 3}
    assert actions(site, admin) == [RECOUNT_ENDED, RECOUNT_BEGUN]
    site.rows("UPDATE daily_visits SET visits = 7")
    site.rows("UPDATE counters SET unique_visitors = 9")
    result = recounted(site, admin)
    assert (result["agrees"], result["problems"]) == (False, site.recount()[:1])
    assert result["problem_count"] > 1


def test_a_recount_reads_a_single_moment_and_delays_no_visits(site, admin, pause):
    site.register("a")
    site.services[Recounts].begin(admin)
    assert pause.begun.wait(PATIENCE_S)
    site.services[Recounts].begin(admin)  # starting it again does nothing
    site.register("b")
    assert site.services[AccountServices].users.page(admin).total == 1  # reports work during the recount
    (worker,) = site.services[Health].facts(admin, False).workers
    assert site.services[Recounts].state(admin).running == worker.recount == Progress(site.time.ms, 0, 1)
    pause.over.set()
    wait_for_end(site)
    details = site.services[Recounts].state(admin).last.details
    assert (details["agrees"], details["rows"]) == (True, 1)
    assert actions(site, admin) == [RECOUNT_ENDED, RECOUNT_BEGUN]


def test_a_recount_keeps_its_lease_while_it_runs_and_loses_it_with_its_worker(site, admin, pause, caplog):
    site.register()
    with Site(site.database_url, site.time) as other:
        other.services[Recounts].begin(admin)
        for _ in range(2):
            site.time.pass_(seconds=50)
            other.services[Recounts].renew()
            site.services[Recounts].begin(admin)
        assert actions(site, admin) == [RECOUNT_BEGUN]
        assert site.services[Recounts].state(admin).running
        site.time.pass_(seconds=61)  # without a renewal, as if its worker were dead
        site.services[Recounts].begin(admin)
        assert actions(site, admin) == [RECOUNT_BEGUN, RECOUNT_BEGUN]
        other.services[Recounts].renew()
        pause.over.set()
        wait_for_end(other)
        wait_for_end(site)
    assert actions(site, admin) == [RECOUNT_ENDED, RECOUNT_BEGUN, RECOUNT_BEGUN]
    assert "recount_replaced" in caplog.text


@pytest.mark.parametrize("comes_late", [False, True])
def test_the_result_of_a_recount_is_written_once_after_a_database_outage(site, admin, pause, monkeypatch, comes_late):
    """`comes_late` means that the write succeeded despite the error."""
    recounts, away = site.services[Recounts], [True] * 3
    write = recounts._database.write

    def fail(*said, **named):
        if away.pop() and comes_late:
            write(*said, **named)
        if not away:
            monkeypatch.setattr(recounts._database, "write", write)
        raise LedgerUnavailable

    site.register()
    recounts.begin(admin)
    assert pause.begun.wait(PATIENCE_S)
    monkeypatch.setattr(recounts._database, "write", fail)
    monkeypatch.setattr(claims, "STORE_RETRY_S", 0.01)
    pause.over.set()
    wait_for_end(site)
    assert away == []
    assert actions(site, admin) == [RECOUNT_ENDED, RECOUNT_BEGUN]
    assert recounts.state(admin).last.details["agrees"] is True


def test_a_recount_runs_every_night_and_at_the_first_start(site, admin):
    tonight = site.services[Recounts].tick
    made = []
    for hours in (0, 1, 17):  # 10:48, 11:48, and 04:48 in the morning
        site.time.pass_(hours=hours)
        tonight()
        wait_for_end(site)
        tonight()
        made.append(len(actions(site, admin)) // 2)
    assert made == [1, 1, 2]


def test_a_nightly_recount_that_was_interrupted_begins_again_after_an_hour(site, admin):
    site.services[Recounts].tick()
    wait_for_end(site)
    site.rows("DELETE FROM audit_log WHERE action = 'ledger.recounted'")
    for minutes, expected in ((59, [RECOUNT_BEGUN]), (1, [RECOUNT_ENDED, RECOUNT_BEGUN, RECOUNT_BEGUN])):
        site.time.pass_(minutes=minutes)
        site.services[Recounts].tick()
        wait_for_end(site)
        assert actions(site, admin) == expected
