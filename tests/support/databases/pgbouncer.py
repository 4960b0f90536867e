"""A real PgBouncer, from Debian, in transaction mode."""

from __future__ import annotations

import os
from pathlib import Path

from support.databases.database import PostgresDatabases
from support.programs.installed import program
from support.programs.service import Service

CONFIGURATION = """
[databases]
* = {server} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
"""


class PgBouncer(Service):
    """A PgBouncer for all databases of `postgres`, with at most `pool_size` connections to each."""

    def __init__(self, folder: Path, postgres: PostgresDatabases, pool_size: int) -> None:
        super().__init__(folder)
        self.pool_size = pool_size
        self._postgres = postgres

    def command(self) -> tuple[str | Path, ...]:
        # PgBouncer refuses to run as root, and only the owner of PostgreSQL's folder may use the socket in it.
        user = ("-u", self._postgres.folder.owner()) if os.getuid() == 0 else ()
        return (program("pgbouncer"), "-q", *user, self._configure())

    def _configure(self) -> Path:
        written = CONFIGURATION.format(server=self._postgres.address, port=self.port, pool_size=self.pool_size)
        configuration = self.folder / "pgbouncer.ini"
        configuration.write_text(written)
        return configuration

    def url_of(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"
