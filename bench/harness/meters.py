"""What Redis, PostgreSQL and the workers have done so far: figures that only grow, so that a difference is a cost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import redis as client

from harness import proc
from harness.postgres import Postgres

Figures = dict[str, float]

NOTHING: Mapping[str, float] = MappingProxyType({})

FLUSH_S = 11.0
"""A session of PostgreSQL that has become idle tells its statistics within 10 s."""

STATISTICS = """
SELECT xact_commit + xact_rollback, blks_read + blks_hit, tup_fetched + tup_returned,
       tup_inserted + tup_updated + tup_deleted
FROM pg_stat_database WHERE datname = '{database}'
"""
WRITTEN = (
    "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, wal_bytes, wal_records, wal_fpi FROM pg_stat_wal"
)


@dataclass(frozen=True)
class Meters:
    """`workers` are process ids; the one that a phase talks to is told apart from the one that only hears of it."""

    redis_port: int
    redis_pid: int
    postgres: Postgres
    database: str
    workers: tuple[int, ...]

    def read(self) -> Figures:
        found = {"s": time.monotonic()}
        for number, pid in enumerate(self.workers):
            found[f"worker {number} CPU µs"] = proc.cpu_us(pid)
        return found | self._redis() | self._postgres()

    def flushed(self) -> Figures:
        """The same, when everything that happened before is in it."""
        time.sleep(FLUSH_S)
        return self.read()

    def redis_memory(self) -> float:
        """Bytes that its data take."""
        with client.Redis(port=self.redis_port) as redis:
            return float(redis.info("memory")["used_memory_dataset"])

    def worker_memory_mb(self) -> float:
        return sum(map(proc.rss_mb, self.workers))

    def row_bytes(self, table: str) -> float:
        """What a row takes, with its part of the indexes."""
        statement = f"SELECT pg_total_relation_size('{table}') / greatest(1, count(*))::float FROM {table}"
        return float(self.postgres.query(self.database, statement)[0][0])

    def connections(self) -> float:
        """To PostgreSQL, of each worker."""
        statement = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.database}'"
        return float(self.postgres.query("postgres", statement)[0][0]) / len(self.workers)

    def _redis(self) -> Figures:
        with client.Redis(port=self.redis_port) as redis:
            cpu, net, commands = redis.info("cpu"), redis.info("stats"), redis.info("commandstats")
        found = {
            "Redis CPU µs": 1e6 * (cpu["used_cpu_user"] + cpu["used_cpu_sys"]),
            "Redis bytes in": net["total_net_input_bytes"],
            "Redis bytes out": net["total_net_output_bytes"],
        }
        for name in ("evalsha", "publish"):
            said = commands.get(f"cmdstat_{name}", {"calls": 0, "usec": 0})
            found |= {f"Redis {name}": said["calls"], f"Redis {name} µs": said["usec"]}
        return found

    def _postgres(self) -> Figures:
        transactions, blocks, read, written = self.postgres.query(
            "postgres", STATISTICS.format(database=self.database)
        )[0]
        commits, wal_bytes, wal_records, pages = self.postgres.query("postgres", WRITTEN)[0]
        return {
            "PostgreSQL CPU µs": proc.cpu_us(self.postgres.pid),
            "PostgreSQL transactions": float(transactions),
            "PostgreSQL commits that write": float(commits),
            "PostgreSQL blocks": float(blocks),
            "PostgreSQL rows read": float(read),
            "PostgreSQL rows written": float(written),
            "PostgreSQL WAL bytes": float(wal_bytes),
            "PostgreSQL WAL records": float(wal_records),
            "PostgreSQL WAL whole pages": float(pages),
        }


def spent(before: Figures, after: Figures, idle_per_s: Mapping[str, float] = NOTHING) -> Figures:
    """What happened in between, without what would have happened anyway."""
    took_s = after["s"] - before["s"]
    return {name: after[name] - before[name] - took_s * idle_per_s.get(name, 0.0) for name in before if name != "s"}


def per(figures: Mapping[str, float], count: float) -> Figures:
    return {name: value / count for name, value in figures.items()}


def rate(before: Mapping[str, float], after: Mapping[str, float]) -> Figures:
    """A second of it."""
    return per(spent(before, after), after["s"] - before["s"])
