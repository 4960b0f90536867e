"""Migrations and models agree, and an up-to-date database is not changed.

The databases are copies of one that the migrations have made (`support.databases.database`).
"""

import re
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from support.application.site import Site, site_fixture
from support.people.api_keys import boss as admin, make
from support.programs.processes import ROOT, run, wait_until
from support.servers.server import START_S

from koyjabo.base.core.errors import UnusableDatabase
from koyjabo.base.core.extensions import db
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.database.startup_queries import MIGRATIONS, NEWEST_REVISION
from koyjabo.base.models import REMOVED_TABLES
from koyjabo.integrations.api_keys.api_keys import ApiKeys

WAITING = """SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
AND wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE counters%'"""
CHANGED = """SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE mode = 'AccessExclusiveLock' AND datname = current_database()"""

MODELS = set(db.metadata.tables)


site = site_fixture(STARTING_TOTAL=4000)


def downgrade(revision: str) -> None:
    with db.engine.begin() as connection:
        command.downgrade(Config(MIGRATIONS / "alembic.ini", attributes={"connection": connection}), revision)


def differences(site: Site) -> list:
    options = {"compare_type": True, "compare_server_default": True}
    options["include_object"] = lambda item, name, kind, *reflected: kind != "table" or name not in REMOVED_TABLES
    with site.app.app_context(), db.engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata)


def partial_indexes(site: Site) -> dict[str, str]:
    """Conditions of partial indexes, as the database reports them."""
    with site.app.app_context():
        look, option = inspect(db.engine), f"{db.engine.dialect.name}_where"
        indexes = [index for table in look.get_table_names() for index in look.get_indexes(table)]
        options = {index["name"]: index.get("dialect_options", {}) for index in indexes}
        return {name: str(value[option]) for name, value in options.items() if option in value}


def tables(site: Site) -> set[str]:
    with site.app.app_context():
        return set(inspect(db.engine).get_table_names())


def shape(site: Site) -> dict[str, object]:
    """Columns, keys and indexes of every table, as the database reports them."""
    with site.app.app_context():
        look = inspect(db.engine)
        parts = (look.get_multi_columns(), look.get_multi_pk_constraint(), look.get_multi_indexes())
        tables = {table: [repr(part[None, table]) for part in parts] for table in look.get_table_names()}
        return {table: [re.sub(r" object at 0x\w+", "", part) for part in parts] for table, parts in tables.items()}


@pytest.mark.both_kinds
def test_models_and_migrations_agree(site):
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [NEWEST_REVISION]
    assert site.rows("SELECT version_num FROM alembic_version") == [(NEWEST_REVISION,)]
    assert differences(site) == []
    declared = {index.name: index.info.get("where") for table in db.metadata.tables.values() for index in table.indexes}
    columns = {name: where.split()[0] for name, where in declared.items() if where}
    conditions = partial_indexes(site)
    assert {name: column for name, column in columns.items() if column in conditions.get(name, "")} == columns
    assert sorted(conditions) == sorted(columns)
    assert tables(site) - MODELS - REMOVED_TABLES == {"alembic_version"}


@pytest.mark.both_kinds
def test_migrations_can_be_undone_and_a_start_does_them_again(site):
    before = shape(site)
    with site.app.app_context():
        downgrade("base")
    assert tables(site) & (MODELS | REMOVED_TABLES) == set()
    assert site.rows("SELECT * FROM alembic_version") == []
    site.restart()
    assert shape(site) == before
    assert site.register().ordinal == 4001


@pytest.mark.both_kinds
def test_rolled_up_days_have_values_of_evidence_after_each_upgrade(site):
    total = "INSERT INTO insight_sums (scope, dimension, period, value, visits, new_visitors, count)"
    site.rows(f"{total} VALUES ('site', 'total', '2025-01-01', '', 5, 1, 0)")
    site.rows(f"{total} VALUES ('site', 'device', '2025-01-01', 'bot', 2, 0, 0)")
    for _ in range(2):
        with site.app.app_context():
            downgrade("0024")
        site.restart()
        sums = "SELECT dimension, value, visits FROM insight_sums WHERE dimension NOT IN ('total', 'device')"
        assert sorted(site.rows(sums)) == [
            *[("attended", "~", 5), ("evidence", "automated", 2), ("evidence", "~", 3)],
            *[("network", "~", 5), ("own", "others", 5)],
        ]


def test_makers_of_keys_and_webhooks_are_found_in_the_audit_log(site):
    boss = admin(site)
    make(boss, "stats:read")
    hook = {"url": "https://93.184.215.14/hook", "events": ["total.set"]}
    assert boss.post("/api/webhooks", json=hook).status_code == 201
    site.services[ApiKeys].create(OPERATOR, "Cron", ("stats:read",))
    before = [site.rows(f"SELECT id, created_by FROM {table} ORDER BY id") for table in ("api_keys", "webhooks")]
    assert sorted(str(maker) for rows in before for _id, maker in rows) == sorted(["None", boss.id, boss.id])
    with site.app.app_context():
        downgrade("0019")
    site.restart()
    assert [
        site.rows(f"SELECT id, created_by FROM {table} ORDER BY id") for table in ("api_keys", "webhooks")
    ] == before


def test_database_of_a_newer_version_is_used_as_far_as_that_version_allows(site):
    """Workers of this version restart while the newer version starts, and an operator may downgrade (decision 99)."""
    site.rows("UPDATE alembic_version SET version_num = '9999'")
    site.restart()
    assert site.register().ordinal == 4001
    assert site.rows("SELECT version_num FROM alembic_version") == [("9999",)]
    site.rows("UPDATE database_identity SET compatible_from = '9999'")
    with pytest.raises(UnusableDatabase, match=r"a newer version of this program has migrated it \(revision 9999\)"):
        site.restart()


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_migration_waits_for_batches_of_visits_that_have_begun(site, database):
    """Otherwise the two deadlock on each other's tables, and PostgreSQL ends one of them (`deadlock detected`)."""
    with site.app.app_context():
        downgrade("0015")
    with ThreadPoolExecutor() as thread:
        with database.locked():
            starting = thread.submit(site.restart)
            wait_until(lambda: database.rows(WAITING), "the migration waits")
            assert database.rows(CHANGED) == [(0,)]
        starting.result(START_S)
    assert site.rows("SELECT version_num FROM alembic_version") == [(NEWEST_REVISION,)]


def documented_command() -> list[str]:
    """The command in CONTRIBUTING.md that writes a migration, without the program."""
    (page,) = (*ROOT.glob("CONTRIBUTING.md"), *ROOT.glob("docs/CONTRIBUTING.md"))
    (command,) = re.findall(r"`\.venv/bin/alembic ([^`]+)`", page.read_text())
    return shlex.split(command)


def test_documented_command_writes_the_next_migration_from_a_changed_model(tmp_path, sqlite_database):
    """Uses a copy of the migrations, and a database that lacks a column."""
    copy = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    sqlite_database.rows("ALTER TABLE communities DROP COLUMN description")
    arguments = [str(copy / "alembic.ini") if "alembic.ini" in part else part for part in documented_command()]
    done = run("-m", "alembic", *arguments, **{"DATABASE_URL": sqlite_database.url})
    assert done.returncode == 0, done.stderr
    scripts = ScriptDirectory(str(copy))
    head = scripts.get_revision(scripts.get_current_head())  # raises an exception if there are two
    assert (head.revision, head.down_revision) == (f"{int(NEWEST_REVISION) + 1:04}", NEWEST_REVISION)
    written = Path(head.path).read_text()
    assert "add_column" in written
    assert "'description'" in written
    assert "drop_table" not in written
