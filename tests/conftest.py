"""Fixtures for all tests: a database of each kind, and servers on it. They are built from `support`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings
from support.application.site import Site
from support.databases.database import (
    EMPTY,
    MIGRATED,
    Database,
    Postgres,
    PostgresDatabases,
    SqliteDatabase,
    shared_postgres,
)
from support.databases.redis import Redis
from support.people.communities import Cast, site_admin
from support.people.page_readers import PARTS, Reader
from support.programs import chromium
from support.programs.applications import copied_routes
from support.programs.forking import Starting
from support.programs.statements import share_compiled_statements
from support.runs.machine import forget_users_variables, process_count
from support.runs.short_run import EVERYTHING
from support.servers.server import Server

import koyjabo
from koyjabo.application import features
from koyjabo.base.cluster import redis_client
from koyjabo.base.core.identity import Account
from koyjabo.base.database import executor, sqlite
from koyjabo.base.network import client_address
from koyjabo.base.observability.logs import request_id
from koyjabo.columns.sums import running_sums
from koyjabo.communities import communities
from koyjabo.counting import ledger
from koyjabo.people.accounts import passwords
from koyjabo.presence.members import online_members_redis

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = [
    "support.runs.session",
    "support.runs.skips",
    "support.fixtures.server_fixtures",
    "support.fixtures.package_fixtures",
    "support.fixtures.full_site",
]

NewServer = Callable[..., Server]

# Leave the machine usable for others.
settings.register_profile("untimed", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

forget_users_variables()
koyjabo.make_routes = copied_routes
share_compiled_statements()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return process_count()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    both = EVERYTHING or metafunc.definition.get_closest_marker("both_kinds")
    parameters = " ".join(str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize"))
    for name, scope in {"database_kind": "function", "module_database_kind": "module"}.items():
        if name in metafunc.fixturenames and name not in parameters:
            metafunc.parametrize(name, ["sqlite", "postgres"] if both else ["sqlite"], indirect=True, scope=scope)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Clean up before the test's fixtures run, because they may start programs."""
    Starting.is_honest = item.get_closest_marker("honest_start") is not None
    client_address.current.set("")
    client_address.current_place.set("")
    request_id.set(None)


@pytest.fixture(scope="session")
def postgres() -> PostgresDatabases:
    """The PostgreSQL server that tests share, each with its own database. Tests must not harm it."""
    return shared_postgres()


@pytest.fixture(scope="module")
def disposable_postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for tests that kill it. Each test leaves it running."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[Redis]:
    with Redis() as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, which tests share, because Playwright starts only once in a process. Each test has its own contexts."""
    with chromium.browser() as browser:
        yield browser


@pytest.fixture
def patient_with_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new clients wait a minute for Redis, so that a busy machine is not taken for an outage."""
    monkeypatch.setattr(redis_client, "REDIS_PATIENCE_S", 60)
    monkeypatch.setattr(online_members_redis, "PEOPLE_PATIENCE_S", 60)


@pytest.fixture
def redis_server(shared_redis: Redis, patient_with_redis: None) -> Redis:
    """An empty Redis that tests use one after another, on the same channels. A test must not harm it."""
    with shared_redis.client() as client:
        client.flushall()
    return shared_redis


@pytest.fixture
def disposable_redis() -> Iterator[Redis]:
    """A Redis for a test that freezes or kills it, or leaves connections open."""
    with Redis() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[PasswordHasher]:
    """Make password hashing cheap in this process and in forked servers. Yields the product's hasher."""
    dear, passwords.HASHER = passwords.HASHER, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield dear
    passwords.HASHER = dear


@pytest.fixture(scope="session", autouse=True)
def filled_registries() -> None:
    """Let a test read registries although no test before it has made an application."""
    features.fill_registries()


@pytest.fixture(scope="session", autouse=True)
def patient_database() -> Iterator[None]:
    """Let work wait longer for the database in this process, so that none is stale or refused on a busy machine."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (ledger, "READ_PATIENCE_S"),
            (ledger, "VISIT_COMMIT_PATIENCE_S"),
            (executor, "PATIENCE_S"),
            (executor, "TRANSACTION_LIMIT_S"),
            (executor, "REPORT_LIMIT_S"),
            (running_sums, "REPORT_LIMIT_S"),
        ):
            patch.setattr(module, name, 60.0)
        patch.setattr(sqlite.connect, "__defaults__", (60.0, None))  # of `timeout_s`, for the tests' own queries
        yield


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture(scope="module")
def module_database_kind(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture
def kind(database_kind: str) -> str:
    """The kind of the test's database: SQLite, and also PostgreSQL with the mark `both_kinds` or KINDS=all."""
    return database_kind


@pytest.fixture
def sqlite_database(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteDatabase:
    return _new_sqlite(request, tmp_path)


@pytest.fixture
def database(request: pytest.FixtureRequest, kind: str) -> Iterator[Database]:
    """A new database without rows. Tests marked `empty_database` get no tables either."""
    if kind == "sqlite":
        yield request.getfixturevalue("sqlite_database")
    else:
        yield from _new_postgres(request)


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[NewServer]:
    """Make servers, not yet started: `new_server(database, STARTING_TOTAL=4000)`. Kills those still running."""
    yield from _servers_in(tmp_path)


@pytest.fixture
def server(database: Database, new_server: NewServer) -> Server:
    return new_server(database).start()


@pytest.fixture(scope="module")
def module_sqlite_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabase:
    return _new_sqlite(request, tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="module")
def module_database(request: pytest.FixtureRequest, module_database_kind: str) -> Iterator[Database]:
    """A new database that the tests of a module share, of the same kinds as `kind`."""
    if module_database_kind == "sqlite":
        yield request.getfixturevalue("module_sqlite_database")
    else:
        yield from _new_postgres(request)


@pytest.fixture(scope="module")
def module_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewServer]:
    """`new_server` for servers that the tests of a module share."""
    yield from _servers_in(tmp_path_factory.mktemp("servers"))


@pytest.fixture(scope="session", autouse=True)
def founding_limit() -> Iterator[int]:
    """Raise the limit on founding communities. Yields the product's limit."""
    with pytest.MonkeyPatch.context() as changed:
        most = communities.MAX_FOUNDED_COMMUNITIES
        changed.setattr(communities, "MAX_FOUNDED_COMMUNITIES", 10**6)
        yield most


# Shared by the tests of a module that does not override them.


@pytest.fixture(scope="module")
def site(module_sqlite_database: SqliteDatabase) -> Iterator[Site]:
    """The application in this process."""
    with Site(module_sqlite_database.url, RATE_LIMIT_LOGINS="0") as site:
        yield site


@pytest.fixture(scope="module")
def cast(site: Site) -> Cast:
    return Cast(site)


@pytest.fixture
def admin(site: Site) -> Account:
    return site_admin(site)


@pytest.fixture(scope="module")
def readers(site: Site, cast: Cast) -> dict[str, Reader]:
    """The members of the cast who view pages."""
    return {part: Reader(site).log_in(part) for part in PARTS}


def _new_sqlite(request: pytest.FixtureRequest, folder: Path) -> SqliteDatabase:
    path = folder / "koyjabo.db"
    return SqliteDatabase(path) if _begins_empty(request) else SqliteDatabase.migrated(path)


def _new_postgres(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database that goes with its fixture: each takes 9 MB of memory, and a run of all tests makes thousands."""
    database = request.getfixturevalue("postgres").new_database(EMPTY if _begins_empty(request) else MIGRATED)
    yield database
    database.remove()


def _begins_empty(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("empty_database") is not None


def _servers_in(folder: Path) -> Iterator[NewServer]:
    made: list[Server] = []

    def make(database: Database, **settings: object) -> Server:
        logs = folder / f"server-{len(made) + 1}"
        logs.mkdir()
        made.append(Server(database, logs, **settings))
        return made[-1]

    yield make
    for server in made:
        server.kill()
