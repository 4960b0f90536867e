"""What another index of the visits would cost: each visit that is written, and the disk."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy.engine import make_url

from harness.databases import PostgresDatabase, SqliteFile
from harness.fill_log import LARGE
from harness.folders import scratch
from koyjabo.clock import Clock
from koyjabo.counting.ledger import LedgerStore, open_store
from koyjabo.counting.records import NewVisit
from koyjabo.models import SITE, Scope

DROP = "DROP INDEX ix_visits_community"
FOUND = f"INSERT INTO counters SELECT '{LARGE}', epoch, 0, 0, 0, revision FROM counters WHERE scope = 'site'"

CASES = {
    "of the site, as it is": (SITE, ""),
    "of the site, with an index of places": (SITE, "CREATE INDEX another ON visits (place, id)"),
    "of a community, as it is": (Scope(LARGE), ""),
    "of a community, without its index": (Scope(LARGE), DROP),
}
"""Where visits come to, and what is changed before."""

BATCHES, A_BATCH = 200, 100
PAGES = {"SqliteFile": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"}
SIZE = "SELECT pg_total_relation_size('visits')"


@dataclass(frozen=True)
class Cost:
    cpu_us: float  # of a visit, in the writer's thread
    wall_us: float
    build_s: float
    megabytes: float


def cost_of(database: SqliteFile | PostgresDatabase, scope: Scope, statement: str) -> Cost:
    """Write visits of a scope into a copy that was changed by a statement."""
    with _copy(database) as copy:
        copy.query(FOUND)
        before, began = _size(copy), time.perf_counter()
        if statement:
            copy.query(statement)
        build_s, grown = time.perf_counter() - began, _size(copy) - before
        store = open_store(make_url(copy.env["DATABASE_URL"]), Clock(ZoneInfo("Asia/Dhaka")))
        try:
            took = [_commit(store, scope, Random(number)) for number in range(BATCHES)]
        finally:
            store.close()
    cpu_s, wall_s = (median(times) for times in zip(*took, strict=True))
    return Cost(cpu_s / A_BATCH * 1e6, wall_s / A_BATCH * 1e6, build_s, grown / 1e6)


def _commit(store: LedgerStore, scope: Scope, chance: Random) -> tuple[float, float]:
    batch = [(_visit(scope, chance), f"~{secrets.token_urlsafe(9)}") for _ in range(A_BATCH)]
    began, cpu_began = time.perf_counter(), time.thread_time()
    with store.writing():
        store.commit(batch)
    return time.thread_time() - cpu_began, time.perf_counter() - began


def _visit(scope: Scope, chance: Random) -> NewVisit:
    now_ms, place = time.time_ns() // 1_000_000, f"Place {int(500 * chance.random() ** 3)}, BD"
    return NewVisit(f"visitor_{now_ms}_{secrets.token_hex(5)}", None, scope, place, now_ms, user_agent="x" * 120)


def _size(database: SqliteFile | PostgresDatabase) -> int:
    return int(database.query(PAGES.get(type(database).__name__, SIZE))[0][0])


@contextmanager
def _copy(database: SqliteFile | PostgresDatabase) -> Iterator[SqliteFile | PostgresDatabase]:
    if isinstance(database, SqliteFile):
        with scratch() as folder:
            copy = SqliteFile(folder / "copy.db")
            shutil.copy(database.path, copy.path)
            yield copy
        return
    server, name = database.server, "copy"
    server.drop(name)
    server.query("postgres", f"CREATE DATABASE {name} TEMPLATE {database.name}")
    try:
        server.query(name, "CHECKPOINT")  # now, not during a measurement
        yield PostgresDatabase(server, name)
    finally:
        server.drop(name)
