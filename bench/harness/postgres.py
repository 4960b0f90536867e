"""A PostgreSQL of our own, from the `pgserver` package, on a Unix socket, pinned to a core."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2

from harness import proc
from harness.folders import CACHE
from harness.schema import migrate

USER = "postgres"
TEMPLATE, EMPTY = "migrated", "template1"


@dataclass(frozen=True)
class Postgres:
    host: str  # the folder of its socket
    pid: int

    def url(self, database: str) -> str:
        return f"postgresql+psycopg2://{USER}@/{database}?host={self.host}"

    def env(self, database: str) -> dict[str, str]:
        """For the clients that read libpq's own variables."""
        return {"PGHOST": self.host, "PGUSER": USER, "PGDATABASE": database}

    def query(self, database: str, statement: str) -> list[tuple]:
        """One statement outside any transaction; its rows, if it has any."""
        connection = psycopg2.connect(host=self.host, user=USER, dbname=database)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def create(self, database: str, template: str = TEMPLATE) -> None:
        """A fresh database; by default with the product's tables, its counter at STARTING_TOTAL."""
        self.drop(database)
        self.query("postgres", f"CREATE DATABASE {database} TEMPLATE {template}")

    def drop(self, database: str) -> None:
        self.query("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def exists(self, database: str) -> bool:
        return bool(self.query("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{database}'"))

    def syncs(self) -> int:
        """How often the log was synced to disk so far."""
        self.query("postgres", "SELECT pg_stat_force_next_flush()")
        return int(self.query("postgres", "SELECT wal_sync FROM pg_stat_wal")[0][0])

    def version(self) -> str:
        return self.query("postgres", "SHOW server_version")[0][0].split()[0]


@contextmanager
def postgres(core: int | None, env: dict[str, str]) -> Iterator[Postgres]:
    """Run PostgreSQL until the block ends; on `core` only, unless it is None.

    Its data stays in the cache folder. `env` are the settings that databases are migrated with.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime folder we have no use for
        import pgserver

    CACHE.mkdir(exist_ok=True)
    server = pgserver.get_server(CACHE / "postgres")
    try:
        found = Postgres(host=_socket_folder(server.get_uri()), pid=server.get_pid())
        if core is not None:
            proc.pin(found.pid, core)
        found.drop(TEMPLATE)
        found.query("postgres", f"CREATE DATABASE {TEMPLATE}")
        migrate({**env, "DATABASE_URL": found.url(TEMPLATE)})
        yield found
    finally:
        server.cleanup()


def _socket_folder(uri: str) -> str:
    return uri.partition("?host=")[2]
