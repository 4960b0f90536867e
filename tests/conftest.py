"""Fixtures: a database of each kind, and servers on it. `support` has what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings
from support.application.compile_cache import compile_once, keep_statements
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
from support.programs.forking import Starting
from support.runs.short_run import EVERYTHING
from support.servers.server import Server

from koyjabo.accounts.passwords import passwords
from koyjabo.communities import archiving
from koyjabo.core.identity import Account
from koyjabo.network import client_address
from koyjabo.observability.logs import request_id

pytest_plugins = [
    "support.runs.session",
    "support.runs.skips",
    "support.fixtures.server_fixtures",
    "support.fixtures.package_fixtures",
    "support.fixtures.full_site",
]

NewServer = Callable[..., Server]

compile_once()
keep_statements()
# Others use the machine, too.
settings.register_profile("untimed", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    both = EVERYTHING or metafunc.definition.get_closest_marker("both_kinds")
    said = " ".join(str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize"))
    for name, scope in {"database_kind": "function", "module_database_kind": "module"}.items():
        if name in metafunc.fixturenames and name not in said:
            metafunc.parametrize(name, ["sqlite", "postgres"] if both else ["sqlite"], indirect=True, scope=scope)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before its fixtures, which may start programs. What the last request of another test left behind is gone."""
    Starting.is_honest = item.get_closest_marker("honest_start") is not None
    client_address.current.set("")
    client_address.current_place.set("")
    request_id.set(None)


@pytest.fixture(scope="session")
def postgres() -> PostgresDatabases:
    """The PostgreSQL that tests share, a database each. No test may harm it."""
    return shared_postgres()


@pytest.fixture(scope="module")
def disposable_postgres() -> Iterator[Postgres]:
    """A PostgreSQL for tests that kill it; each leaves it running."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[Redis]:
    with Redis() as server:
        yield server


@pytest.fixture
def redis_server(shared_redis: Redis) -> Redis:
    """An empty Redis that tests share one after the other. No test may harm it or go on using it: its
    channels are the same for the next test."""
    with shared_redis.client() as client:
        client.flushall()
    return shared_redis


@pytest.fixture
def disposable_redis() -> Iterator[Redis]:
    """A Redis for a test that freezes or kills it, or leaves connections to it open."""
    with Redis() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[PasswordHasher]:
    """Passwords cost next to nothing in this process and in forked servers. Yields the hasher of the product."""
    dear, passwords.HASHER = passwords.HASHER, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield dear
    passwords.HASHER = dear


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture(scope="module")
def module_database_kind(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture
def kind(database_kind: str) -> str:
    """Of the database of a test: SQLite, and PostgreSQL as well for those marked `both_kinds` or with KINDS=all."""
    return database_kind


@pytest.fixture
def sqlite_database(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteDatabase:
    return _new_sqlite(request, tmp_path)


@pytest.fixture
def database(request: pytest.FixtureRequest, kind: str) -> Database:
    """A new database without a row, and without tables for tests that are marked `empty_database`."""
    if kind == "sqlite":
        return request.getfixturevalue("sqlite_database")
    return _new_postgres(request)


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[NewServer]:
    """Make servers, not yet started: `new_server(database, STARTING_TOTAL=4000)`. What still runs is killed."""
    yield from _servers_in(tmp_path)


@pytest.fixture
def server(database: Database, new_server: NewServer) -> Server:
    """A running server on a new database."""
    return new_server(database).start()


@pytest.fixture(scope="module")
def module_sqlite_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabase:
    return _new_sqlite(request, tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="module")
def module_database(request: pytest.FixtureRequest, module_database_kind: str) -> Database:
    """A new database for the tests of a module together, of the kinds of `kind`."""
    if module_database_kind == "sqlite":
        return request.getfixturevalue("module_sqlite_database")
    return _new_postgres(request)


@pytest.fixture(scope="module")
def module_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewServer]:
    """`new_server` for servers that the tests of a module share."""
    yield from _servers_in(tmp_path_factory.mktemp("servers"))


@pytest.fixture(scope="session", autouse=True)
def founding_limit() -> Iterator[int]:
    """Tests found without end. Yields the limit of the product, for those about it."""
    with pytest.MonkeyPatch.context() as changed:
        most = archiving.MAX_FOUNDED
        changed.setattr(archiving, "MAX_FOUNDED", 10**6)
        yield most


# For modules that have none of their own: what their tests share.


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
    """The first admin of the site."""
    return site_admin(site)


@pytest.fixture(scope="module")
def readers(site: Site, cast: Cast) -> dict[str, Reader]:
    """Those of the cast who are in front of pages."""
    return {part: Reader(site).log_in(part) for part in PARTS}


def _new_sqlite(request: pytest.FixtureRequest, folder: Path) -> SqliteDatabase:
    path = folder / "koyjabo.db"
    return SqliteDatabase(path) if _begins_empty(request) else SqliteDatabase.migrated(path)


def _new_postgres(request: pytest.FixtureRequest) -> Database:
    return request.getfixturevalue("postgres").new_database(EMPTY if _begins_empty(request) else MIGRATED)


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
