"""Imports and other work: one import runs at a time, and days are not rolled up until it ends or its lease expires."""

import fcntl
import os
import threading
from collections.abc import Callable

import pytest
from support.application.site import SPEC_MOMENT, Site
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.programs.threads import SOON_S, in_thread
from support.sites.full_site import DAY_MS, bring, rows

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import DatabaseInUse, LedgerUnavailable
from koyjabo.base.database import executor, lease
from koyjabo.reports.visit_log import import_queries, importing
from koyjabo.reports.visit_log.import_file import BadLine
from koyjabo.reports.visit_log.import_queries import ImportUnderWay
from koyjabo.reports.visit_log.importing import Imported
from koyjabo.upkeep.retention import retention_queries
from koyjabo.upkeep.retention.retention import Pruned, Retention

pytestmark = pytest.mark.both_kinds

OLD = "2024-05-01T10:00:00Z"
LINES = 9

only_postgres = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
OPEN = "SELECT count(*) FROM imported_visits WHERE upto_visit IS NULL"


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        site.time.ms = SPEC_MOMENT + 100 * DAY_MS
        yield site


@pytest.fixture
def imported(site, monkeypatch) -> str:
    """An imported file of old visits. From now on, only a few lines are imported or rolled up at a time."""
    monkeypatch.setattr(importing, "BATCH", 2)
    for name in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(executor, name, 2)
    file = rows(*(f"v{n},{n},{OLD}" for n in range(LINES)))
    assert bring(site, file) == Imported(LINES, 0)
    site.store_blocks()  # only visits that reports have read are rolled up
    return file


def once(times: int, do: Callable[[], None]) -> Callable[[int], None]:
    """A function that runs `do` on its call number `times`."""
    calls = iter(range(1, 1000))

    def advance(done: int) -> None:
        if next(calls) == times:
            do()

    return advance


def prune(site: Site, advance: Callable[[int], None] = lambda ids: None) -> Pruned:
    return site.roll_up(advance=advance)


@only_postgres  # SQLite does not even start
def test_database_that_locks_an_import_out_is_unavailable(site, database):
    with database.locked(), pytest.raises(LedgerUnavailable):
        bring(site, rows("a,1,1714585000000"))
    assert bring(site, rows("a,1,1714585000000")) == Imported(1, 0)


def check_nothing_counted_twice(site: Site) -> None:
    assert site.stats()["totalVisits"] == LINES
    assert site.recount() == []


def when_folded(site: Site, do: Callable[[], None]) -> Callable[[int], None]:
    """A function that runs `do` once, after the first visits are rolled up."""
    done: list[bool] = []

    def advance(_: int) -> None:
        if not done and site.rows("SELECT 1 FROM folded_visits"):
            done.append(True)
            do()

    return advance


def test_roll_up_goes_on_after_an_import_that_came_into_it(site, imported):
    def begin_to_import() -> None:
        during = once(1, try_to_prune)
        with pytest.raises(BadLine, match=r"^Line 2: at is on a day whose visits were rolled up"):
            bring(site, imported, advance=during)

    def try_to_prune() -> None:
        with pytest.raises(ImportUnderWay):
            prune(site)

    assert prune(site, when_folded(site, begin_to_import)).visits == LINES
    check_nothing_counted_twice(site)


def test_import_waits_for_days_that_are_being_rolled_up(site, imported, database, monkeypatch):
    """It reports neither another import nor earlier visits."""
    monkeypatch.setattr(lease, "LOCK_LIMIT", "SET LOCAL lock_timeout = '1h';")
    retention = site.services[Retention]
    sums = retention._reports.reports.day_sums(site.rows("SELECT min(day) FROM visits")[0][0])
    retention._database.write(retention_queries.begin_folding, sums)
    is_folding, may_commit = threading.Event(), threading.Event()

    def fold_slowly(session) -> None:
        retention_queries.fold_old(session, sums.day, 0, sums.seen.visits, size=2)
        is_folding.set()
        assert may_commit.wait(PATIENCE_S)

    folding = in_thread(lambda: retention._database.write(fold_slowly))
    assert is_folding.wait(SOON_S)
    importing_it = in_thread(lambda: bring(site, imported))
    try:
        wait_until(lambda: importing_it.done() or is_asked_for(database), "the import waits")
        assert not importing_it.done()
    finally:
        may_commit.set()
    folding.result(SOON_S)
    with pytest.raises(BadLine):
        importing_it.result(SOON_S)
    check_nothing_counted_twice(site)


def is_asked_for(database) -> bool:
    """Whether an import is running or waiting."""
    if database.kind == "postgres":
        others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return bool(database.rows(f"{others} AND query LIKE '%INTO nightly_work%' AND wait_event_type = 'Lock'"))
    with import_queries._opened_beside(str(database.path)) as file:
        return not import_queries._locked(file, fcntl.LOCK_SH)


@only_postgres
def test_import_that_has_lost_its_lease_ends(site, imported, database, monkeypatch):
    """The next import must record the times of its visits."""
    monkeypatch.setattr(lease, "RENEW_S", 60)  # it does not renew its lease, as if frozen

    def lose_it() -> None:
        database.rows("UPDATE nightly_work SET seen_ms = 0 WHERE name = 'import'")
        prune(site)

    with pytest.raises(DatabaseInUse, match="import the same file again"):
        bring(site, imported + f"new,1,{iso(site.time.ms)}\n", advance=once(6, lose_it))
    check_nothing_counted_twice(site)
    assert database.rows(OPEN) == [(1,)]
    assert bring(site, rows(f"new,1,{iso(site.time.ms)}")) == Imported(1, 0)
    assert database.rows(OPEN) == [(0,)]


@only_postgres
def test_import_that_waits_for_its_input_keeps_its_lease(site, imported, database, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_S", 0.1)

    def seen_ms() -> int:
        return database.rows("SELECT seen_ms FROM nightly_work WHERE name = 'import'")[0][0]

    def wait_and_try_to_prune() -> None:
        began = seen_ms()
        wait_until(lambda: seen_ms() > began, "it renews its lease")
        with pytest.raises(ImportUnderWay):
            prune(site)
        with pytest.raises(DatabaseInUse):
            bring(site, imported)
        tried.append(True)

    tried: list[bool] = []
    assert bring(site, imported, advance=once(5, wait_and_try_to_prune)) == Imported(0, LINES)
    assert tried


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_root_who_imports_does_not_lock_the_owner_of_the_database_out(site, database):
    os.chown(database.path, 12345, 12346)
    bring(site, rows(f"a,1,{OLD}"))
    lock = database.path.with_name(f"{database.path.name}.import.lock").stat()
    assert (lock.st_uid, lock.st_gid) == (12345, 12346)
