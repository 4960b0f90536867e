"""A real PgBouncer, from Debian, in transaction mode."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

from support.databases.database import Postgres
from support.databases.redis import free_port
from support.programs.installed import program
from support.programs.processes import wait_until

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


class PgBouncer:
    """In front of all databases of `postgres`, with at most `pool_size` connections to each."""

    def __init__(self, folder: Path, postgres: Postgres, pool_size: int) -> None:
        self.port = free_port()
        self.pool_size = pool_size
        self._folder = folder
        self._postgres = postgres
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> PgBouncer:
        configuration = self._folder / "pgbouncer.ini"
        socket_folder = self._postgres.folder
        configuration.write_text(CONFIGURATION.format(socket=socket_folder, port=self.port, pool_size=self.pool_size))
        # PgBouncer refuses to run as root, and only its owner may enter that folder.
        user = ["-u", socket_folder.owner()] if os.getuid() == 0 else []
        with (self._folder / "pgbouncer.log").open("wb") as log:
            self._process = subprocess.Popen(
                [program("pgbouncer", "`make pgbouncer` brings it"), "-q", *user, configuration],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._listens, "PgBouncer listens")
        return self

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)

    def url_of(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "pgbouncer.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
