"""Servers that respond to HTTP (this one, an earlier version, and constant responses), and one load on one of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.databases.database import Database, Postgres

from harness.clients.http_load import Figures
from harness.clients.websocket_clients import Endpoint
from harness.folders import BENCH, ROOT, scratch
from harness.servers import process_figures as proc
from harness.servers.databases import POSTGRES, SQLITE, server_for, settings_on
from harness.servers.server import Server
from harness.servers.versions import THIS, Version

SERVERS = BENCH / "servers"
WARM_UP_S = 1


@dataclass(frozen=True)
class Contender:
    """A server to start in `folder`. `keeps` says whether it stores what it receives, so that the data can be
    checked. `sql` prepares its database, and `missing` says why it cannot run on this machine.
    """

    name: str
    backend: str
    command: tuple[str, ...]
    keeps: bool = True
    folder: Path = ROOT
    sql: str = ""
    missing: str = ""

    @property
    def migrates(self) -> bool:
        """Whether it is another version, which creates its own tables."""
        return self.folder != ROOT


ON_SQLITE = Contender("this server, SQLite", SQLITE, THIS.server)
ON_POSTGRES = Contender("this server, PostgreSQL", POSTGRES, THIS.server)
FLASK = Contender(
    "Flask: get_json, constant answer", SQLITE, (sys.executable, str(SERVERS / "constant.py")), keeps=False
)
NODE = Contender("Node http, constant answer", SQLITE, ("node", str(SERVERS / "constant.js")), keeps=False)


def of_version(version: Version) -> tuple[Contender, Contender]:
    """The version on SQLite and on PostgreSQL. Its ledger is not checked, since its tables may differ."""
    return tuple(
        Contender(f"{version.name}, {backend}", backend, version.server, keeps=False, folder=version.folder)
        for backend in (SQLITE, POSTGRES)
    )


@dataclass(frozen=True)
class Candidate:
    """A server to start in `folder`, and its clients' endpoint. `missing` says why it cannot run on this machine."""

    name: str
    command: tuple[str, ...]
    endpoint: Endpoint
    folder: Path = ROOT
    is_product: bool = True
    missing: str = ""


@dataclass(frozen=True)
class Testbed:
    """A folder on a real disk, a core for servers and one for clients, and a PostgreSQL server if needed."""

    folder: Path
    server_core: int
    load_core: int
    postgres: Postgres | None = None

    def server(self, contender: Contender | Candidate, database: Database, **settings: str) -> Server:
        """A server that has not been started yet."""
        settings = {**settings_on(database), **settings}
        return Server(contender.command, settings, self.server_core, self.folder, contender.folder)

    def measure(self, contender: Contender, server: Server, start: Callable[[], Figures]) -> Figures:
        """Run the load with `start`, and add the CPU time per request to its figures."""
        roots = {"cpu_us": server.pid}
        if contender.backend == POSTGRES and self.postgres:
            roots["database_cpu_us"] = self.postgres.pid
        before = {name: proc.cpu_us(root) for name, root in roots.items()}
        seen = start()
        answered = max(1, seen["requests"])
        return {**seen, **{name: (proc.cpu_us(root) - before[name]) / answered for name, root in roots.items()}}


@contextmanager
def prepared(cores: tuple[int, int], kind: str = SQLITE) -> Iterator[Testbed]:
    """A testbed for databases of this kind, for the duration of the block."""
    with scratch() as folder, server_for(kind, cores[1]) as postgres:
        yield Testbed(folder, *cores, postgres)
