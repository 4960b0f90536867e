"""PostgreSQL with a standby: streaming replication, a promotion, and the old primary back.

A paused standby replays all that it has received when it is promoted. To let it fall behind, its stream has to end.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg2

from support.databases import installed_postgres
from support.databases.database import MIGRATED, NAME, PostgresDatabase, PostgresDatabases, PostgresServer
from support.programs.ports import free_port
from support.programs.processes import kill_all, wait_until

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
shared_buffers = 16MB
fsync = off
wal_keep_size = 64MB
wal_retrieve_retry_interval = 100ms
"""
"""Without `fsync`, a server that is killed keeps what was committed; only a machine that fails forgets it."""

INITDB = ("-A", "trust", "-U", "postgres", "-E", "utf8", "--no-locale", "--no-sync", "--wal-segsize=1")
REPLAYED = "SELECT 1 WHERE pg_last_wal_replay_lsn() >= '{lsn}'"
STREAM = "SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming'"
LIMIT_S = 60


class PostgresNode(PostgresServer):
    """A server of PostgreSQL, on a port of its own, with new data or those of `primary`, whose standby it is."""

    def __init__(self, primary: PostgresNode | None = None) -> None:
        self.port = free_port()
        folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # not below pytest's, which other users may not enter
        super().__init__(folder / "data", f"postgresql://postgres@127.0.0.1:{self.port}/{NAME}")
        self._user = _owner_of(folder)
        if primary is None:
            self._run("initdb", *INITDB)
            with (self.folder / "postgresql.conf").open("a") as settings:
                settings.write(SETTINGS)
        else:
            self._copy(primary)

    @property
    def address(self) -> str:
        """For libpq."""
        return f"host=127.0.0.1 port={self.port}"

    def start(self) -> Self:
        """Start, also after `kill`, and return when it accepts connections."""
        (self.folder / "postmaster.pid").unlink(missing_ok=True)  # its process may not have been collected
        log = self.folder.with_name("log")
        self._run("pg_ctl", "start", "-w", "-t", str(LIMIT_S), "-l", str(log), "-o", f"-p {self.port}")
        return self

    def stop(self) -> None:
        """Every connection is told that the server shuts down (SQLSTATE 57P01)."""
        self._run("pg_ctl", "stop", "-w", "-m", "fast")

    def become_standby_of(self, primary: PostgresNode) -> None:
        """With a new copy of its data. Its own are lost."""
        self.kill()
        shutil.rmtree(self.folder)
        self._copy(primary)
        self.start()

    def kill(self) -> None:
        """kill -9: no goodbye to any client."""
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            kill_all(self.processes())

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.url_of("postgres"))) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def database(self, name: str) -> PostgresDatabase:
        """One that came from the primary."""
        return PostgresDatabase(self, name)

    def make_template_of(self, tables: str) -> None:
        """Of what `dump` has read: faster than by migrations."""
        self.execute(f"CREATE DATABASE {MIGRATED}")
        self.database(MIGRATED).rows(tables)
        self._has_template = True

    def promote(self) -> None:
        """Returns when it accepts writes."""
        self.execute(f"SELECT pg_promote(true, {LIMIT_S})")

    def follow(self, primary: PostgresNode | None) -> None:
        """A standby streams from `primary` from now on; with None from nobody, and falls behind."""
        self.set_("primary_conninfo", _source(primary) if primary else "")
        wait_until(lambda: bool(self.rows(STREAM)) == (primary is not None), "the stream has begun or ended")

    def set_(self, name: str, value: str) -> None:
        self.execute(f"ALTER SYSTEM SET {name} = '{value}'", "SELECT pg_reload_conf()")
        wait_until(lambda: self.rows(f"SHOW {name}") == [(value,)], f"{name} is in force")

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def _copy(self, primary: PostgresNode) -> None:
        """`-R` makes it a standby."""
        self._run("pg_basebackup", "-d", _source(primary), "-R", "-c", "fast", "--no-sync")
        self._has_template = primary._has_template

    def _run(self, program: str, *arguments: str) -> None:
        installed_postgres.run(program, self.folder, *arguments, user=self._user)


class Replication:
    """A primary and its standby. `database` is on both, and the server under test knows both hosts."""

    def __init__(self, tables: str | None) -> None:
        """`tables` is what `dump` has read; without it, migrations make them."""
        self.primary = PostgresNode().start()
        if tables is None:
            self.primary.make_template()
        else:
            self.primary.make_template_of(tables)
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
        """The two change places. Returns when the promoted one accepts writes."""
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    # What campaigns of faults do to the primary.

    @property
    def running(self) -> bool:
        return self.primary.running

    def start(self) -> None:
        self.primary.start()

    def kill(self) -> None:
        self.primary.kill()

    def frozen(self) -> AbstractContextManager[None]:
        return self.primary.frozen()

    def wait_until_streaming(self) -> None:
        wait_until(lambda: self.standby.rows(STREAM), "the standby streams")

    def wait_until_in_step(self) -> None:
        """It tells its primary at times, which takes 10 s; it knows itself."""
        ((lsn,),) = self.primary.rows("SELECT pg_current_wal_lsn()")
        wait_until(lambda: self.standby.rows(REPLAYED.format(lsn=lsn)), "the standby has replayed everything")

    def close(self) -> None:
        self.standby.close()
        self.primary.close()


def replicated() -> Replication:
    """With the tables that migrations make."""
    return Replication(None)


@contextmanager
def replication(postgres: PostgresDatabases) -> Iterator[Replication]:
    """`postgres` has the tables, which this one is given."""
    made = Replication(dump(postgres))
    try:
        yield made
    finally:
        made.close()


def dump(postgres: PostgresDatabases) -> str:
    """The tables of a new database, as SQL."""
    done = subprocess.run(
        [installed_postgres.program("pg_dump"), "--inserts", "--no-owner", postgres.url_of(MIGRATED)],
        check=True,
        capture_output=True,
        text=True,
    )
    return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)  # for psql


def _source(primary: PostgresNode) -> str:
    return f"{primary.address} user=postgres application_name=standby"


def _owner_of(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: then another user owns the folder."""
    if os.getuid() != 0:
        return None
    utils = installed_postgres.pgserver().utils
    utils.ensure_user_exists("pgserver")  # which returns it in one of the two packages
    user = pwd.getpwnam("pgserver")
    utils.ensure_prefix_permissions(folder)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return str(user.pw_name)
