"""A startup that has nothing to prepare detects this with only the database driver."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest
from support.application.site import SECRET, Site
from support.databases.database import PostgresDatabase
from support.programs.processes import run

import config
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.database.revisions import NEWEST_REVISION
from koyjabo.base.settings.database_url import file_of, for_libpq
from koyjabo.people.accounts.startup_queries import is_prepared

ADMIN = {"ADMIN_EMAIL": "Boss@example.com", "ADMIN_PASSWORD": "the first of them"}
CURRENT = f"UPDATE alembic_version SET version_num = '{NEWEST_REVISION}'"
PREPARE = """
import sys
import config
from koyjabo.server.process.loading import prepare
assert prepare(config.load())
print(*({"sqlalchemy", "flask", "eventlet", "redis"} & set(sys.modules)))
"""

RELEASE = "SET idle_in_transaction_session_timeout = 60000"
"""Longer than the product waits for a lock, so that a read without a limit eventually fails its test."""


def prepared(database, admin: str = "", needs_a_user: bool = False) -> bool:
    url = config.load({"ENVIRONMENT": "production", "SECRET_KEY": SECRET, "DATABASE_URL": database.url}).database_url
    return is_prepared(file_of(url) or for_libpq(url), admin, needs_a_user)


LACKS = {  # missing objects, and how to restore them
    "UPDATE alembic_version SET version_num = '0001'": CURRENT,
    "UPDATE alembic_version SET version_num = '9999'": CURRENT,
    "DELETE FROM alembic_version": f"INSERT INTO alembic_version VALUES ('{NEWEST_REVISION}')",
    "ALTER TABLE alembic_version RENAME TO elsewhere": "ALTER TABLE elsewhere RENAME TO alembic_version",
    "UPDATE counters SET scope = 'elsewhere'": "UPDATE counters SET scope = 'site'",
}


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_only_a_database_that_lacks_a_migration_or_a_counter_has_to_be_prepared(database):
    assert not prepared(database)
    with Site(database.url):
        assert prepared(database)
    for lost, restoring in LACKS.items():
        database.rows(lost)
        assert not prepared(database), lost
        database.rows(restoring)
        assert prepared(database), restoring


@pytest.mark.both_kinds
def test_a_database_without_the_first_admin_has_to_be_prepared(database):
    """The application creates the user, or reports that they are not an admin."""
    with Site(database.url):
        assert not prepared(database, admin="boss@example.com")
        assert not prepared(database, needs_a_user=True)
    with Site(database.url, **ADMIN):
        assert prepared(database, admin="boss@example.com")
        assert prepared(database, needs_a_user=True)
    database.rows("UPDATE users SET is_admin = (1 = 0)")
    assert not prepared(database, admin="boss@example.com")


@pytest.mark.both_kinds
def test_a_start_on_a_prepared_database_loads_no_application(database):
    with Site(database.url):
        pass
    loaded = run("-c", PREPARE, DATABASE_URL=database.url)
    assert (loaded.returncode, loaded.stdout, loaded.stderr) == (0, "\n", "")


@contextmanager
def locked(database: PostgresDatabase) -> Iterator[None]:
    """Lock a table, as a newer version's migration does."""
    with closing(psycopg2.connect(database.url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"{RELEASE}; LOCK TABLE counters IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_start_does_not_wait_for_tables_that_are_being_migrated(postgres):
    database = postgres.new_database()
    with Site(database.url):
        assert prepared(database)
    with locked(database):
        assert not prepared(database)
    with locked(database), pytest.raises(LedgerUnavailable) as unavailable:
        Site(database.url)
    assert isinstance(unavailable.value.__cause__.orig, psycopg2.errors.LockNotAvailable)
