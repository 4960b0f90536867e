"""A real PgBouncer, from Debian, in transaction mode."""

from __future__ import annotations

import os
from pathlib import Path

from support.databases.database import Postgres
from support.programs.installed import program
from support.programs.service import Service

CONFIGURATION = """
[databases]
* = host={socket} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
"""


class PgBouncer(Service):
    """In front of all databases of `postgres`, with at most `pool_size` connections to each."""

    def __init__(self, folder: Path, postgres: Postgres, pool_size: int) -> None:
        super().__init__(folder)
        self.pool_size = pool_size
        self._postgres = postgres

    def command(self) -> tuple[str | Path, ...]:
        configuration, sockets = self.folder / "pgbouncer.ini", self._postgres.folder
        configuration.write_text(CONFIGURATION.format(socket=sockets, port=self.port, pool_size=self.pool_size))
        # PgBouncer refuses to run as root, and only its owner may enter that folder.
        user = ("-u", sockets.owner()) if os.getuid() == 0 else ()
        return (program("pgbouncer", "`make pgbouncer` brings it"), "-q", *user, configuration)

    def url_of(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"
