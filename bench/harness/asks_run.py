"""What is asked of the workers, of Redis and of PostgreSQL: one kind of thing at a time, and counted.

Counts and bytes are exact on any machine. CPU times are the kernel's, of the processes themselves; on a busy machine
they are larger, since caches are shared.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from harness import load, machine, proc
from harness.contenders import PRODUCT
from harness.crowds import PLAIN, SOCKET_IO
from harness.databases import SETTINGS, PostgresDatabase, fresh_postgres
from harness.gathering import Gathering
from harness.membership import community_of
from harness.meters import FLUSH_S, Figures, Meters, per, rate, spent
from harness.open_pages import OpenPages, Page
from harness.postgres import postgres
from harness.processes import Server, serving
from harness.publishing import Publishing, overheard, publishing
from harness.redis_server import redis_server
from harness.steady import Steady
from harness.tables import progress

WORKERS = 2
WINDOW_S = 130
"""Leases of pages are renewed after half of it: in the second look at idle pages, and not in the first."""

IDLE_S = 20
REDIS_ALONE_S = 5
PINGED_S = 25
"""Every page is pinged once in it."""

RENEWED_S = 60
UPDATES = 15
BETWEEN_UPDATES_S = 0.6
VISITORS_ALONE = 20
BETWEEN_STEPS_S = 0.3
STEADY_RATE, STEADY_S, STEADY_CONNECTIONS = 40, 15, 8
CROWD = 64
CROWD_S = 8
MEMBERS_S = 8.0
MEMBERS_STAY_S = 20
CLOSED_CLEANLY = 1000
STEPS = 12


@dataclass(frozen=True)
class Ask:
    """What one of `count` things took, everybody's idle life left out."""

    count: float
    each: Figures


@dataclass
class Asks:
    idle: Figures = field(default_factory=dict)
    """A second of two workers without visitors."""

    asks: dict[str, Ask] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)
    publishing: Publishing | None = None


def run(folder: Path, pages: int, members: int) -> Asks:
    with ExitStack() as stack:
        database_server = stack.enter_context(postgres(None, SETTINGS))
        database = stack.enter_context(fresh_postgres(database_server, "asks"))
        redis = stack.enter_context(redis_server(None))
        alone_us = _redis_alone_us(redis.pid)
        env = {**database.env, "REDIS_URL": redis.url, "WEB_CONCURRENCY": str(WORKERS)}
        env |= {"ACTIVE_WINDOW_SECONDS": str(WINDOW_S), "RATE_LIMIT_SOCKETS": "0", "RATE_LIMIT_REGISTRATIONS": "0"}
        server = stack.enter_context(serving(PRODUCT, env, machine.all_cores(), folder / "server.log"))
        workers = tuple(server.workers)
        meters = Meters(redis.port, redis.pid, database_server, database.name, workers)
        found = _Scene(server, meters, database, pages, members).play()
        found.facts["Redis CPU µs a second, without workers"] = alone_us
        progress(STEPS, STEPS, "what a message costs Redis, by how many listen")
        found.publishing = publishing(redis.port, redis.pid)
    return found


def _redis_alone_us(pid: int) -> float:
    """A second of a Redis without requests."""
    before = proc.cpu_us(pid)
    time.sleep(REDIS_ALONE_S)
    return (proc.cpu_us(pid) - before) / REDIS_ALONE_S


class _Scene:
    def __init__(self, server: Server, meters: Meters, database: PostgresDatabase, pages: int, members: int) -> None:
        self._server = server
        self._meters = meters
        self._database = database
        self._size = pages
        self._members = members
        self._step = 0
        self._found = Asks()
        self._crowd = OpenPages(server.port)

    def play(self) -> Asks:
        self._say("nobody")
        time.sleep(3)
        before = self._meters.read()
        time.sleep(IDLE_S)
        self._found.idle = rate(before, self._meters.read())
        self._found.facts["worker MB"] = self._meters.worker_memory_mb() / WORKERS
        self._visitors_alone()
        pages = self._visits_alone()
        self._sockets(pages)
        idle = self._idle_pages()
        self._pushes(pages, idle)
        self._heartbeats(pages, idle)
        self._leaving(pages, idle)
        self._people()
        self._found.facts["PostgreSQL connections a worker"] = self._meters.connections()
        self._visits_steadily()
        self._visits_together()
        self._crowd.leave()
        for table in ("visits", "visitors"):
            self._found.facts[f"bytes a row of {table}"] = self._meters.row_bytes(table)
        return self._found

    def _say(self, what: str) -> None:
        self._step += 1
        progress(self._step, STEPS, what)

    def _keep(self, name: str, count: float, figures: Figures) -> None:
        self._found.asks[name] = Ask(count, per(figures, count))

    def _visitors_alone(self) -> None:
        """So far apart that nothing is said together: it is what is asked while few come."""
        self._say(f"{VISITORS_ALONE} visitors, one after the other: a visit, a socket, and gone")
        before = self._meters.read()
        for _ in range(VISITORS_ALONE):
            page = self._crowd.comes()
            self._crowd.read_for(BETWEEN_STEPS_S)
            self._crowd.open([page], PLAIN)
            self._crowd.read_for(BETWEEN_STEPS_S)
            self._crowd.close([page])
            self._crowd.read_for(BETWEEN_STEPS_S)
        self._keep("visitor alone", VISITORS_ALONE, spent(before, self._meters.flushed(), self._found.idle))

    def _visits_alone(self) -> list[Page]:
        self._say(f"{self._size} visits, one after the other")
        memory, worker_mb = self._meters.redis_memory(), self._meters.worker_memory_mb()
        before = self._meters.read()
        pages = [self._crowd.comes() for _ in range(self._size)]
        after = self._meters.flushed()
        self._found.facts["Redis bytes a visitor"] = (self._meters.redis_memory() - memory) / self._size
        self._found.facts["worker KB a visitor"] = (self._meters.worker_memory_mb() - worker_mb) * 1e3 / self._size
        self._keep("visit alone", self._size, spent(before, after, self._found.idle))
        return pages

    def _sockets(self, pages: list[Page]) -> None:
        self._say("their sockets")
        halves = {PLAIN: pages[: len(pages) // 2], SOCKET_IO: pages[len(pages) // 2 :]}
        for kind, half in halves.items():
            memory_mb = self._meters.worker_memory_mb()
            before = self._meters.read()
            self._crowd.open(half, kind)
            grown_kb = (self._meters.worker_memory_mb() - memory_mb) * 1e3
            self._found.facts[f"worker KB a page, {kind}"] = grown_kb / len(half)
            self._keep(f"socket, {kind}", len(half), spent(before, self._flushed(), self._found.idle))

    def _flushed(self) -> Figures:
        """PostgreSQL has said all; pings are answered meanwhile."""
        self._crowd.read_for(FLUSH_S)
        return self._meters.read()

    def _idle_pages(self) -> Figures:
        """What a second takes while all pages are open and nothing happens; and what a page takes of it."""
        self._say("open pages, and nothing happens")
        first = self._meters.read()
        self._crowd.read_for(PINGED_S)
        second = self._meters.read()
        self._crowd.read_for(RENEWED_S)
        third = self._meters.read()
        pings = spent(first, second, self._found.idle)
        both = spent(second, third, self._found.idle)
        renewals = {name: both[name] - pings[name] * RENEWED_S / PINGED_S for name in both}
        self._keep("ping", self._size, pings)
        self._keep("renewal of a page", self._size, renewals)
        return rate(first, second)

    def _pushes(self, pages: list[Page], idle: Figures) -> None:
        self._say(f"{UPDATES} visits that all pages hear of")
        heard, size = sum(page.updates for page in pages), sum(page.update_bytes for page in pages)
        before = self._meters.read()
        with overheard(self._meters.redis_port) as lengths:
            for _ in range(UPDATES):
                self._crowd.comes()
                self._crowd.read_for(BETWEEN_UPDATES_S)
        took = spent(before, self._meters.read(), idle)
        self._found.facts["bytes of a message"] = sum(lengths) / len(lengths)
        frames = sum(page.updates for page in pages) - heard
        self._found.facts["updates to a page for a visit"] = frames / len(pages) / UPDATES
        self._found.facts["bytes of an update"] = (sum(page.update_bytes for page in pages) - size) / frames
        alone = self._found.asks["visit alone"].each
        self._keep("frame of a push", frames, {name: took[name] - UPDATES * alone[name] for name in took})

    def _heartbeats(self, pages: list[Page], idle: Figures) -> None:
        self._say("heartbeats")
        some = pages[: len(pages) // 4]
        before = self._meters.read()
        for page in some:
            self._crowd.heartbeat(page)
            self._crowd.read_for(0.0)
        self._keep("heartbeat", len(some), spent(before, self._flushed(), idle))

    def _leaving(self, pages: list[Page], idle: Figures) -> None:
        self._say("all leave")
        before = self._meters.read()
        self._crowd.close(pages)
        self._keep("socket closed", len(pages), spent(before, self._meters.flushed(), self._found.idle))

    def _people(self) -> None:
        self._say(f"{self._members} members of a community")
        community = community_of(self._database, self._members)
        gathering = Gathering(self._server.port, community.id, community.tokens)
        before = self._meters.read()
        began_ns = time.monotonic_ns()
        for member in range(self._members):
            gathering.open(member)
            gathering.read(began_ns + round((member + 1) * MEMBERS_S * 1e9 / self._members))
        gathering.read(time.monotonic_ns() + round(FLUSH_S * 1e9))
        there = self._meters.read()
        idle = self._stay(gathering)
        self._keep("member comes", self._members, spent(before, there, idle))
        gone = self._meters.read()
        gathering.leave_one_by_one(CLOSED_CLEANLY, MEMBERS_S)
        self._keep("member goes", self._members, spent(gone, self._meters.flushed(), self._found.idle))

    def _stay(self, gathering: Gathering) -> Figures:
        """What a second takes with all of them there; a member's part of it is kept."""
        before = self._meters.read()
        gathering.read(time.monotonic_ns() + MEMBERS_STAY_S * 1_000_000_000)
        after = self._meters.read()
        self._keep("member for a second", self._members * MEMBERS_STAY_S, spent(before, after, self._found.idle))
        return rate(before, after)

    def _visits_steadily(self) -> None:
        self._say(f"{STEADY_RATE} visits a second, on both workers")
        before = self._meters.read()
        steady = Steady(self._server.port, "register", STEADY_RATE, STEADY_S, STEADY_CONNECTIONS)
        answered = len(steady.answers())
        took = spent(before, self._meters.flushed(), self._found.idle)
        self._keep(f"visit, {STEADY_RATE} a second", answered, took)

    def _visits_together(self) -> None:
        self._say(f"visits over {CROWD} connections")
        before = self._meters.read()
        answered = load.register(self._server.port, CROWD, CROWD_S, None).result().requests
        self._keep("visit in a crowd", answered, spent(before, self._meters.flushed(), self._found.idle))
