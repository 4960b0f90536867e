"""Batches of visits: each visit counts once, or fails by itself. Most of them on both databases."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.engine import make_url
from support.application.site import Site, assert_error
from support.programs.processes import wait_until

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.models import SITE, Scope
from koyjabo.counting import ledger_sqlite
from koyjabo.counting.ledger_postgres import PostgresStore
from koyjabo.counting.ledger_sqlite import SqliteStore
from koyjabo.counting.ledger_store import open_store
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits

START = 4000
HERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b")
POISON = "poison"


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=START) as site:
        site.add_community(HERE)
        yield site


@pytest.mark.both_kinds
def test_a_batch_counts_every_visit_once_in_its_scope(site, database):
    sent = (("ayesha", SITE), ("babul", HERE), ("ayesha", SITE), ("chandni", SITE), ("babul", HERE), ("ayesha", HERE))
    store = open_store(make_url(database.url), site.services.clock)
    receipts = store.commit([(NewVisit(name, scope[:1], scope, at_ms=site.time()), scope[:1]) for name, scope in sent])
    stored = {scope: store.snapshot(scope) for scope in (SITE, HERE)}
    store.close()
    outcomes = [(receipt.ordinal - START, receipt.duplicate, receipt.own.scope) for receipt in receipts]
    first, others, second = (1, False, SITE), [(3, False, SITE), (2, True, HERE), (4, False, HERE)], (2, False, HERE)
    assert outcomes == [first, second, (1, True, SITE), *others]
    for snapshot, day_visits, people in ((stored[SITE], 4, 3), (stored[HERE], 2, 2)):
        assert (snapshot.visits, snapshot.day_visits, snapshot.unique_visitors) == (day_visits, day_visits, people)
    for receipt in receipts:
        own = stored[receipt.own.scope]
        assert (receipt.own.total, receipt.own.day_visits) == (own.total, own.day_visits)
        assert (receipt.snapshot.total, receipt.snapshot.day_visits) == (START + 4, 4)
    assert site.recount() == []


@pytest.mark.parametrize("written", [False, True])
def test_a_failed_commit_returns_503_and_counts_no_visit(sqlite_database, monkeypatch, written):
    class Failing(SqliteStore):
        def _write(self, batch, execute):
            if written:
                super()._write(batch, execute)
            raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(ledger_sqlite, "SqliteStore", Failing)
    with Site(sqlite_database.url) as site:
        before = site.contents()
        answer = site.post(json={"visitorId": "ayesha", "visitId": "1"})
        assert_error(answer, 503, "ledger_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (site.contents(), site.stats()["activeUsers"]) == (before, 0)
        monkeypatch.setattr(Failing, "_write", SqliteStore._write)
        again = site.register("ayesha", visitId="1")
        assert (again.ordinal, again.duplicate) == (1, False)
        assert site.recount() == []


class Poisoned:
    """A store that fails on one visit, and records how many visits were in its batch."""

    together: list[int] = []

    def commit(self, batch):
        if any(visit.visitor_id == POISON for visit, _ in batch):
            self.together.append(len(batch))
            raise ValueError("this one cannot be stored")
        return super().commit(batch)


@pytest.mark.both_kinds
def test_a_visit_that_cannot_be_stored_fails_no_other_visit_of_its_batch(database, monkeypatch):
    monkeypatch.setattr("koyjabo.counting.ledger_sqlite.SqliteStore", type("S", (Poisoned, SqliteStore), {}))
    monkeypatch.setattr("koyjabo.counting.ledger_postgres.PostgresStore", type("P", (Poisoned, PostgresStore), {}))
    monkeypatch.setattr(Poisoned, "together", [])
    with Site(database.url) as site:
        visits = site.services[Visits]
        site.register("warm-up")

        def register(visitor: str):
            try:
                return visits.register(NewVisit(visitor, "1", at_ms=site.time()))
            except Exception as error:
                return error

        names = [*map(str, range(5)), POISON, *map(str, range(5, 10))]
        with ThreadPoolExecutor(len(names)) as threads, database.locked():
            waiting = [threads.submit(register, name) for name in names]
            wait_until(lambda: visits.writer().waiting == len(names), "all of them wait")
        outcomes = [future.result() for future in waiting]
        (failed,) = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert isinstance(failed, LedgerUnavailable)
        assert max(Poisoned.together) > 1  # it was in a batch with others
        assert sorted(outcome.ordinal for outcome in outcomes if outcome is not failed) == list(range(2, 12))
        assert site.recount() == []
