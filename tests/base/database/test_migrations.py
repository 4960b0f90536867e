"""Migrations and models agree, and the previous version keeps counting on the new schema (decision 99)."""

import ast
import re
import shlex
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
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
        command.upgrade(Config(MIGRATIONS / "alembic.ini", attributes={"connection": connection}), revision)


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
    assert tables(site) - MODELS == {"alembic_version"}


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_database_of_the_first_release_gets_the_schema_of_a_new_one(database):
    migrate(database, OLDEST_REVISION)
    for table in ("addresses", "visit_facts"):
        database.rows(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
    with Site(database.url, STARTING_TOTAL=4000) as site:
        assert differences(site) == []
        assert tables(site) - MODELS == {"alembic_version"}
        assert site.register().ordinal == 4001


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_database_with_imported_days_is_refused_before_anything_is_changed(database):
    migrate(database, OLDEST_REVISION)
    database.rows("INSERT INTO imported_days (source, day, visits) VALUES ('umami:blog', '2025-11-01', 9)")
    with pytest.raises(UnusableDatabase, match="imported from another program"):
        Site(database.url).__enter__()
    assert database.rows("SELECT version_num FROM alembic_version") == [(OLDEST_REVISION,)]
    assert database.rows("SELECT visits FROM imported_days") == [(9,)]


ROLLED_UP = (
    "INSERT INTO folded_visits (scope, day, hour_s, visits, new_visitors) VALUES ('site', '2024-11-01', 0, 9, 9)",
    "INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('folding', '2024-11-01', '', 0)",
    """INSERT INTO insight_sums (scope, dimension, period, value, visits, new_visitors, count)
       VALUES ('site', 'total', '2024-11-01', '', 9, 9, 0)""",
)


@pytest.mark.both_kinds
@pytest.mark.empty_database
@pytest.mark.parametrize("row", ROLLED_UP, ids=["visits", "a night", "sums"])
def test_a_database_with_days_replaced_by_sums_is_refused_before_anything_is_changed(database, row, caplog):
    migrate(database, OLDEST_REVISION)
    database.rows(row)
    with pytest.raises(UnusableDatabase, match="rolled up into sums after RETENTION_DAYS, and this version cannot"):
        Site(database.url).__enter__()
    assert database.rows("SELECT version_num FROM alembic_version") == [(OLDEST_REVISION,)]
    tables = ("folded_visits", "nightly_work", "insight_sums")
    assert sum(database.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables) == 1
    assert "removed_rows" not in caplog.text


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_upgrade_keeps_visits_which_can_then_be_reduced(database):
    migrate(database, OLDEST_REVISION)
    now = {"epoch": 1, "visits": 1, "total": 1, "unique_visitors": 1, "revision": 1}
    insert(database, "counters", scope="site", **now)
    when = {"day": "2024-11-01", "hour_s": 1730397600}
    visit = {"id": 1, "ordinal": 1, "scope": "site", "visitor_id": "ayesha", "visit_id": "1", "place": "Dhaka, BD"}
    insert(database, "visits", **visit, at_ms=1730400000000, day_number=1, **when)
    insert(database, "visitors", scope="site", visitor_id="ayesha", first_visit=1)
    for table, key in {"daily_visits": "day", "hourly_visits": "hour_s"}.items():
        insert(database, table, scope="site", visits=1, new_visitors=1, **{key: when[key]})
    with Site(database.url) as site:
        assert site.recount() == []
        assert site.reduce().visits == 1
        assert site.recount() == []
        assert site.rows("SELECT visit_id, visitor_number, new_in FROM visits") == [("~1", 1, 1)]
        assert site.register("ayesha").stats["uniqueVisitors"] == 2


def insert(database: Database, table: str, **values: object) -> None:
    texts = (f"'{value}'" if isinstance(value, str) else str(value) for value in values.values())
    database.rows(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(texts)})")


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_upgrade_keeps_milestones_users_and_keys_and_names_what_it_drops(database, caplog):
    migrate(database, OLDEST_REVISION)
    events = {"milestone:site:100": "milestone.reached", "joined": "member.joined", "back": "ledger.rolled_back"}
    for key, type in events.items():
        insert(database, "webhook_events", id=key, type=type, key=key, scope="site", at_ms=5, data="{}")
    user = {"email": "a@koyjabo.example", "email_key": "a@koyjabo.example", "name": "Ayesha", "password": "x"}
    insert(database, "users", id="u", is_admin=True, weekly_report=True, traffic_alerts=True, created_ms=1, **user)
    for name, scopes in {"a": "stats:read webhooks:manage", "b": "webhooks:manage"}.items():
        insert(database, "api_keys", id=name, name=name, scopes=scopes, prefix=name, digest=name, created_ms=1)
    hook = {"url": "https://a.example", "events": "total.set", "format": "json", "description": "", "secret": "x"}
    insert(database, "webhooks", id="w", enabled=True, created_ms=1, **hook)
    mail = {"email": "a@koyjabo.example", "recipient": "u", "data": "{}", "created_ms": 1, "due_ms": 1, "attempts": 0}
    for kind in ("weekly", "traffic"):
        insert(database, "outbox", kind=kind, **mail)
    insert(database, "annotations", id="n", scope="site", day="2025-12-16", text="Rain", created_ms=1)
    with Site(database.url):
        assert database.rows("SELECT * FROM announcements") == [
            ("milestone:site:100", "milestone.reached", "site", 5, "{}")
        ]
        assert database.rows("SELECT name, weekly_report FROM users") == [("Ayesha", True)]
        assert database.rows("SELECT name, scopes FROM api_keys") == [("a", "stats:read")]
        assert database.rows("SELECT kind FROM outbox") == [("weekly",)]
    dropped = [line.getMessage() for line in caplog.records if line.name == "koyjabo.migrations"]
    assert dropped == [f"removed_rows name={name} rows=1" for name in ("api_keys", "webhooks", "annotations")]


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_upgrade_drops_logins_with_others_and_counts_the_accounts_that_had_no_password(database, caplog):
    migrate(database, OLDEST_REVISION)
    for name, password in {"ayesha": "!5f0c", "karim": "$argon2id$"}.items():
        email = f"{name}@koyjabo.example"
        who = {"email": email, "email_key": email, "name": name, "password": password, "is_admin": False}
        insert(database, "users", id=name, weekly_report=False, traffic_alerts=False, created_ms=1, **who)
        insert(database, "oidc_identities", issuer="https://a.example", subject=name, user_id=name, created_ms=1)
    insert(database, "stored_settings", name="OIDC_SIGNUP", value="1")
    with Site(database.url, OIDC_PROVIDERS="work", OIDC_TRUST_MFA="maybe") as site:
        assert site.client.get("/auth/oidc/work").status_code == 404
        assert database.rows("SELECT name FROM stored_settings") == []
        assert database.rows("SELECT count(*) FROM users") == [(2,)]
    lines = [line.getMessage() for line in caplog.records if line.name == "koyjabo.migrations"]
    assert lines == ["accounts_without_password rows=1", "removed_rows name=oidc_identities rows=2"]


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_upgrade_drops_passkeys_and_keeps_two_step_login_on(database, caplog):
    migrate(database, OLDEST_REVISION)
    who = {
        "password": "$argon2id$",
        "is_admin": False,
        "weekly_report": False,
        "traffic_alerts": False,
        "created_ms": 1,
    }
    for name in ("ayesha", "karim"):
        mail = f"{name}@koyjabo.example"
        insert(database, "users", id=name, email=mail, email_key=mail, name=name, second_factor_ms=5, **who)
    key = {"name": "Phone", "credential_id": "a", "public_key": "b", "sign_count": 0, "created_ms": 1}
    insert(database, "passkeys", id="p", user_id="ayesha", **key)
    insert(database, "totp_secrets", user_id="karim", sealed="x", began_ms=1, confirmed_ms=2, guesses=0, guessing_ms=1)
    step = {"password_mark": "", "challenge": "c", "tries": 0, "expires_ms": 2**53}
    insert(database, "pending_steps", token="t", purpose="passkey", **step)
    with Site(database.url) as site:
        assert site.client.get("/api/auth/passkeys").status_code == 404
        assert database.rows("SELECT second_factor_ms FROM users") == [(5,), (5,)]
        assert database.rows("SELECT count(*) FROM pending_steps") == [(0,)]
    lines = [line.getMessage() for line in caplog.records if line.name == "koyjabo.migrations"]
    assert lines == ["accounts_without_app rows=1", "removed_rows name=passkeys rows=1"]


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_upgrade_revokes_links_with_a_removed_filter_and_stores_blocks_again(database, caplog):
    migrate(database, OLDEST_REVISION)
    user = {"email": "a@koyjabo.example", "email_key": "a@koyjabo.example", "name": "Ayesha", "password": "x"}
    insert(database, "users", id="u", is_admin=True, weekly_report=False, traffic_alerts=False, created_ms=1, **user)
    kept = ("{}", '{"page": ["/"], "attended": ["!none"]}')
    for number, filters in enumerate((*kept, '{"referrer": ["https://a.example"]}', '{"attended": ["5m+"]}')):
        names = dict.fromkeys(("id", "token_digest", "name"), str(number))
        insert(database, "shares", filters=filters, created_by="u", created_ms=1, **names)
    insert(database, "visit_blocks", first=1, last=8, first_day="2025-12-16", last_day="2025-12-16", packed="x")
    insert(database, "watermarks", name="blocks", upto=0, version=4)
    with Site(database.url) as site:
        assert database.rows("SELECT filters FROM shares ORDER BY id") == [(filters,) for filters in kept]
        assert database.rows("SELECT count(*) FROM visit_blocks") == [(0,)]
        site.register(page="/")
        site.store_blocks()
        assert site.recount() == []
    lines = [line.getMessage() for line in caplog.records if line.name == "koyjabo.migrations"]
    assert lines == ["removed_rows name=shares rows=2"]


@pytest.mark.both_kinds
@pytest.mark.empty_database
def test_upgrade_drops_the_table_of_backups_and_lists_their_files(database, caplog, tmp_path):
    migrate(database, OLDEST_REVISION)
    times = {"begun_ms": 1, "seen_ms": 1, "done": 1, "goal": 1, "begun_by": "", "worker": ""}
    insert(database, "backups", id=1, name="a", state="proven", step="rotating", **times)
    insert(database, "nightly_work", name="backups", day="", worker="", seen_ms=1, ended_ms=1)
    for name, value in {"BACKUP_TO": "s3://bucket", "BACKUP_KEEP": "3"}.items():
        insert(database, "stored_settings", name=name, value=value)
    with Site(database.url, BACKUP_DIR=str(tmp_path), BACKUP_TO="not even a URL") as site:
        name = add_backup(site)
        (file,) = site.services[Backups].state(OPERATOR).files
        assert (file.name, file.is_verified) == (name, True)
        assert database.rows("SELECT name FROM stored_settings") == [("BACKUP_KEEP",)]
    lines = [line.getMessage() for line in caplog.records if line.name == "koyjabo.migrations"]
    assert lines == ["removed_rows name=backups rows=1"]


def test_database_of_a_newer_version_is_used_as_far_as_that_version_allows(site):
    """Workers of this version restart while the newer version starts, and an operator may downgrade (decision 99)."""
    site.rows("UPDATE alembic_version SET version_num = '9999'")
    site.restart()
    assert site.register().ordinal == 4001
    assert site.rows("SELECT version_num FROM alembic_version") == [("9999",)]
    site.rows("UPDATE database_identity SET compatible_from = '9999'")
    with pytest.raises(UnusableDatabase, match=r"a newer version of this program has migrated it \(revision 9999\)"):
        site.restart()


def test_database_from_before_the_first_release_is_refused_with_the_way_to_upgrade_it(site):
    site.rows("UPDATE alembic_version SET version_num = '0031'")
    with pytest.raises(UnusableDatabase, match=r"Start commit \w+ of this program on it once, and then this version"):
        site.restart()
    assert site.rows("SELECT version_num FROM alembic_version") == [("0031",)]


@pytest.mark.empty_database
@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_migration_waits_for_batches_of_visits_that_have_begun(database):
    """Otherwise the two deadlock on each other's tables, and PostgreSQL ends one of them (`deadlock detected`)."""
    migrate(database, OLDEST_REVISION)
    with ThreadPoolExecutor() as thread, ExitStack() as sites:
        with database.locked():
            starting = thread.submit(lambda: sites.enter_context(Site(database.url)))
            wait_until(lambda: database.rows(WAITING), "the migration waits")
            assert database.rows(CHANGED) == [(0,)]
        starting.result(START_S)
    assert database.rows("SELECT version_num FROM alembic_version") == [(NEWEST_REVISION,)]


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


REMOVES = {"0034": "tables of features that are gone"}
RULED = sorted(
    file
    for file in MIGRATIONS.glob("versions/*.py")
    if file.name[:4] != OLDEST_REVISION and file.name[:4] not in REMOVES
)
GROWING = {"visits", "visitors", "events", "people", "person_days", "audit_log"}
"""Large tables: building an index on one takes longer than a visit may wait."""


def breaches(source: str) -> list[str]:
    """Statements of `upgrade` that may break the previous version."""
    (upgrade,) = (
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"
    )
    calls = [node for node in ast.walk(upgrade) if isinstance(node, ast.Call) and _owner(node) == "op"]
    created = {_text(call.args[0]) for call in calls if _name(call) == "create_table"}
    return [breach for call in calls for breach in _breaches(call, created)]


def _breaches(call: ast.Call, created: set[str]) -> Iterator[str]:
    match _name(call):
        case "create_table":
            pass
        case "add_column":
            column = call.args[1]
            given = {keyword.arg: keyword.value for keyword in column.keywords} if isinstance(column, ast.Call) else {}
            is_required = isinstance(given.get("nullable"), ast.Constant) and given["nullable"].value is False
            if is_required and "server_default" not in given:
                yield f"{ast.unparse(call)}: rows of the version before lack a value"
        case "create_index":
            table, is_unique = _text(call.args[1]), any(keyword.arg == "unique" for keyword in call.keywords)
            if table not in created and is_unique:
                yield f"{ast.unparse(call)}: it may refuse rows of the version before"
            elif table in GROWING - created:
                yield f"{ast.unparse(call)}: visits wait until it is built"
        case "execute" if _text(call.args[0]).startswith(("UPDATE ", "INSERT ")):
            pass
        case "alter_column" if _is_wider(call):
            pass
        case "get_bind":  # for values that only Python can compute
            pass
        case other:
            yield f"op.{other}: only additions leave the version before running"


def _is_wider(call: ast.Call) -> bool:
    """Whether only the maximum length of a text rises. PostgreSQL does not rewrite the table then."""
    types = {keyword.arg: re.fullmatch(r"sa\.String\((\d+)\)", ast.unparse(keyword.value)) for keyword in call.keywords}
    old, new = types.get("existing_type"), types.get("type_")
    return len(types) == 2 and old is not None and new is not None and int(new[1]) > int(old[1])


def _owner(call: ast.Call) -> str:
    return call.func.value.id if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) else ""


def _name(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)


@pytest.mark.parametrize("file", RULED, ids=lambda file: file.stem)
def test_migration_only_adds(file: Path):
    assert breaches(file.read_text()) == []


BREAKING = """
op.drop_column("users", "language")
op.drop_table("shares")
op.rename_table("shares", "links")
op.alter_column("users", "language", nullable=False)
op.alter_column("users", "language", existing_type=sa.String(8), type_=sa.String(7))
op.add_column("users", sa.Column("age", BIG, nullable=False))
op.create_index("uq_users_age", "users", ["age"], unique=True)
op.create_index("ix_visits_page", "visits", ["page"])
op.execute("DELETE FROM login_failures")
"""


def test_step_that_the_version_before_may_not_survive_is_found():
    for step in BREAKING.strip().splitlines():
        assert len(breaches(f"def upgrade():\n    {step}")) == 1, step
