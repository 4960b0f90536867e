"""A server behind a real PgBouncer in transaction mode, where each transaction may use a different connection."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest
from support.databases.database import EMPTY, PostgresDatabase
from support.databases.pgbouncer import PgBouncer
from support.servers.changed_server import ChangedServer
from support.servers.server import Server

from koyjabo.base.database.engine import EXCLUSIVE_LOCK

IN_TIME_S = 60  # limit for operations that take seconds, but minutes if a lock is never released
HELD = """
SELECT * FROM pg_locks WHERE locktype = 'advisory'
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Restricted to this database, because other tests share the server."""

KEPT_BY_PGBOUNCER = {"application_name", "client_encoding", "DateStyle", "standard_conforming_strings", "TimeZone"}
"""PgBouncer sets these for each client."""

BAD_SETTINGS = 2


@pytest.fixture
def database(postgres) -> PostgresDatabase:
    return postgres.new_database(EMPTY)


@pytest.fixture
def pgbouncer(tmp_path, postgres) -> Iterator[PgBouncer]:
    with PgBouncer(tmp_path, postgres, pool_size=2) as pooler:
        yield pooler


@pytest.fixture
def pooled(pgbouncer, database, new_server) -> Callable[..., Server]:
    """Make servers, not yet started, that reach the database through PgBouncer."""
    return lambda **settings: new_server(database, DATABASE_URL=pgbouncer.url_of(database.name), **settings)


@contextmanager
def connected(url: str, **options: str) -> Iterator[psycopg2.extensions.cursor]:
    with closing(psycopg2.connect(url, **options)) as connection, connection.cursor() as cursor:
        yield cursor


def test_the_connections_of_a_pool_keep_no_setting_and_no_lock_of_a_client(pooled, pgbouncer, database, tmp_path):
    """Otherwise the next client could be read-only, be cut off too early, or wait for a lock forever."""
    server = pooled().start()
    assert [server.register(visitor).ordinal for visitor in ("ayesha", "karim")] == [1, 2]
    assert server.post("/api/visitor/heartbeat", json={"visitorId": "ayesha"}).status_code == 204
    server.stats()
    assert server.koyjabo("verify").returncode == 0
    server.stop()
    assert database.rows(HELD) == []
    url = pgbouncer.url_of(database.name)
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


def test_a_commit_waits_for_the_disk_and_stores_unicode_whatever_the_operator_sets(pooled, database, postgres):
    """Visits, events and everything else are written in three different ways."""
    for setting in ("client_encoding = 'LATIN1'", "synchronous_commit = off"):
        postgres.execute(f"ALTER DATABASE {database.name} SET {setting}")
    login = {"email": "root@example.com", "password": "Correct-horse-9"}
    server = pooled(ADMIN_EMAIL=login["email"], ADMIN_PASSWORD=login["password"]).start()
    database.rows(RECORD)
    tables = ("visits", "events", "sessions")
    for table in tables:
        database.rows(RECORD_TABLE.format(table=table))
    server.register("ayesha", page="/মিরপুর")
    event = {"visitorId": "ayesha", "events": [{"id": "1", "name": "search"}]}
    assert server.post("/api/events", json=event).status_code == 200
    assert server.post("/api/auth/login", json=login).ok
    assert set(database.rows("SELECT * FROM recorded_commits")) == {(table, "UTF8", "on") for table in tables}


def test_a_server_that_finds_the_migration_lock_held_names_the_holder_and_gives_up(pgbouncer, database, tmp_path):
    engine = "koyjabo.base.database.engine"
    changes = json.dumps({f"{engine}.MIGRATION_PATIENCE_S": 2, f"{engine}.LOG_AFTER_S": 0})
    server = ChangedServer(database, tmp_path, CHANGES=changes, DATABASE_URL=pgbouncer.url_of(database.name))
    with connected(database.url, application_name="watch of the night") as holder:
        holder.execute(f"SELECT pg_advisory_xact_lock({EXCLUSIVE_LOCK}), pg_backend_pid()")
        pid = holder.fetchone()[1]
        server.launch()
        assert server.wait(IN_TIME_S).status == BAD_SETTINGS
    held, sentence = server.log.strip().splitlines()
    assert f"database_lock_held pid={pid} application='watch of the night' client=local since=20" in held
    assert f"SELECT pg_terminate_backend({pid})" in sentence
    assert server.start().register("ayesha").ordinal == 1
    server.kill()
