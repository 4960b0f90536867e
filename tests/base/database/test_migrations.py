"""Migrations and models agree, and the previous version keeps counting on the new schema (decision 99)."""

import errno
import fcntl
import io
import re
import shlex
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from support.application.site import Site, site_fixture
from support.databases.database import Database
from support.programs.processes import ROOT, run, wait_until
from support.servers.server import START_S
from support.sites.backups import add_backup

from koyjabo.application.features import load_tables
from koyjabo.base.core.errors import UnusableDatabase
from koyjabo.base.core.extensions import db
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.database import sqlite
from koyjabo.base.database.engine import translated_errors
from koyjabo.base.database.revisions import MIGRATIONS, NEWEST_REVISION, OLDEST_REVISION
from koyjabo.upkeep.backups.backups import Backups

WAITING = """SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
AND wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE counters%'"""
CHANGED = """SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE mode = 'AccessExclusiveLock' AND datname = current_database()"""

load_tables()
MODELS = set(db.metadata.tables)


site = site_fixture(STARTING_TOTAL=4000)


def migrate(database: Database, revision: str) -> None:
    with create_engine(database.url.replace("postgresql:", "postgresql+psycopg2:")).begin() as connection:
        config = Config(MIGRATIONS / "alembic.ini", attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        command.upgrade(config, revision)


def differences(site: Site) -> list:
    options = {"compare_type": True, "compare_server_default": True}
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


@pytest.mark.both_kinds
def test_the_models_and_the_migrations_describe_the_same_schema(site):
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [NEWEST_REVISION]
    assert site.rows("SELECT version_num FROM alembic_version") == [(NEWEST_REVISION,)]
    assert differences(site) == []
    declared = {index.name: index.info.get("where") for table in db.metadata.tables.values() for index in table.indexes}
    columns = {name: where.split()[0] for name, where in declared.items() if where}
    conditions = partial_indexes(site)
    assert {name: column for name, column in columns.items() if column in conditions.get(name, "")} == columns
    assert sorted(conditions) == sorted(columns)
    assert tables(site) - MODELS == {"alembic_version"}


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_a_database_of_the_first_release_gets_the_schema_of_a_new_database(database):
    migrate(database, OLDEST_REVISION)
    for table in ("addresses", "visit_facts"):
        database.rows(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
    with Site(database.url, STARTING_TOTAL=4000) as site:
        assert differences(site) == []
        assert tables(site) - MODELS == {"alembic_version"}
        assert site.register().ordinal == 4001


@pytest.mark.both_kinds
@pytest.mark.empty_database
@pytest.mark.parametrize(
    "table", ["alembic_version (version_num VARCHAR(32))", "users (id INTEGER)", "songs (id INTEGER)"]
)
def test_a_database_of_another_program_is_refused_unless_the_tables_have_other_names(database, table):
    database.rows(f"CREATE TABLE {table}")
    if table.startswith("alembic"):
        database.rows("INSERT INTO alembic_version VALUES ('a1b2c3d4e5f6')")
    refusal = nullcontext() if table.startswith("songs") else pytest.raises(UnusableDatabase, match="another program")
    with refusal, Site(database.url) as site:
        assert site.register().ordinal == 1


def test_a_file_system_without_locks_or_shared_memory_is_refused(sqlite_database, monkeypatch):
    def lock(*_):
        raise OSError(errno.ENOSYS, "")

    monkeypatch.setattr(fcntl, "lockf", lock)
    monkeypatch.setattr(sqlite, "_opened", set())
    with pytest.raises(UnusableDatabase, match="has no locks"):
        Site(sqlite_database.url)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_SHMMAP"
    with pytest.raises(UnusableDatabase, match="no memory that processes share"), translated_errors():
        raise error


@pytest.mark.empty_database
def test_the_name_of_the_folder_with_the_migrations_may_contain_a_percent_sign(database, monkeypatch, tmp_path):
    folder = tmp_path / "my%20project"
    folder.symlink_to(MIGRATIONS)
    monkeypatch.setattr("koyjabo.base.database.engine.MIGRATIONS", folder)
    with Site(database.url) as site:
        assert "counters" in tables(site)


IMPORTED, ROLLED_UP = "imported from another program", "rolled up into sums after RETENTION_DAYS"
REFUSED_ROWS = {
    "INSERT INTO imported_days (source, day, visits) VALUES ('umami:blog', '2025-11-01', 9)": IMPORTED,
    "INSERT INTO folded_visits (scope, day, hour_s, visits, new_visitors) VALUES ('site', '2024-11-01', 0, 9, 9)": (
        ROLLED_UP
    ),
    "INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('folding', '2024-11-01', '', 0)": ROLLED_UP,
    """INSERT INTO insight_sums (scope, dimension, period, value, visits, new_visitors, count)
       VALUES ('site', 'total', '2024-11-01', '', 9, 9, 0)""": ROLLED_UP,
}


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_a_database_with_rows_of_an_unsupported_version_is_refused_unchanged(database, caplog):
    migrate(database, OLDEST_REVISION)
    for row, reason in REFUSED_ROWS.items():
        table = row.split()[2]
        database.rows(row)
        with pytest.raises(UnusableDatabase, match=reason):
            Site(database.url).__enter__()
        assert database.rows("SELECT version_num FROM alembic_version") == [(OLDEST_REVISION,)]
        assert database.rows(f"SELECT count(*) FROM {table}") == [(1,)]
        database.rows(f"DELETE FROM {table}")
    assert "removed_rows" not in caplog.text


def insert(database: Database, table: str, **values: object) -> None:
    texts = (f"'{value}'" if isinstance(value, str) else str(value) for value in values.values())
    database.rows(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(texts)})")


def insert_visit(database: Database) -> None:
    insert(database, "counters", scope="site", epoch=1, visits=1, total=1, unique_visitors=1, revision=1)
    when = {"day": "2024-11-01", "hour_s": 1730397600}
    visit = {"id": 1, "ordinal": 1, "scope": "site", "visitor_id": "ayesha", "visit_id": "1", "place": "Dhaka, BD"}
    insert(database, "visits", **visit, at_ms=1730400000000, day_number=1, **when)
    insert(database, "visitors", scope="site", visitor_id="ayesha", first_visit=1)
    for table, key in {"daily_visits": "day", "hourly_visits": "hour_s"}.items():
        insert(database, table, scope="site", visits=1, new_visitors=1, **{key: when[key]})


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_an_upgrade_keeps_visits_which_can_then_be_reduced(database):
    migrate(database, OLDEST_REVISION)
    insert_visit(database)
    with Site(database.url) as site:
        assert site.recount() == []
        assert site.reduce().visits == 1
        assert site.recount() == []
        assert site.rows("SELECT visit_id, visitor_number, new_in FROM visits") == [("~1", 1, 1)]
        assert site.register("ayesha").stats["uniqueVisitors"] == 2


USERS = {"ayesha": "!5f0c", "karim": "$argon2id$"}
"""Users and their passwords. One can only log in with another system."""

KEPT_FILTERS = ("{}", '{"page": ["/"], "attended": ["!none"]}')
REMOVED_FILTERS = ('{"referrer": ["https://a.example"]}', '{"attended": ["5m+"]}')


def insert_removed_features(database: Database) -> None:
    for type in ("milestone.reached", "member.joined", "ledger.rolled_back"):
        insert(database, "webhook_events", id=type, type=type, key=type, scope="site", at_ms=5, data="{}")
    for name, password in USERS.items():
        flags = {"is_admin": False, "weekly_report": True, "traffic_alerts": True}
        names = {"id": name, "name": name, "email": f"{name}@koyjabo.example", "email_key": f"{name}@koyjabo.example"}
        insert(database, "users", **names, **flags, password=password, created_ms=1, second_factor_ms=5)
        insert(database, "oidc_identities", issuer="https://a.example", subject=name, user_id=name, created_ms=1)
    key = {"name": "Phone", "credential_id": "a", "public_key": "b", "sign_count": 0, "created_ms": 1}
    insert(database, "passkeys", id="p", user_id="ayesha", **key)
    insert(database, "totp_secrets", user_id="karim", sealed="x", began_ms=1, confirmed_ms=2, guesses=0, guessing_ms=1)
    step = {"password_mark": "", "challenge": "c", "tries": 0, "expires_ms": 2**53}
    insert(database, "pending_steps", token="t", purpose="passkey", **step)
    for name, scopes in {"a": "stats:read webhooks:manage", "b": "webhooks:manage"}.items():
        insert(database, "api_keys", id=name, name=name, scopes=scopes, prefix=name, digest=name, created_ms=1)
    hook = {"url": "https://a.example", "events": "total.set", "format": "json", "description": "", "secret": "x"}
    insert(database, "webhooks", id="w", enabled=True, created_ms=1, **hook)
    email = {"email": "a@koyjabo.example", "recipient": "u", "data": "{}", "created_ms": 1, "due_ms": 1, "attempts": 0}
    for kind in ("weekly", "traffic"):
        insert(database, "outbox", kind=kind, **email)
    insert(database, "annotations", id="n", scope="site", day="2025-12-16", text="Rain", created_ms=1)
    for number, filters in enumerate((*KEPT_FILTERS, *REMOVED_FILTERS)):
        names = dict.fromkeys(("id", "token_digest", "name"), str(number))
        insert(database, "shares", filters=filters, created_by="ayesha", created_ms=1, **names)
    insert(database, "visit_blocks", first=1, last=8, first_day="2025-12-16", last_day="2025-12-16", packed="x")
    insert(database, "watermarks", name="blocks", upto=0, version=4)
    times = {"begun_ms": 1, "seen_ms": 1, "done": 1, "goal": 1, "begun_by": "", "worker": ""}
    insert(database, "backups", id=1, name="a", state="proven", step="rotating", **times)
    for name in ("BACKUP_TO", "BACKUP_KEEP", "OIDC_SIGNUP"):
        insert(database, "stored_settings", name=name, value="3")


KEPT_ROWS = {
    "key, type, scope, at_ms, data FROM announcements": [("milestone.reached", "milestone.reached", "site", 5, "{}")],
    "name, weekly_report, second_factor_ms FROM users ORDER BY name": [("ayesha", True, 5), ("karim", True, 5)],
    "name, scopes FROM api_keys": [("a", "stats:read")],
    "kind FROM outbox": [("weekly",)],
    "range, filters FROM shares ORDER BY id": [("30d", filters) for filters in KEPT_FILTERS],
    "name FROM stored_settings": [("BACKUP_KEEP",)],
    "count(*) FROM pending_steps": [(0,)],
    "count(*) FROM visit_blocks": [(0,)],
}
REMOVED_ROWS = {"api_keys": 1, "webhooks": 1, "oidc_identities": 2, "passkeys": 1, "annotations": 1, "backups": 1}
"""Tables whose rows an upgrade deletes, and how many it reports."""


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_an_upgrade_logs_the_number_of_unused_rows_that_it_deletes(database, caplog, tmp_path):
    migrate(database, OLDEST_REVISION)
    insert_removed_features(database)
    with Site(database.url, BACKUP_DIR=str(tmp_path), BACKUP_TO="not even a URL", OIDC_PROVIDERS="work") as site:
        assert {columns: site.rows(f"SELECT {columns}") for columns in KEPT_ROWS} == KEPT_ROWS
        name = add_backup(site)
        (file,) = site.services[Backups].state(OPERATOR).files
        assert (file.name, file.is_verified) == (name, True)
        site.register(page="/")
        site.store_blocks()
        assert site.recount() == []
    lines = [line.getMessage() for line in caplog.records if line.name == "koyjabo.migrations"]
    removed = [f"removed_rows name={name} rows={rows}" for name, rows in {**REMOVED_ROWS, "shares": 2}.items()]
    assert sorted(lines) == sorted([*removed, "accounts_without_password rows=1", "accounts_without_app rows=1"])


def test_a_database_of_a_newer_version_is_used_if_that_version_allows_this(site):
    """Workers of this version restart while the newer version starts, and an operator may downgrade (decision 99)."""
    site.rows("UPDATE alembic_version SET version_num = '9999'")
    site.restart()
    assert site.register().ordinal == 4001
    assert site.rows("SELECT version_num FROM alembic_version") == [("9999",)]
    site.rows("UPDATE database_identity SET compatible_from = '9999'")
    with pytest.raises(UnusableDatabase, match=r"a newer version of this program has migrated it \(revision 9999\)"):
        site.restart()


def test_a_database_older_than_the_first_release_is_refused_with_the_way_to_upgrade(site):
    site.rows("UPDATE alembic_version SET version_num = '0031'")
    with pytest.raises(UnusableDatabase, match=r"Start commit \w+ of this program on it once, and then this version"):
        site.restart()
    assert site.rows("SELECT version_num FROM alembic_version") == [("0031",)]


@pytest.mark.empty_database
@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_a_migration_waits_until_the_batches_of_visits_that_have_begun_are_stored(database):
    """Otherwise the two deadlock on each other's tables, and PostgreSQL ends one of them (`deadlock detected`)."""
    migrate(database, OLDEST_REVISION)
    with ThreadPoolExecutor() as thread, ExitStack() as sites:
        with database.locked():
            starting = thread.submit(lambda: sites.enter_context(Site(database.url)))
            wait_until(lambda: database.rows(WAITING), "the migration waits")
            assert database.rows(CHANGED) == [(0,)]
        starting.result(START_S)
    assert database.rows("SELECT version_num FROM alembic_version") == [(NEWEST_REVISION,)]


REMOVES = {"0034": "tables of features that are gone"}
GROWING = {"visits", "visitors", "events", "people", "person_days", "audit_log"}
"""Large tables: building an index on one takes longer than a visit may wait."""


def breaches(upgrade: Callable[[], None]) -> list[str]:
    """Statements of a migration that the previous version may not survive."""
    written = io.StringIO()
    options = {"as_sql": True, "output_buffer": written}
    with Operations.context(MigrationContext.configure(dialect_name="postgresql", opts=options)):
        upgrade()
    statements = [statement.strip() for statement in written.getvalue().split(";\n") if statement.strip()]
    created = {statement.split()[2] for statement in statements if statement.startswith("CREATE TABLE ")}
    return [statement for statement in statements if not is_addition(statement, created)]


def is_addition(statement: str, created: set[str]) -> bool:
    if table := re.match(r"CREATE (?:UNIQUE )?INDEX \w+ ON (\w+)", statement):
        return table[1] in created or (table[1] not in GROWING and "UNIQUE" not in statement)
    if re.match(r"ALTER TABLE \w+ ADD COLUMN ", statement):
        return "NOT NULL" not in statement or "DEFAULT" in statement
    return statement.startswith(("CREATE TABLE ", "UPDATE ", "INSERT "))


def test_a_migration_only_adds_to_the_schema():
    revisions = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    ruled = [revision.module.upgrade for revision in revisions if revision.revision not in (OLDEST_REVISION, *REMOVES)]
    assert ruled
    assert [breach for upgrade in ruled for breach in breaches(upgrade)] == []


def test_the_documented_command_writes_the_next_migration_from_a_changed_model(tmp_path, sqlite_database):
    """Uses a copy of the migrations, and a database that lacks a column."""
    (page,) = (*ROOT.glob("CONTRIBUTING.md"), *ROOT.glob("docs/CONTRIBUTING.md"))
    (documented,) = re.findall(r"`\.venv/bin/alembic ([^`]+)`", page.read_text())
    copy = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    sqlite_database.rows("ALTER TABLE communities DROP COLUMN description")
    arguments = [str(copy / "alembic.ini") if "alembic.ini" in part else part for part in shlex.split(documented)]
    done = run("-m", "alembic", *arguments, DATABASE_URL=sqlite_database.url)
    assert done.returncode == 0, done.stderr
    scripts = ScriptDirectory(str(copy))
    newest = scripts.get_revision(scripts.get_current_head())  # raises an exception if there are two
    assert (newest.revision, newest.down_revision) == (f"{int(NEWEST_REVISION) + 1:04}", NEWEST_REVISION)
    written = Path(newest.path).read_text()
    assert re.search(r"add_column\(.*'description'", written)
    assert "drop_table" not in written
