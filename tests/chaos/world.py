"""Everything that takes part in a campaign on one kind of database, and can be harmed."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from support.clients.members import Member
from support.databases.database import Database, Postgres, SqliteDatabase
from support.databases.pgbouncer import PgBouncer
from support.databases.redis import Redis
from support.databases.redis_groups import RedisWithSentinels
from support.databases.replication import Replication
from support.faults.disks import slow_disk, small_disk
from support.faults.shared_numbers import SharedNumber
from support.programs.ports import free_port
from support.servers.changed_server import ChangedServer
from support.servers.server import Exit

from chaos.journal import Journal
from chaos.members import Page, Person
from chaos.sockets import PlainSocket, SilentSocket, SocketioSocket, SocketThread
from chaos.visitors import Reader, Visitor

SMALL_LOG = ("ALTER SYSTEM SET max_wal_size = '96MB'", "ALTER SYSTEM SET min_wal_size = '32MB'")
VISITORS, PAGES, SILENT, PEOPLE = 8, 40, 4, 14
POOLED = 20  # size of PgBouncer's connection pool; its default
LOOKS_EVERY_S = 0.05
STARTS_AGAIN_S = 0.3


class Kind(NamedTuple):
    name: str
    is_postgres: bool
    disk: str  # size of the small disk, as an option of mount
    is_pooled: bool = False  # the server reaches PostgreSQL through PgBouncer
    has_sentinels: bool = False  # three Redis and three Sentinels instead of one Redis
    has_standby: bool = False  # two PostgreSQL servers, not on the small disk


KINDS = {
    "postgres": Kind("PostgreSQL and Redis, two workers", True, "size=512m"),
    "sqlite": Kind("SQLite, one worker", False, "size=256m"),
}


class Supervisor(threading.Thread):
    """Restarts the server whenever it exits, as systemd does. `exits` lists the server's exits, the latest last."""

    def __init__(self, server: ChangedServer, journal: Journal) -> None:
        super().__init__(daemon=True, name="supervisor")
        self.server = server
        self.exits: list[Exit] = []
        self._journal = journal
        self._over = threading.Event()

    def stop(self) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(LOOKS_EVERY_S):
            if not self.server.running:
                self._journal.attempt("the server cannot be started", self._start_again)
                self._over.wait(STARTS_AGAIN_S)

    def _start_again(self) -> None:
        self.exits.append(self.server.wait())
        self.server.launch()

    def workers(self) -> list[psutil.Process]:
        return _found(lambda: sorted(self.server.workers(), key=lambda worker: worker.pid))

    def parents(self) -> list[psutil.Process]:
        """The server's process, or none while it is down."""
        return _found(lambda: [psutil.Process(self.server.pid)])


def _found(look: Callable[[], list[psutil.Process]]) -> list[psutil.Process]:
    """Call `look`. Returns an empty list if a process has exited in the meantime."""
    with suppress(psutil.Error, AssertionError):
        return look()
    return []


class World:
    """A running server with its databases, and clients that wait for `begin`. Only the logs in `folder` remain."""

    disk: Path | None = None  # A small disk that contains the database. None if this user may not mount one.
    postgres: Any = None  # a `Postgres`, a `Replication` or None
    redis: Any = None  # a `Redis`, a `RedisWithSentinels` or None

    def __init__(self, kind: Kind, folder: Path, seed: int, stack: ExitStack) -> None:
        chance = random.Random(seed)
        self.kind = kind
        self.folder = folder
        self.journal = Journal()
        self.workers = 2 if kind.is_postgres else 1
        if not kind.has_standby:
            self.disk = stack.enter_context(small_disk(folder / "disk", kind.disk))
        self.clock = SharedNumber(folder / "clock")  # how far ahead the server's clock is, in ms
        self.sync_delay, preload = slow_disk(folder)  # Extra time for each sync, in µs. None without a C compiler.
        settings = self._start_databases(stack, preload)
        self.server = ChangedServer(
            self.database, folder, CHANGES="{}", CLOCK=self.clock.path, PORT=free_port(), **preload, **settings
        )
        stack.callback(self.server.kill)
        self.server.start()
        self.supervisor = Supervisor(self.server, self.journal)
        stack.callback(self.supervisor.stop)
        self.supervisor.start()
        self.sockets = SocketThread(self.journal, random.Random(chance.random()), self.server.port)
        stack.callback(self.sockets.stop)
        self.still = threading.Event()
        self._found_communities()
        self.sockets.start()
        port, communities = self.server.port, self.communities
        self.visitors = [
            Visitor(number, port, self.journal, communities, random.Random(chance.random()))
            for number in range(VISITORS)
        ]
        self._open_pages()
        viewer = Member(self.server)
        given = self.server.koyjabo("user", "role", viewer.email, "viewer")
        assert given.returncode == 0, given.stderr
        self.reader = Reader(viewer, port, self.journal, chance)

    @property
    def primary(self) -> Any:
        return self.postgres.primary if self.kind.has_standby else self.postgres

    def _start_databases(self, stack: ExitStack, preload: dict[str, str]) -> dict[str, Any]:
        """Start what the kind needs, and return the server's settings for it."""
        if not self.kind.is_postgres:
            self.database: Database = SqliteDatabase((self.disk or self.folder) / "koyjabo.db")
            return {}
        environment = stack.enter_context(pytest.MonkeyPatch.context())  # PostgreSQL inherits ours
        for name, value in preload.items():
            environment.setenv(name, value)
        self.postgres = Replication() if self.kind.has_standby else Postgres(self.disk and self.disk / "postgres")
        stack.callback(self.postgres.close)
        self.redis = stack.enter_context(RedisWithSentinels() if self.kind.has_sentinels else Redis())
        if self.kind.has_sentinels:
            self.redis.watch()
        if not self.kind.has_standby:
            self.postgres.execute(*SMALL_LOG, "SELECT pg_reload_conf()")
        self.database = self.postgres.new_database()
        settings: dict[str, Any] = {"REDIS_URL": self.redis.url, "WEB_CONCURRENCY": self.workers}
        if self.kind.has_standby:
            settings["DATABASE_URL"] = self.postgres.url_of(self.database.name)
        if self.kind.is_pooled:
            pooler = stack.enter_context(PgBouncer(self.folder, self.postgres, POOLED))
            settings["DATABASE_URL"] = pooler.url_of(self.database.name)
        return settings

    def _found_communities(self) -> None:
        founder = Member(self.server)
        self.communities = [founder.found(name) for name in ("Mirpur 10", "Uttara")]
        self.people: list[Person] = []
        for number in range(PEOPLE):
            theirs = self.communities if number % 3 == 0 else [self.communities[number % 2]]
            member = Member(self.server)
            for community in theirs:
                member.join(community)
            self.people.append(Person(self.sockets, member, theirs, self.still.is_set))

    def _open_pages(self) -> None:
        """Open two pages of each visit, one of each kind of socket, and some sockets that never read."""
        self.pages: list[Page] = []
        for number in range(PAGES // 2):
            visit = (f"page-{number}", "open")
            self.journal.sending(visit)
            self.journal.acknowledged(visit, self.server.register(*visit).ordinal, duplicate=False)
            for socket in (SocketioSocket(self.sockets), PlainSocket(self.sockets)):
                self.pages.append(Page(f"page {len(self.pages)}", socket, visit))
        self.silent = [SilentSocket(self.sockets) for _ in range(SILENT)]
        for line in [*(page.line for page in self.pages), *self.silent]:
            self.sockets.call(line.open)

    def begin(self) -> None:
        for client in (*self.visitors, self.reader):
            client.start()
        for person in self.people:
            self.sockets.call(person.begin)

    def cut_lines(self) -> None:
        for visitor in self.visitors:
            visitor.cut()
        for line in [page.line for page in self.pages] + [tab.line for person in self.people for tab in person.tabs]:
            self.sockets.call(line.reset)

    def stop_visitors(self) -> None:
        for client in (*self.visitors, self.reader):
            client.stop()
        for client in (*self.visitors, self.reader):
            client.join()
        self.reader.member.http.close()

    def leave(self) -> None:
        for page in self.pages:
            self.sockets.call(page.line.leave)
        for silent in self.silent:
            self.sockets.call(silent.vanish)
        for person in self.people:
            for tab in person.tabs:
                self.sockets.call(tab.line.leave)
            person.member.http.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.rows(query)

    def log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("server-*.log")))
