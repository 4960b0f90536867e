"""Many threads at once, on the plain runtime: nothing is lost, nothing is counted twice, one bad visit fails alone."""

from __future__ import annotations

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.engine import make_url
from support.app_fixtures import Site, assert_error
from support.processes import wait_until

from koyjabo.counting import ledger_sqlite
from koyjabo.counting.ledger import open_store
from koyjabo.counting.ledger_postgres import PostgresStore
from koyjabo.counting.ledger_sqlite import SqliteStore
from koyjabo.counting.records import NewVisit
from koyjabo.errors import LedgerUnavailable
from koyjabo.models import SITE

pytestmark = pytest.mark.both_kinds

THREADS, EACH, START = 32, 50, 4000
RETRIED = 10  # the last ten of each thread are what another thread sends as well
POISON = "poison"


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=START) as site:
        yield site


def at_once(site: Site, visitors: list[str], visit: str = "1") -> list:
    """Register all of them in threads of their own; what each got, a receipt or an error."""

    def register(visitor: str):
        try:
            return site.services.counting.visits.register(NewVisit(visitor, visit, at_ms=site.time()))
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(visitors)) as threads:
        return list(threads.map(register, visitors))


def test_ordinals_have_no_gap_and_no_repeat(site):
    register = site.services.counting.visits.register

    def visits(thread: int) -> list[tuple[str, str]]:
        own = [(f"v{thread}", str(number)) for number in range(EACH - RETRIED)]
        shared = [(f"shared{thread // 2}", str(number)) for number in range(RETRIED)]
        return own + shared

    def run(thread: int):
        return [(key, register(NewVisit(*key, SITE, at_ms=site.time()))) for key in visits(thread)]

    with ThreadPoolExecutor(THREADS) as threads:
        receipts = [pair for pairs in threads.map(run, range(THREADS)) for pair in pairs]
    counted = [receipt.ordinal for _, receipt in receipts if not receipt.duplicate]
    distinct = len({key for key, _ in receipts})
    assert distinct == THREADS * (EACH - RETRIED) + THREADS // 2 * RETRIED
    assert sorted(counted) == list(range(START + 1, START + 1 + distinct))
    assert len({(key, receipt.ordinal) for key, receipt in receipts}) == distinct
    assert site.rows("SELECT count(*), max(ordinal) FROM visits") == [(distinct, START + distinct)]
    assert site.stats()["totalVisits"] == START + distinct
    assert site.recount() == []


def test_no_answer_has_a_total_below_its_own_ordinal(site):
    def run(thread: int) -> None:
        client = site.app.test_client()
        for _ in range(10):
            answer = client.post("/api/visitor/register", json={"visitorId": f"v{thread}"}).json
            assert answer["stats"]["totalVisits"] >= answer["visit"]["ordinal"]
            assert client.get("/api/stats").json["totalVisits"] >= answer["visit"]["ordinal"]

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(run, range(16)))
    assert site.stats()["totalVisits"] == START + 160


def test_retries_at_the_same_time_are_one_visit(site):
    receipts = at_once(site, ["ayesha"] * THREADS)
    assert {receipt.ordinal for receipt in receipts} == {START + 1}
    assert Counter(receipt.duplicate for receipt in receipts) == {False: 1, True: THREADS - 1}
    assert site.recount() == []


def test_retry_in_the_same_batch_is_a_retry(site, database):
    store = open_store(make_url(database.url), site.services.clock)
    batch = [(NewVisit(visitor, "1", at_ms=site.time()), "1") for visitor in ("ayesha", "babul", "ayesha")]
    receipts = store.commit(batch)
    store.close()
    assert [receipt[:2] for receipt in receipts] == [(START + 1, False), (START + 2, False), (START + 1, True)]


@pytest.mark.parametrize("written", [False, True])
def test_failed_commit_is_503_and_counts_nothing(sqlite_database, monkeypatch, written):
    class Failing(SqliteStore):
        def _write(self, made):
            if written:
                super()._write(made)
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


class Poisoned:
    """A store that one visit makes stumble; it notes how many it was asked to store together with it."""

    together: list[int] = []

    def commit(self, batch):
        if any(visit.visitor_id == POISON for visit, _ in batch):
            self.together.append(len(batch))
            raise ValueError("this one cannot be stored")
        return super().commit(batch)


@pytest.fixture
def poisoned_site(database, monkeypatch):
    monkeypatch.setattr("koyjabo.counting.ledger_sqlite.SqliteStore", type("S", (Poisoned, SqliteStore), {}))
    monkeypatch.setattr("koyjabo.counting.ledger_postgres.PostgresStore", type("P", (Poisoned, PostgresStore), {}))
    monkeypatch.setattr(Poisoned, "together", [])
    with Site(database.url) as site:
        yield site, database


def test_visit_that_cannot_be_stored_fails_alone(poisoned_site):
    site, database = poisoned_site
    site.register("warm-up")
    visitors = [f"v{number}" for number in range(20)]
    with ThreadPoolExecutor(1) as locker, database.locked():
        waiting = locker.submit(at_once, site, [*visitors[:10], POISON, *visitors[10:]])
        writer = site.services.counting.visits._ledger._writer
        wait_until(lambda: len(writer._taken) + len(writer._pending) == 21, "all of them wait")
    outcomes = waiting.result()
    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert (len(failed), isinstance(failed[0], LedgerUnavailable)) == (1, True)
    assert max(Poisoned.together) > 1  # it did have company
    assert sorted(outcome.ordinal for outcome in outcomes if outcome not in failed) == list(range(2, 22))
    assert site.recount() == []
