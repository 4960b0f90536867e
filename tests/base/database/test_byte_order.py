"""PostgreSQL compares our texts by their bytes, and an upgrade separates pairs that another order has admitted."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select
from support.application.site import Site
from support.databases.database import PostgresDatabase
from support.sites.backups import back_up, restore

from koyjabo.base.core.extensions import db
from koyjabo.base.database.search import has
from koyjabo.people.models import User
from koyjabo.upkeep.backups import backup

pytestmark = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)

WITH_COLLATION = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = '{}' AND l.collname {} 'C'
"""
EXPRESSIONS = """
SELECT i.indexrelid FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = current_schema()::regnamespace AND i.indexprs IS NOT NULL
"""
ADDRESS = "a@koyjabo.example"
KEYS = ("uq_visits_visitor_visit", "visitors_pkey", "uq_events_visitor_event", "users_email_key_key")

DROP_KEYS = """
DROP INDEX uq_visits_visitor_visit, uq_events_visitor_event;
ALTER TABLE visitors DROP CONSTRAINT visitors_pkey; ALTER TABLE users DROP CONSTRAINT users_email_key_key
"""


def make_earlier(database: PostgresDatabase) -> None:
    """Give the columns the order of the database, as the version before did."""
    for table, column, type in database.rows(WITH_COLLATION.format("r", "=")):
        database.rows(f'ALTER TABLE {table} ALTER "{column}" TYPE {type} COLLATE "default"')
    database.rows("UPDATE alembic_version SET version_num = '0040'")


@contextmanager
def not_found_later(database: PostgresDatabase) -> Iterator[None]:
    """Rows of this block are not found by their keys afterwards, as if the order of texts had changed."""
    ready = "UPDATE pg_index SET indisready = {} WHERE indexrelid::regclass::text IN {}"
    database.rows(ready.format("false", KEYS))
    yield
    database.rows(ready.format("true", KEYS))


def write(site: Site, user: str) -> int:
    """Write a visit, an event and a user. Returns the visit's number."""
    number = site.register("ayesha", visitId="1").ordinal
    event = {"visitorId": "ayesha", "events": [{"id": "e", "name": "search"}]}
    assert site.post("/api/events", json=event).status_code == 200
    add_user(site, user, "A", number)
    return number


def add_user(site: Site, user: str, name: str, created_ms: int = 1) -> None:
    site.rows(
        "INSERT INTO users (id, email, email_key, name, password, is_admin, created_ms) "
        f"VALUES ('{user}', '{ADDRESS}', '{ADDRESS}', '{name}', '', false, {created_ms})"
    )


def test_no_column_and_no_index_depends_on_the_order_of_the_database(database):
    with Site(database.url):
        for kind in ("r", "i"):
            assert database.rows(WITH_COLLATION.format(kind, "<>")) == []
        assert database.rows(EXPRESSIONS) == []


def test_a_search_still_ignores_the_case_of_all_letters(postgres, database):
    name = f"named_{uuid.uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE 'C.UTF-8'")
    named = PostgresDatabase(postgres, name)
    with Site(named.url) as site:
        add_user(site, "1", "Éclair")
        with site.app.app_context():
            assert db.session.scalars(select(User.name).where(has(User.name, "éclair"))).all() == ["Éclair"]
    postgres.drop(named)


def add_pairs(site: Site, database: PostgresDatabase) -> None:
    make_earlier(database)
    site.register("karim")
    with not_found_later(database):
        first = write(site, "older")
    assert (first, write(site, "newer")) == (4002, 4003)
    assert site.stats()["uniqueVisitors"] == 3


def assert_separated(site: Site) -> None:
    assert site.stats()["uniqueVisitors"] == 2
    assert site.recount() == []
    visits = "SELECT visitor_id, visit_id, ordinal FROM visits WHERE visitor_id = 'ayesha' ORDER BY id"
    assert site.rows(visits) == [("ayesha", "1", 4002), ("ayesha", "~3", 4003)]
    assert site.rows("SELECT event_id FROM events ORDER BY id") == [("e",), ("~2",)]
    users = site.rows("SELECT id, email, email_key, disabled_ms IS NULL FROM users ORDER BY created_ms")
    assert users == [("older", ADDRESS, ADDRESS, True), ("newer", ADDRESS, "~newer", False)]
    again = site.register("ayesha", visitId="1")
    assert (again.ordinal, again.duplicate) == (4002, True)


def test_an_upgrade_separates_pairs_and_keeps_all_visit_numbers(database, caplog):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        add_pairs(site, database)
        site.restart()
        assert_separated(site)
    for table in ("visits", "visitors", "events", "users"):
        assert f"pairs_separated table={table} " in caplog.text
    assert "pairs_recounted problems=" in caplog.text


LONG = pytest.mark.long(
    proved_by="base/database/test_byte_order.py::"
    "test_a_restore_separates_the_pairs_of_a_backup_that_an_earlier_version_made"
)


@pytest.mark.parametrize("target", ["sqlite", pytest.param("postgres", marks=LONG)])
def test_a_restore_separates_the_pairs_of_a_backup_that_an_earlier_version_made(
    target, database, sqlite_database, postgres, tmp_path, monkeypatch
):
    monkeypatch.setattr(backup, "NEWEST_REVISION", "0040")
    with Site(database.url, STARTING_TOTAL=4000) as site:
        add_pairs(site, database)
        database.rows(DROP_KEYS)  # a real index lacks no row, so the backup is whole
        file = back_up(site, tmp_path / "pairs.backup")
    other = sqlite_database if target == "sqlite" else postgres.new_database()
    with Site(other.url) as site:
        restore(site, file)
        site.restart()
        assert_separated(site)


def test_an_upgrade_without_pairs_counts_nothing_again(database, caplog):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        make_earlier(database)
        write(site, "a")
        site.restart()
        assert site.register("ayesha", visitId="1").duplicate
        assert site.recount() == []
    assert database.rows(WITH_COLLATION.format("r", "<>")) == []
    assert "pairs" not in caplog.text


def test_a_changed_order_below_the_database_is_named_without_a_command_that_would_fail(database, new_server):
    """The tests' databases have the order "C", which has no version."""
    database.rows("UPDATE pg_database SET datcollversion = '2.31' WHERE datname = current_database()")
    server = new_server(database)
    server.start()
    ready = server.get("/readyz")
    (warning,) = ready.json()["warnings"]
    assert ready.ok
    assert "the database has version 2.31, and its system has none." in warning
    assert "REFRESH" not in warning
    assert server.log.count("no actual collation version, but a version was recorded") == 1
    assert "\nWARNING:  " not in f"\n{server.log}"
