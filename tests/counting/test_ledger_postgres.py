"""PostgreSQL connection failures, and the visit that is being stored at that moment."""

from contextlib import closing, suppress

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

from koyjabo.base.database import postgres as postgres_module
from koyjabo.base.models import SITE, Scope
from koyjabo.communities import queries
from koyjabo.counting.ledger import open_store
from koyjabo.counting.records import NewVisit

LEFT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

WAITS = f"{LEFT} AND wait_event_type = 'Lock' AND application_name = 'koyjabo'"

LIMITS = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name LIKE '%timeout'"


@pytest.fixture
def database(postgres):
    return postgres.new_database()


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        yield site


def ledger_of(site: Site, *fence):
    """A second ledger on the same database. `fence` is called within its transactions."""
    return closing(open_store(make_url(site.database_url), site.services.clock, *fence))


def visits_of(site: Site, visitor: str, *visits: str, scope: str = SITE) -> list[tuple[NewVisit, str]]:
    return [(NewVisit(visitor, visit, Scope(scope), at_ms=site.time.ms), visit) for visit in visits]


def kill_connections(database) -> None:
    database.cut_connections()
    wait_until(lambda: database.rows(LEFT) == [(0,)], "the connections are gone")


def test_connection_killed_while_idle_is_opened_again(site, database):
    for ordinal in (1, 2, 3):
        kill_connections(database)
        assert site.register().ordinal == ordinal
        assert site.stats()["totalVisits"] == ordinal
    kill_connections(database)
    assert (site.heartbeat("nobody").status_code, site.heartbeat().status_code) == (404, 204)


class Unlucky(psycopg2.extensions.cursor):
    """Loses the connection once, before or after the server has received the message that ends with COMMIT."""

    when: str | None = None

    def execute(self, query, parameters=None):
        if self.when and query.strip().endswith("COMMIT"):
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
def test_visit_is_counted_once_when_its_commit_goes_unconfirmed_and_stays_a_retry(unlucky, database, warm, when):
    with Site(database.url) as site:
        counted = site.register("somebody").ordinal if warm else 0
        unlucky(when)
        mine = site.register("ayesha", visitId="1")
        assert (mine.ordinal, mine.duplicate, mine.stats["totalVisits"]) == (counted + 1, False, counted + 1)
        assert (mine.stats["uniqueVisitors"], mine.stats["todayVisits"]) == (counted + 1, counted + 1)
        unlucky(when)
        again = site.register("ayesha", visitId="1")
        assert (again.ordinal, again.duplicate, site.stats()["totalVisits"]) == (counted + 1, True, counted + 1)
        unlucky(when)
        assert site.register("ayesha").ordinal == counted + 2  # without an id
        assert site.rows("SELECT count(*) FROM visits") == [(counted + 2,)]
        assert site.recount() == []


def test_visit_that_another_server_stored_first_is_new_only_there(site):
    """A client without a response retries on another server, which gives the visit the ordinal planned here."""

    def lose(cursor) -> None:
        if not receipts:
            cursor.connection.close()
            receipts.extend(other.commit(batch))
            raise psycopg2.OperationalError("server closed the connection unexpectedly")

    receipts: list = []
    batch = visits_of(site, "ayesha", "1")
    with ledger_of(site, lose) as one, ledger_of(site) as other:
        receipts += one.commit(batch)
    assert [(receipt.ordinal, receipt.duplicate) for receipt in receipts] == [(1, False), (1, True)]


RESTORED = "0b9a6b2e-0000-4000-8000-000000000001"

STORE = """
SELECT * FROM counters FOR UPDATE;
INSERT INTO visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s, place, is_bot)
VALUES (1, 1, 'site', 'ayesha', '1', 1, '2025-12-16', 1, 'Unknown', false);
INSERT INTO visitors (scope, visitor_id, first_visit) VALUES ('site', 'ayesha', 1);
UPDATE counters SET visits = 1, total = 1, unique_visitors = 1 WHERE scope = 'site'
"""


def test_lookup_sees_what_the_lock_waited_for(site, database):
    """The lock and the lookup are sent in one message, and each statement sees what was committed before it began."""
    with ledger_of(site) as ledger, closing(psycopg2.connect(database.url)) as other, other.cursor() as cursor:
        cursor.execute(STORE)
        waiting = in_thread(lambda: ledger.commit(visits_of(site, "ayesha", "1", "2")))
        wait_until(lambda: database.rows(WAITS) == [(1,)], "it waits for the counters")
        other.commit()
        retry, new = waiting.result(SOON_S)
    assert [(receipt.ordinal, receipt.duplicate) for receipt in (retry, new)] == [(1, True), (2, False)]
    assert (new.snapshot.total, new.snapshot.unique_visitors) == (2, 1)


def test_counter_that_appears_while_the_lock_is_waited_for_is_locked_too(site, database):
    """It may be a restored community's counter. If it were not locked, the batch would overwrite another transaction's
    figures.
    """

    def try_to_lock(_cursor) -> None:
        with suppress(psycopg2.errors.LockNotAvailable):
            unlocked.extend(database.rows(f"SELECT scope FROM counters WHERE scope = '{RESTORED}' FOR UPDATE NOWAIT"))

    unlocked: list[tuple] = []
    engine = create_engine(database.url.replace("postgresql:", "postgresql+psycopg2:"), poolclass=NullPool)
    with ledger_of(site, try_to_lock) as ledger, Session(engine) as restoring:
        queries.open_counter(restoring, RESTORED, site.time.ms, visits=5, visitors=3)
        waiting = in_thread(lambda: ledger.commit(visits_of(site, "ayesha", "1", scope=RESTORED)))
        wait_until(lambda: database.rows(WAITS) == [(1,)], "it waits for the site's counter")
        restoring.commit()
        (receipt,) = waiting.result(SOON_S)
    assert unlocked == []
    assert (receipt.ordinal, receipt.own.total) == (1, 6)


def test_commit_that_waited_past_midnight_has_a_receipt_of_the_new_day(site, database):
    site.time.go_to("2025-12-16T23:59:59.999+06:00")
    complaints: list[str] = []
    with ledger_of(site, lambda cursor: complaints.extend(cursor.connection.notices)) as ledger:
        with database.locked():
            waiting = in_thread(lambda: ledger.commit(visits_of(site, "karim", "1")))
            wait_until(lambda: database.rows(WAITS) == [(1,)], "it waits for the counters")
            site.time.ms += 1
        (receipt,) = waiting.result(SOON_S)
    assert (receipt.ordinal, receipt.snapshot.day, receipt.snapshot.day_visits) == (1, "2025-12-17", 0)
    assert site.rows("SELECT day, visits FROM daily_visits") == [("2025-12-16", 1)]
    assert site.recount() == []
    assert complaints == [], "the server warns of a BEGIN within a transaction"


def test_time_limits_end_with_the_ledgers_transaction(site):
    """A pooler may give the connection to another client afterwards."""

    def look(cursor) -> None:
        cursor.execute(LIMITS)
        settings.append(dict(cursor.fetchall()))

    settings: list[dict[str, str]] = []
    with ledger_of(site, look) as ledger:
        (receipt,) = ledger.commit(visits_of(site, "ayesha", "1"))
        assert (receipt.ordinal, ledger.snapshot(SITE).total, ledger.knows(SITE, "ayesha")) == (1, 1, True)
        for link in (ledger._link, ledger._reading):
            with link.connection().cursor() as cursor:
                look(cursor)
    limits = {"statement_timeout": "5000", "lock_timeout": "4000", "idle_in_transaction_session_timeout": "6000"}
    assert settings == [limits, {}, {}]
