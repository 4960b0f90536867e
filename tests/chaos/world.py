"""Everything that takes part in a campaign on one kind of database, and can be harmed."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.clients.members import Member
from support.databases.database import Database, Postgres, SqliteDatabase
from support.databases.pgbouncer import PgBouncer
from support.databases.redis import Redis
from support.databases.redis_groups import RedisWithSentinels
from support.databases.replication import replicated
from support.faults.shared_numbers import SharedNumber, slow_disk
from support.programs.ports import free_port
from support.servers.changed_server import ChangedServer

from chaos.event_loop import EventLoop
from chaos.journal import Journal
from chaos.members import Person
from chaos.pages import Page, SilentClient, open_pages, open_silent_pages
from chaos.report_reader import Reader
from chaos.supervisor import Supervisor
from chaos.visitors import Visitor

SQLITE, POSTGRES = "SQLite, one worker", "PostgreSQL and Redis, two workers"
DISK = {SQLITE: "size=256m", POSTGRES: "size=512m"}
SMALL_LOG = ("ALTER SYSTEM SET max_wal_size = '96MB'", "ALTER SYSTEM SET min_wal_size = '32MB'")
VISITORS, PAGES, SILENT, PEOPLE = 8, 40, 4, 14

POOLED = 20
"""Size of PgBouncer's connection pool; its default."""


@dataclass
class World:
    journal: Journal
    server: ChangedServer
    supervisor: Supervisor
    database: Database
    postgres: Any
    """A `Postgres`, a `Replication` or None."""
    redis: Any
    """A `Redis`, a `RedisWithSentinels` or None."""
    clock: SharedNumber
    """How far ahead the server's clock is, in ms."""
    sync_delay: SharedNumber | None
    """Extra time for each sync, in µs. None without a C compiler."""
    disk: Path | None
    """A small disk that contains the database. None if this user may not mount one."""
    event_loop: EventLoop
    still: threading.Event
    communities: list[str]
    visitors: list[Visitor]
    pages: list[Page]
    silent: list[SilentClient]
    people: list[Person]
    reader: Reader

    @property
    def workers(self) -> int:
        return 2 if self.redis else 1

    def begin(self) -> None:
        """Start the clients."""
        for visitor in self.visitors:
            visitor.start()
        self.reader.start()
        for person in self.people:
            self.event_loop.call(person.begin)

    def cut_lines(self) -> None:
        """Break all client connections."""
        for visitor in self.visitors:
            visitor.cut()
        for line in [page.line for page in self.pages] + [tab.line for person in self.people for tab in person.tabs]:
            self.event_loop.call(line.reset)

    def stop_visitors(self) -> None:
        for visitor in self.visitors:
            visitor.stop()
        for visitor in self.visitors:
            visitor.join()
        self.reader.stop()

    def leave(self) -> None:
        """Stop the clients, and close their sockets and login connections."""
        for page in self.pages:
            self.event_loop.call(page.line.leave)
        for silent in self.silent:
            self.event_loop.call(silent.vanish)
        for person in self.people:
            self.event_loop.call(person.leave)
            person.member.http.close()


@contextmanager
def world(
    kind: str,
    folder: Path,
    seed: int,
    is_pooled: bool = False,
    has_sentinels: bool = False,
    has_standby: bool = False,
) -> Iterator[World]:
    """Set up a world with a running server and without clients. Only the logs in `folder` remain at the end.

    `is_pooled`: the server reaches PostgreSQL through PgBouncer. `has_sentinels`: three Redis and three Sentinels
    instead of one Redis. `has_standby`: two PostgreSQL servers, not on the small disk.
    """
    journal = Journal()
    chance = random.Random(seed)
    with ExitStack() as stack:
        disk = None if has_standby else stack.enter_context(small_disk(folder / "disk", DISK[kind]))
        clock = SharedNumber(folder / "clock")
        delay, preload = slow_disk(folder)
        if preload and kind == POSTGRES:
            environment = stack.enter_context(pytest.MonkeyPatch.context())  # PostgreSQL inherits ours
            for name, value in preload.items():
                environment.setenv(name, value)
        postgres = redis = None
        if kind == POSTGRES:
            postgres = replicated() if has_standby else _single(disk)
            stack.callback(postgres.close)
            redis = stack.enter_context(RedisWithSentinels() if has_sentinels else Redis())
            if isinstance(redis, RedisWithSentinels):
                redis.watch()
        database: Database = postgres.new_database() if postgres else SqliteDatabase((disk or folder) / "koyjabo.db")
        settings: dict[str, Any] = {"REDIS_URL": redis.url, "WEB_CONCURRENCY": 2} if redis else {}
        if has_standby:
            settings["DATABASE_URL"] = postgres.url_of(database.name)
        if postgres and is_pooled:
            pooler = stack.enter_context(PgBouncer(folder, postgres, POOLED))
            settings["DATABASE_URL"] = pooler.url_of(database.name)
        changes = {"CHANGES": "{}", "CLOCK": clock.path, "PORT": free_port(), **preload, **settings}
        server = ChangedServer(database, folder, **changes)
        stack.callback(server.kill)
        server.start()
        supervisor = Supervisor(server, folder, journal)
        stack.callback(supervisor.stop)
        supervisor.start()
        event_loop = EventLoop(journal, random.Random(chance.random()), server.port)
        stack.callback(event_loop.stop)
        still = threading.Event()
        communities, people = founded(server, event_loop, still)
        event_loop.start()
        visitors = [
            Visitor(which, server.port, journal, communities, random.Random(chance.random()))
            for which in range(VISITORS)
        ]
        visits = [(f"page-{number}", "open") for number in range(PAGES // 2)]
        for visit in visits:
            journal.sending(visit)
            journal.acknowledged(visit, server.register(*visit).ordinal, duplicate=False)
        pages, silent = open_pages(event_loop, visits), open_silent_pages(event_loop, SILENT)
        made = World(
            journal=journal,
            server=server,
            supervisor=supervisor,
            database=database,
            postgres=postgres,
            redis=redis,
            clock=clock,
            sync_delay=delay,
            disk=disk,
            event_loop=event_loop,
            still=still,
            communities=communities,
            visitors=visitors,
            pages=pages,
            silent=silent,
            people=people,
            reader=Reader(viewer(server), server.port, journal),
        )
        yield made


def _single(disk: Path | None) -> Postgres:
    postgres = Postgres(disk and disk / "postgres")
    postgres.execute(*SMALL_LOG, "SELECT pg_reload_conf()")
    return postgres


def founded(server: ChangedServer, event_loop: EventLoop, still: threading.Event) -> tuple[list[str], list[Person]]:
    """Found two communities, and create people who are in one or both."""
    founder = Member(server)
    communities = [founder.found(name) for name in ("Mirpur 10", "Uttara")]
    people = []
    for number in range(PEOPLE):
        theirs = communities if number % 3 == 0 else [communities[number % 2]]
        member = Member(server)
        for community in theirs:
            member.join(community)
        people.append(Person(event_loop, member, theirs, still.is_set))
    return communities, people


def viewer(server: ChangedServer) -> Member:
    member = Member(server)
    given = server.koyjabo("user", "role", member.email, "viewer")
    assert given.returncode == 0, given.stderr
    return member


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path | None]:
    """Mount a disk of `size` at `folder`, or yield None if this user may not."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=False, capture_output=True)
    if mounted.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
