"""PostgreSQL with a promoted standby, or behind a real PgBouncer in transaction mode."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest
from support.application.site import Site
from support.databases.database import EMPTY, PostgresDatabase
from support.databases.pgbouncer import PgBouncer
from support.databases.replication import Replication, replication
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.programs.threads import in_thread
from support.servers.changed_server import ChangedServer
from support.servers.server import Server

from koyjabo.base.cluster import redis_client
from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.workers_redis import RedisWorkers
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.batch_worker import STUCK_S, WATCH_INTERVAL_S
from koyjabo.base.database.engine import LOCK
from koyjabo.base.database.outage_causes import STANDBY, cause_of
from koyjabo.base.database.postgres import SHORT_TIMEOUT_S, Unreachable, connect, was_committed
from koyjabo.base.database.timelines import ServerTimeline, Timelines
from koyjabo.counting import high_water_redis
from koyjabo.counting.high_water import HighWater
from koyjabo.counting.high_water_redis import RedisHighWater
from koyjabo.upkeep.health.queries import Standbys
from koyjabo.upkeep.health.system import System

AGAIN_S = PATIENCE_S
"""Limit on a busy machine."""

PROMISED_S = 10
"""Promised time from when the promoted server accepts writes until our server counts."""


@pytest.fixture
def pair(postgres) -> Iterator[Replication]:
    with replication(postgres) as made:
        yield made


@pytest.fixture
def replicated(pair) -> PostgresDatabase:
    return pair.new_database()


@pytest.fixture
def server(pair, replicated, new_server) -> Server:
    """A server that knows both hosts, the primary first."""
    return new_server(replicated, DATABASE_URL=pair.url_of(replicated.name)).start()


LOST = "SELECT scope, total_before, total_after FROM adjustments WHERE kind = 'rolled_back'"


def counts_again(server: Server, visit: str) -> None:
    """Retry a visit until it is acknowledged."""
    wait_until(lambda: server.post_visit("ayesha", visit).ok, "a visit is acknowledged", AGAIN_S, 0.05)


def readiness(server: Server) -> str:
    return str(server.get("/readyz").json()["checks"]["database"])


def test_promoted_standby_takes_over_and_its_old_primary_is_not_used(pair, replicated, server):
    """No restart is needed. The old primary is first in DATABASE_URL, and accepts writes."""
    assert [server.register("ayesha", visit).ordinal for visit in "123"] == [1, 2, 3]
    pair.wait_until_in_step()
    pair.primary.kill()
    pair.standby.promote()
    counts_again(server, "4")
    assert server.register("ayesha", "4").ordinal == 4
    pair.primary.start()
    pair.standby.database(replicated.name).cut_connections()
    assert server.register("ayesha", "5").ordinal == 5
    pair.standby.kill()
    wait_until(lambda: "timeline 2 was seen" in readiness(server), "it says why it does not use the other one")
    refused = server.post_visit("ayesha", "6")
    assert (refused.status_code, refused.json()["code"]) == (503, "ledger_unavailable")
    assert server.stats().stale
    assert server.koyjabo("ledger", "accept").returncode == 0
    counts_again(server, "6")
    assert replicated.rows("SELECT ordinal FROM visits ORDER BY id") == [(1,), (2,), (3,), (6,)]
    assert replicated.rows(LOST) == [("site", 3, 5)]


def test_server_counts_again_within_10_s_of_a_promotion(pair, server):
    """The sum of all timeouts for the old primary, which is frozen, is shorter."""
    assert STUCK_S + WATCH_INTERVAL_S + SHORT_TIMEOUT_S < PROMISED_S
    assert server.register("ayesha", "1").ordinal == 1
    pair.wait_until_in_step()
    with pair.primary.frozen():
        first = in_thread(lambda: server.post_visit("ayesha", "2").status_code)
        pair.standby.promote()
        counts_again(server, "3")
        assert first.result(AGAIN_S) in (200, 503)
    wait_until(lambda: not server.stats().stale, "it reads again")
    assert server.log.count("Traceback") == 0


def test_number_of_a_transaction_is_only_looked_up_on_its_own_server(pair, replicated):
    """On a promoted standby, the number belongs to another, committed transaction."""
    pair.standby.follow(None)
    with pytest.raises(Unreachable) as refused:
        connect(pair.standby.url_of(replicated.name))
    assert cause_of(refused.value) == STANDBY
    with closing(connect(replicated.url)) as before, before.cursor() as cursor:
        cursor.execute("SELECT txid_current()")
        (number,) = cursor.fetchone()
        assert was_committed(cursor, number, before.server)
    pair.standby.promote()
    with closing(connect(pair.standby.url_of(replicated.name))) as promoted, promoted.cursor() as cursor:
        for _ in range(9):
            cursor.execute("SELECT txid_current()")
        cursor.execute("SELECT txid_status(%s)", (number,))
        assert cursor.fetchone() == ("committed",)
        assert not was_committed(cursor, number, before.server)


def test_redis_remembers_which_timelines_were_seen(redis_server, monkeypatch):
    client = redis_client.connect(redis_server.url)
    outbox = RedisOutbox(ThreadRuntime(), client, lambda: None)
    shared = RedisHighWater(client, outbox, RedisWorkers(client, outbox), HighWater(), "a database")
    one, other = Timelines(), Timelines()
    one.note(ServerTimeline(7, 0, 2))
    monkeypatch.setattr(high_water_redis, "TIMELINES", one)
    shared.renew()
    outbox.drain()
    monkeypatch.setattr(high_water_redis, "TIMELINES", other)
    shared.load()
    assert not other.admits(ServerTimeline(7, 0, 1))
    assert "timeline 2 was seen" in other.refusal
    assert other.admits(ServerTimeline(7, 1, 1)), "an operator has accepted it"


@pytest.mark.long(proved_by="upkeep/health/test_health_checks.py::test_bad_fact_colours_one_check_and_the_whole")
def test_health_sees_whether_a_standby_is_synchronous(pair, replicated):
    with Site(replicated.url) as site:
        assert standbys(site) == Standbys(1, 0, 0)
        pair.primary.set_("synchronous_standby_names", "standby")
        wait_until(lambda: standbys(site) == Standbys(1, 0, 1), "the standby is synchronous")
    pair.primary.execute("CREATE ROLE app LOGIN", f"ALTER DATABASE {replicated.name} OWNER TO app")
    replicated.rows("GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
    with Site(replicated.url.replace("postgres@", "app@")) as site:
        assert standbys(site) == Standbys(1, 1, 0)
        pair.primary.execute("GRANT pg_read_all_stats TO app")
        assert standbys(site) == Standbys(1, 0, 1)


def standbys(site: Site) -> Standbys:
    return site.services[System].facts(OPERATOR).database.standbys


IN_TIME_S = 60
"""Limit for operations that take seconds, but minutes if a lock is never released."""
HELD = """
SELECT * FROM pg_locks WHERE locktype = 'advisory'
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Restricted to this database, because other tests share the server."""

KEPT_BY_PGBOUNCER = {"application_name", "client_encoding", "DateStyle", "standard_conforming_strings", "TimeZone"}
"""PgBouncer sets these for each client."""

BAD_SETTINGS = 2


@pytest.fixture
def empty_database(postgres) -> PostgresDatabase:
    return postgres.new_database(EMPTY)


@pytest.fixture
def pgbouncer(tmp_path, postgres) -> Iterator[PgBouncer]:
    with PgBouncer(tmp_path, postgres, pool_size=2) as pooler:
        yield pooler


@pytest.fixture
def pooled(pgbouncer, empty_database, new_server) -> Callable[..., Server]:
    """Make servers, not yet started, that reach the database through PgBouncer."""
    return lambda **settings: new_server(empty_database, DATABASE_URL=pgbouncer.url_of(empty_database.name), **settings)


@contextmanager
def connected(url: str, **options: str) -> Iterator[psycopg2.extensions.cursor]:
    with closing(psycopg2.connect(url, **options)) as connection, connection.cursor() as cursor:
        yield cursor


def test_nothing_of_a_client_stays_with_the_connections_of_the_pool(pooled, pgbouncer, empty_database, tmp_path):
    """Otherwise the next client could be read-only, be cut off too early, or wait for a lock forever."""
    server = pooled().start()
    assert [server.register(visitor).ordinal for visitor in ("ayesha", "karim")] == [1, 2]
    assert server.post("/api/visitor/heartbeat", json={"visitorId": "ayesha"}).status_code == 204
    server.stats()
    assert server.koyjabo("verify").returncode == 0
    server.stop()
    assert empty_database.rows(HELD) == []
    url = pgbouncer.url_of(empty_database.name)
    with connected(url) as one, connected(url) as other:  # one transaction on each of the two connections
        for cursor in (one, other):
            cursor.execute("SELECT name FROM pg_settings WHERE source = 'session'")
        assert {name for cursor in (one, other) for (name,) in cursor.fetchall()} <= KEPT_BY_PGBOUNCER


RECORD = """
CREATE TABLE recorded_commits (name text, encoding text, durable text);
CREATE FUNCTION record_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO recorded_commits
    VALUES (TG_TABLE_NAME, current_setting('client_encoding'), current_setting('synchronous_commit'));
    RETURN NULL;
END $$;
"""
RECORD_TABLE = """
CREATE CONSTRAINT TRIGGER record_commit AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION record_commit()
"""
"""Records the settings at each commit that adds a row."""


def test_commits_wait_for_the_disk_and_store_unicode_whatever_the_operator_has_set(pooled, empty_database, postgres):
    """Visits, events and everything else are written in three different ways."""
    for setting in ("client_encoding = 'LATIN1'", "synchronous_commit = off"):
        postgres.execute(f"ALTER DATABASE {empty_database.name} SET {setting}")
    login = {"email": "root@example.com", "password": "Correct-horse-9"}
    server = pooled(ADMIN_EMAIL=login["email"], ADMIN_PASSWORD=login["password"]).start()
    empty_database.rows(RECORD)
    tables = ("visits", "events", "sessions")
    for table in tables:
        empty_database.rows(RECORD_TABLE.format(table=table))
    server.register("ayesha", page="/মিরপুর")
    event = {"visitorId": "ayesha", "events": [{"id": "1", "name": "search"}]}
    assert server.post("/api/events", json=event).status_code == 200
    assert server.post("/api/auth/login", json=login).ok
    assert set(empty_database.rows("SELECT * FROM recorded_commits")) == {(table, "UTF8", "on") for table in tables}


def test_start_that_finds_the_lock_held_names_the_holder_and_gives_up(pgbouncer, empty_database, tmp_path):
    changes = json.dumps({"koyjabo.base.database.engine.PATIENCE_S": 2, "koyjabo.base.database.engine.LOG_AFTER_S": 0})
    server = ChangedServer(
        empty_database, tmp_path, CHANGES=changes, DATABASE_URL=pgbouncer.url_of(empty_database.name)
    )
    with connected(empty_database.url, application_name="watch of the night") as holder:
        holder.execute(f"SELECT pg_advisory_xact_lock({LOCK}), pg_backend_pid()")
        pid = holder.fetchone()[1]
        server.launch()
        assert server.wait(IN_TIME_S).status == BAD_SETTINGS
    held, sentence = server.log.strip().splitlines()
    assert f"database_lock_held pid={pid} application='watch of the night' client=local since=20" in held
    assert sentence.startswith("Another process changes this database, and has not finished within 2 s: ")
    assert f"SELECT pg_terminate_backend({pid})" in sentence
    assert server.start().register("ayesha").ordinal == 1
    server.kill()
