"""The ledger on PostgreSQL."""

import os
from collections.abc import Callable
from contextlib import closing, suppress
from socket import SHUT_WR, socketpair
from typing import Any

import psycopg2
import psycopg2.extensions
import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool
from support.application.site import Site
from support.programs.processes import wait_until
from support.programs.threads import SOON_S, in_thread

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.database import postgres as postgres_module
from koyjabo.base.models import SITE, Scope
from koyjabo.communities.communities import open_counter
from koyjabo.counting import ledger_postgres
from koyjabo.counting.ledger_postgres import STATEMENTS
from koyjabo.counting.ledger_store import open_store
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits

LEFT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

WAITS = f"{LEFT} AND wait_event_type = 'Lock' AND application_name = 'koyjabo'"

LIMITS = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name LIKE '%timeout'"


@pytest.fixture
def postgres_database(postgres):
    return postgres.new_database()


@pytest.fixture
def postgres_site(postgres_database):
    with Site(postgres_database.url) as postgres_site:
        yield postgres_site


def commits(query: str) -> bool:
    """Whether the transaction ends with this message."""
    return query.strip().endswith("COMMIT") or "_write_expected(" in query


class HookedCursor:
    """A cursor that calls `hook` before the message that commits."""

    def __init__(self, cursor: Any, hook: Callable[[Any], object]) -> None:
        self._cursor, self._hook = cursor, hook

    def execute(self, query: str, parameters: Any = None) -> None:
        if commits(query):
            self._hook(self._cursor)
        self._cursor.execute(query, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def ledger_of(postgres_site: Site, hook: Callable[[Any], object] = lambda cursor: None):
    """A second ledger. `hook` is called with the cursor of each of its transactions, before it writes."""
    store: Any = open_store(make_url(postgres_site.database_url), postgres_site.services.clock)
    write = store._write
    store._write = lambda batch, connection, cursor, first: write(batch, connection, HookedCursor(cursor, hook), first)
    return closing(store)


def visits_of(postgres_site: Site, visitor: str, *visits: str, scope: str = SITE) -> list[tuple[NewVisit, str]]:
    return [(NewVisit(visitor, visit, Scope(scope), at_ms=postgres_site.time.ms), visit) for visit in visits]


def kill_connections(postgres_database) -> None:
    postgres_database.cut_connections()
    wait_until(lambda: postgres_database.rows(LEFT) == [(0,)], "the connections are gone")


def test_a_connection_that_was_killed_while_idle_is_opened_again(postgres_site, postgres_database):
    for ordinal in (1, 2, 3):
        kill_connections(postgres_database)
        assert postgres_site.register().ordinal == ordinal
        assert postgres_site.stats()["totalVisits"] == ordinal
    kill_connections(postgres_database)
    assert (postgres_site.heartbeat("nobody").status_code, postgres_site.heartbeat().status_code) == (404, 204)


def test_a_connection_that_broke_in_the_middle_of_a_row_is_opened_again(postgres_site, postgres_database):
    """Psycopg raises its base class for that. SQLAlchemy does not know each of its texts."""
    reading = postgres_site.services[Visits]._ledger._store._reading
    postgres_site.register()
    for row in (b"D\x00\x00\x00\x30\x00", b"T\x00\x00\x00\x06\x00\x00D\x00\x00\x00\x06\x00\x07"):
        postgres_site.stats()
        break_off(reading.connection(), row)
        assert postgres_site.stats()["totalVisits"] == 1
        with closing(postgres_module.connect(reading._dsn)) as connection, connection.cursor() as cursor:
            break_off(connection, row)
            with pytest.raises(psycopg2.OperationalError):
                cursor.execute("SELECT 1")
            assert connection.closed


def break_off(connection: Any, received: bytes) -> None:
    """Put a connection in place of this one that ends after these bytes."""
    ours, its = socketpair()
    with ours, its:
        ours.sendall(received)
        ours.shutdown(SHUT_WR)
        os.dup2(its.fileno(), connection.fileno())


class Unlucky(psycopg2.extensions.cursor):
    """Loses the connection once, before or after the server has received the message that commits."""

    when: str | None = None

    def execute(self, query, parameters=None):
        if self.when and commits(query):
            when, Unlucky.when = self.when, None
            if when == "after":
                super().execute(query, parameters)
            self.connection.close()
            raise psycopg2.OperationalError("server closed the connection unexpectedly")
        super().execute(query, parameters)


@pytest.fixture
def unlucky(monkeypatch):
    """`unlucky("after")`: the next COMMIT succeeds, but its response is lost."""
    connect = postgres_module.connect

    def connect_unlucky(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.cursor_factory = Unlucky
        return connection

    monkeypatch.setattr(postgres_module, "connect", connect_unlucky)
    return lambda when: monkeypatch.setattr(Unlucky, "when", when)


@pytest.mark.parametrize(("warm", "when"), [(False, "before"), (False, "after"), (True, "before"), (True, "after")])
def test_a_visit_is_counted_once_although_its_commit_is_not_confirmed(unlucky, postgres_database, warm, when):
    with Site(postgres_database.url) as postgres_site:
        counted = postgres_site.register("somebody").ordinal if warm else 0
        unlucky(when)
        mine = postgres_site.register("ayesha", visitId="1")
        assert (mine.ordinal, mine.duplicate, mine.stats["totalVisits"]) == (counted + 1, False, counted + 1)
        assert (mine.stats["uniqueVisitors"], mine.stats["todayVisits"]) == (counted + 1, counted + 1)
        unlucky(when)
        again = postgres_site.register("ayesha", visitId="1")
        assert (again.ordinal, again.duplicate, again.stats["totalVisits"]) == (counted + 1, True, counted + 1)
        unlucky(when)
        assert postgres_site.register("ayesha").ordinal == counted + 2  # without an id
        assert postgres_site.rows("SELECT count(*) FROM visits") == [(counted + 2,)]
        assert postgres_site.recount() == []


@pytest.mark.parametrize("warm", [False, True])
def test_a_visit_that_another_server_stored_first_counts_once(postgres_site, warm):
    """A client without a response retries on another server, which gives the visit the ordinal planned here."""

    def lose(cursor) -> None:
        if batch and not receipts:
            cursor.connection.close()
            receipts.extend(other.commit([(visit._replace(at_ms=visit.at_ms + 1), key) for visit, key in batch]))
            raise psycopg2.OperationalError("server closed the connection unexpectedly")

    receipts: list = []
    batch: list = []
    with ledger_of(postgres_site, lose) as one, ledger_of(postgres_site) as other:
        if warm:
            one.commit(visits_of(postgres_site, "karim", "1"))
        batch += visits_of(postgres_site, "ayesha", "1")
        receipts += one.commit(batch)
    assert [(receipt.ordinal, receipt.duplicate) for receipt in receipts] == [(1 + warm, False), (1 + warm, True)]


def test_a_visit_counts_once_although_its_connection_has_lost_the_prepared_statements(postgres_site):
    """A pooler may switch each transaction to another connection of the server."""
    with ledger_of(postgres_site) as ledger:
        for ordinal in range(1, 5):
            (receipt,) = ledger.commit(visits_of(postgres_site, "ayesha", str(ordinal)))
            assert (receipt.ordinal, receipt.duplicate) == (ordinal, False)
            if ordinal < 3:
                with ledger._link.connection().cursor() as cursor:
                    cursor.execute("DEALLOCATE ALL")


def test_a_visit_counts_after_a_migration_changed_the_type_of_a_column(postgres_site):
    with ledger_of(postgres_site) as ledger:
        ledger.commit(visits_of(postgres_site, "ayesha", "1"))
        postgres_site.rows("ALTER TABLE visits ALTER COLUMN place TYPE varchar(300)")
        (receipt,) = ledger.commit(visits_of(postgres_site, "ayesha", "2"))
        assert receipt.ordinal == 2


def test_connections_in_two_time_zones_have_the_same_name_for_their_server(postgres_database):
    texts = set()
    for zone in ("UTC", "Asia/Dhaka"):
        with closing(psycopg2.connect(postgres_database.url)) as connection, connection.cursor() as cursor:
            cursor.execute(f"SET timezone = '{zone}'; {STATEMENTS.prepare}")
            cursor.execute("SELECT statement FROM pg_prepared_statements WHERE name LIKE '%look_up'")
            texts.add(cursor.fetchone())
    assert len(texts) == 1


RESTORED = "0b9a6b2e-0000-4000-8000-000000000001"

STORE = """
SELECT * FROM counters FOR UPDATE;
INSERT INTO visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s, place, is_bot)
SELECT visits + 1, total + 1, 'site', 'ayesha', '1', 1, '2025-12-16', 1, 'Unknown', false FROM counters;
INSERT INTO visitors (scope, visitor_id, first_visit) VALUES ('site', 'ayesha', 1);
UPDATE counters SET visits = visits + 1, total = total + 1, unique_visitors = unique_visitors + 1 WHERE scope = 'site'
"""


@pytest.mark.parametrize("warm", [False, True])
def test_a_batch_sees_all_rows_committed_while_it_waited_for_the_lock(postgres_site, postgres_database, warm):
    """The lock and the next statement are sent in one message, and each sees what was committed before it began. A warm
    ledger expects the numbers of its last commit.
    """
    with (
        ledger_of(postgres_site) as ledger,
        closing(psycopg2.connect(postgres_database.url)) as other,
        other.cursor() as cursor,
    ):
        if warm:
            ledger.commit(visits_of(postgres_site, "karim", "1"))
        cursor.execute(STORE)
        waiting = in_thread(lambda: ledger.commit(visits_of(postgres_site, "ayesha", "1", "2")))
        wait_until(lambda: postgres_database.rows(WAITS) == [(1,)], "it waits for the counters")
        other.commit()
        retry, new = waiting.result(SOON_S)
    assert [(receipt.ordinal, receipt.duplicate) for receipt in (retry, new)] == [(1 + warm, True), (2 + warm, False)]
    assert (new.snapshot.total, new.snapshot.unique_visitors) == (2 + warm, 1 + warm)


@pytest.mark.parametrize(
    ("change", "counted"),
    [
        ("UPDATE counters SET total = total + 5", (7, 2, 1)),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in (
                ("UPDATE counters SET epoch = epoch + 1", (2, 2, 1)),
                ("UPDATE counters SET unique_visitors = 9", (2, 2, 9)),
                ("UPDATE daily_visits SET visits = visits + 5", (2, 7, 1)),
                ("DELETE FROM visitors", (2, 2, 2)),
            )
        ),
    ],
)
def test_a_visit_is_added_to_numbers_that_another_process_has_changed(postgres_site, change, counted):
    """Another process may change anything between two commits, and not every change has a new revision."""
    with ledger_of(postgres_site) as ledger:
        ledger.commit(visits_of(postgres_site, "ayesha", "1"))
        postgres_site.rows(change)
        (receipt,) = ledger.commit(visits_of(postgres_site, "ayesha", "2"))
    assert (receipt.ordinal, receipt.day_number, receipt.snapshot.unique_visitors) == counted
    assert postgres_site.rows("SELECT ordinal, day_number FROM visits WHERE visit_id = '2'") == [counted[:2]]
    figures = receipt.snapshot
    assert postgres_site.rows("SELECT total, unique_visitors FROM counters") == [
        (figures.total, figures.unique_visitors)
    ]


def test_ledgers_that_take_turns_count_each_visit_once(postgres_site, monkeypatch):
    monkeypatch.setattr(ledger_postgres, "LOOK_UP_S", 0)
    with ledger_of(postgres_site) as one, ledger_of(postgres_site) as other:
        for number, ledger in enumerate((one, one, other, one, other, other, other, one, one, other), 1):
            visitor = f"visitor {number % 4}"
            batch = visits_of(postgres_site, visitor, str(number)) + visits_of(postgres_site, "visitor 1", "1")
            receipts = ledger.commit(batch[:1] if number % 3 else batch)
            assert [receipt.ordinal for receipt in receipts] == [number, 1][: len(receipts)]
            assert receipts[-1].snapshot.unique_visitors == min(number, 4)
    assert postgres_site.recount() == []


def test_a_counter_added_while_the_lock_is_awaited_is_also_locked(postgres_site, postgres_database):
    """Otherwise the batch would overwrite another transaction's figures of a restored community."""

    def try_to_lock(_cursor) -> None:
        with suppress(psycopg2.errors.LockNotAvailable):
            unlocked.extend(
                postgres_database.rows(f"SELECT scope FROM counters WHERE scope = '{RESTORED}' FOR UPDATE NOWAIT")
            )

    unlocked: list[tuple] = []
    engine = create_engine(postgres_database.url.replace("postgresql:", "postgresql+psycopg2:"), poolclass=NullPool)
    with ledger_of(postgres_site, try_to_lock) as ledger, Session(engine) as restoring:
        open_counter(restoring, RESTORED, postgres_site.time.ms, visits=5, visitors=3)
        waiting = in_thread(lambda: ledger.commit(visits_of(postgres_site, "ayesha", "1", scope=RESTORED)))
        wait_until(lambda: postgres_database.rows(WAITS) == [(1,)], "it waits for the site's counter")
        restoring.commit()
        (receipt,) = waiting.result(SOON_S)
    assert unlocked == []
    assert (receipt.ordinal, receipt.own.total) == (1, 6)


def test_a_commit_that_waited_past_midnight_has_a_receipt_of_the_new_day(postgres_site, postgres_database):
    """After a look-up. Without one, the receipt keeps the old day, whose visits are not shown as today's."""
    postgres_site.time.go_to("2025-12-16T23:59:59.999+06:00")
    complaints: list[str] = []
    with ledger_of(postgres_site, lambda cursor: complaints.extend(cursor.connection.notices)) as ledger:
        with postgres_database.locked():
            waiting = in_thread(lambda: ledger.commit(visits_of(postgres_site, "karim", "1")))
            wait_until(lambda: postgres_database.rows(WAITS) == [(1,)], "it waits for the counters")
            postgres_site.time.ms += 1
        (receipt,) = waiting.result(SOON_S)
    assert (receipt.ordinal, receipt.snapshot.day, receipt.snapshot.day_visits) == (1, "2025-12-17", 0)
    assert postgres_site.rows("SELECT day, visits FROM daily_visits") == [("2025-12-16", 1)]
    assert postgres_site.recount() == []
    assert complaints == [], "the server warns of a BEGIN within a transaction"


def test_the_time_limits_end_with_the_transaction_of_the_ledger(postgres_site):
    """A pooler may give the connection to another client afterwards."""

    def look(cursor) -> None:
        cursor.execute(LIMITS)
        settings.append(dict(cursor.fetchall()))

    settings: list[dict[str, str]] = []
    with ledger_of(postgres_site, look) as ledger:
        (receipt,) = ledger.commit(visits_of(postgres_site, "ayesha", "1"))
        assert (receipt.ordinal, ledger.snapshot(SITE).total, ledger.knows(SITE, "ayesha")) == (1, 1, True)
        for link in (ledger._link, ledger._reading):
            with link.connection().cursor() as cursor:
                look(cursor)
    limits = {"statement_timeout": "5000", "lock_timeout": "4000", "idle_in_transaction_session_timeout": "6000"}
    assert settings == [limits, {}, {}]


def test_half_of_a_restored_dump_is_an_outage_and_no_error_of_the_program(postgres_site, postgres_database):
    """Its tables come first, with older rows. Its keys come last."""
    postgres_site.register("karim")
    postgres_database.rows("ALTER TABLE counters RENAME TO later")
    assert postgres_site.stats()["stale"]
    with pytest.raises(LedgerUnavailable):
        postgres_site.set_total(6000)
    postgres_database.rows("ALTER TABLE later RENAME TO counters; UPDATE counters SET total = 0")
    postgres_database.rows("ALTER TABLE watermarks DROP CONSTRAINT watermarks_pkey")
    visit = {"visitorId": "ayesha", "visitId": "1"}
    assert postgres_site.post("/api/visitor/register", json=visit).status_code == 503
    postgres_database.rows("ALTER TABLE watermarks ADD PRIMARY KEY (name)")
    assert postgres_site.post("/api/visitor/register", json=visit).status_code == 200


def test_the_log_names_the_cause_of_an_outage_without_the_statement(postgres_site, postgres_database, caplog):
    postgres_database.rows("ALTER TABLE visits RENAME TO later")
    assert postgres_site.post("/api/visitor/register", json={"visitorId": "ayesha"}).status_code == 503
    (line,) = (line for line in caplog.messages if line.startswith("ledger_unavailable"))
    assert line == """ledger_unavailable cause='relation "visits" does not exist'"""
