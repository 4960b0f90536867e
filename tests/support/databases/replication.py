"""PostgreSQL with a standby: streaming replication, promotion, and the return of the old primary.

When a paused standby is promoted, it first replays everything it has received. To make it fall behind, stop its stream.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from support.databases import installed_postgres
from support.databases.database import MIGRATED, NAME, Postgres, PostgresDatabase, PostgresDatabases
from support.programs.ports import free_port
from support.programs.processes import wait_until

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
shared_buffers = 16MB
fsync = off
wal_keep_size = 64MB
wal_retrieve_retry_interval = 100ms
"""
"""Even without `fsync`, committed data survives when the server is killed. Only a machine crash would lose it."""

REPLAYED = "SELECT 1 WHERE pg_last_wal_replay_lsn() >= '{lsn}'"
STREAM = "SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming'"
LIMIT_S = 60


class PostgresNode(Postgres):
    def __init__(self, primary: PostgresNode | None = None) -> None:
        self.port = free_port()
        folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # not in pytest's folders, which other users may not enter
        PostgresDatabases.__init__(self, folder, f"postgresql://postgres@127.0.0.1:{self.port}/{NAME}")
        self._listening = f"-p {self.port}"
        if primary is None:
            self._create(SETTINGS, "--wal-segsize=1")
        else:
            self._copy(primary)

    @property
    def address(self) -> str:
        return f"host=127.0.0.1 port={self.port}"

    def stop(self) -> None:
        """Shut down. Every connection gets SQLSTATE 57P01."""
        self._run("pg_ctl", "stop", "-w", "-m", "fast")

    def become_standby_of(self, primary: PostgresNode) -> None:
        """Replace this server's data with a new copy of the primary's."""
        self.kill()
        shutil.rmtree(self.folder)
        self._copy(primary)
        self.start()

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.url_of("postgres"))) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def database(self, name: str) -> PostgresDatabase:
        """A database that was copied from the primary."""
        return PostgresDatabase(self, name)

    def promote(self) -> None:
        """Promote this standby, and return when it accepts writes."""
        self.execute(f"SELECT pg_promote(true, {LIMIT_S})")

    def follow(self, primary: PostgresNode | None) -> None:
        """Stream from `primary` from now on. With None, stop streaming and fall behind."""
        self.set_("primary_conninfo", _source(primary) if primary else "")
        wait_until(lambda: bool(self.rows(STREAM)) == (primary is not None), "the stream has begun or ended")

    def set_(self, name: str, value: str) -> None:
        self.execute(f"ALTER SYSTEM SET {name} = '{value}'", "SELECT pg_reload_conf()")
        wait_until(lambda: self.rows(f"SHOW {name}") == [(value,)], f"{name} is in force")

    def _copy(self, primary: PostgresNode) -> None:
        """Copy the primary's data; `-R` makes this a standby."""
        self.folder.mkdir(exist_ok=True)
        self._user = installed_postgres.owner_of(self.folder)
        self._run("pg_basebackup", "-d", _source(primary), "-R", "-c", "fast", "--no-sync")
        self._has_template = primary._has_template


class Replication:
    """A primary and its standby. Both have every database, and the server under test knows both hosts."""

    def __init__(self, like: PostgresDatabases | None = None) -> None:
        """With the tables of `like`, which is faster than migrations."""
        self.primary = PostgresNode().start()
        if like is None:
            self.primary.make_template()
        else:
            self.primary.execute(f"CREATE DATABASE {MIGRATED}")
            self.primary.database(MIGRATED).rows(_dump(like))
            self.primary._has_template = True
        self.standby = PostgresNode(self.primary).start()
        self._hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"

    def new_database(self) -> PostgresDatabase:
        database = self.primary.new_database()
        database.begin()
        self.wait_until_in_step()
        return database

    def url_of(self, name: str) -> str:
        return f"postgresql://postgres@{self._hosts}/{name}"

    def promote(self) -> None:
        """Swap the two roles. Returns when the promoted server accepts writes."""
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def wait_until_in_step(self) -> None:
        """Wait until the standby has replayed everything. Its own reports come only every 10 s."""
        ((lsn,),) = self.primary.rows("SELECT pg_current_wal_lsn()")
        wait_until(lambda: self.standby.rows(REPLAYED.format(lsn=lsn)), "the standby has replayed everything")

    def close(self) -> None:
        self.standby.close()
        self.primary.close()


def _dump(postgres: PostgresDatabases) -> str:
    """The tables of a new database, as SQL."""
    done = subprocess.run(
        [installed_postgres.program("pg_dump"), "--inserts", "--no-owner", postgres.new_database().url],
        check=True,
        capture_output=True,
        text=True,
    )
    return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)  # only psql understands these


def _source(primary: PostgresNode) -> str:
    return f"{primary.address} user=postgres application_name=standby"
