"""Measures the cost of attended time: 10,000 pages that leave within a minute, and the memory used by an open page.

The writer receives spans in two-second batches, as on a server. Prints tables and the time with its target; the same
text goes to bench/results/attendance.txt.
"""

from __future__ import annotations

import random
import tracemalloc
from statistics import median
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import click
from harness.folders import ROOT, scratch
from harness.reporting import machine
from harness.reporting.tables import Target, say_targets
from harness.servers.databases import POSTGRES, SQLITE, fresh, migrate, server_for
from sqlalchemy.engine import make_url
from support.databases.database import Database

from koyjabo.base.cluster.base import Cluster
from koyjabo.base.cluster.bus import Bus
from koyjabo.base.cluster.workers import MemoryWorkers
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.settings.database_url import normal
from koyjabo.counting.evidence.attendance import WRITE_S, AttendanceWriter
from koyjabo.counting.evidence.queries import Shown
from koyjabo.presence.visitors.visitor_sockets import OpenSocket

PAGES, TICKS = 10_000, round(60 / WRITE_S)
MAX_MS, ROUNDS = 300, 5
OPENED_MS, STAYED_MS = 1_795_000_000_000, 40_000
ADDRESS = "10.0.{}.{}"
VISITOR, VISIT = "visitor_1702757318000_a1b2c{:05d}", "9b1deb4d-3b7d-4bad-9bdd-2b0d7{:05d}"
USER_AGENT = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile"
ADD_VISITS = """
INSERT INTO visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s, place, referrer, user_agent, page,
                    attended_ms) VALUES
"""
SHOWN_BY = OpenSocket(b"", visitor_id=VISITOR.format(0), is_named=True)


@click.command(help=__doc__)
def main() -> None:
    report = machine.begin_report("attendance", f"{PAGES:,} pages leave within a minute, {ROUNDS} times")
    targets, rows = [], []
    for where in (SQLITE, POSTGRES):
        for order in ("as they came", "at random"):
            with scratch() as folder, server_for(where) as server, fresh(folder, server) as database:
                if server is None:
                    migrate(database)
                rounds_ms, longest_ms = measured(database, order == "at random")
            total_ms = median(rounds_ms)
            rows.append([f"{where}, {order}", f"{total_ms:.0f}", f"{1000 * total_ms / PAGES:.0f}", f"{longest_ms:.1f}"])
            targets.append(Target(f"{where}, {order}: time of the writer", total_ms, most=MAX_MS, unit="ms"))
    report.table(["pages leave", "writer ms", "µs a page", "longest transaction ms"], rows)
    report.say(f"An open page takes {bytes_of_a_page()} bytes to measure.")
    say_targets(report, targets)
    report.save()


def measured(database: Database, at_random: bool) -> tuple[list[float], float]:
    """The total transaction time of each round, and the longest transaction, ms."""
    add_visits(database)
    transactions: list[float] = []
    executor = DatabaseExecutor(make_url(normal(database.url, ROOT)), ThreadRuntime())
    writer = new_writer(executor, lambda rows, seconds: transactions.append(1000 * seconds))
    rounds_ms, longest_ms = [], 0.0
    for number in range(ROUNDS + 1):  # the first round is a warm-up
        leaving = list(range(number * PAGES, (number + 1) * PAGES))
        if at_random:
            random.Random(number).shuffle(leaving)
        transactions.clear()
        for tick in range(TICKS):
            for page in leaving[tick * PAGES // TICKS : (tick + 1) * PAGES // TICKS]:
                shown = Shown(VISITOR.format(page), VISIT.format(page), OPENED_MS, OPENED_MS + STAYED_MS)
                writer.add(shown, ADDRESS.format(page // 256, page % 256))
            writer.tick()
        if number:
            rounds_ms.append(sum(transactions))
            longest_ms = max(longest_ms, *transactions)
    executor.close()
    return rounds_ms, longest_ms


def new_writer(executor: Any, attended: Any) -> AttendanceWriter:
    sockets: Any = SimpleNamespace(known=lambda socket: SHOWN_BY)
    metrics: Any = SimpleNamespace(attended=attended)
    cluster = Cluster(MemoryWorkers(), Bus())
    return AttendanceWriter(executor, Clock(ZoneInfo("Asia/Dhaka")), sockets, metrics, cluster, lambda: 0)


def add_visits(database: Database) -> None:
    for first in range(0, (ROUNDS + 1) * PAGES, 500):
        values = (
            f"({page + 1}, {page + 1}, 'site', '{VISITOR.format(page)}', '{VISIT.format(page)}', {OPENED_MS}, "
            f"'2026-11-18', {OPENED_MS // 3_600_000 * 3600}, 'Dhaka, BD', 'https://www.google.com/', '{USER_AGENT}', "
            "'/history', 0)"
            for page in range(first, first + 500)
        )
        database.rows(ADD_VISITS + ", ".join(values))


def bytes_of_a_page() -> int:
    pages, sockets = new_writer(None, None).pages, [object() for _ in range(PAGES)]
    names = [VISIT.format(page) for page in range(PAGES)]
    tracemalloc.start()
    for socket, name in zip(sockets, names, strict=True):
        pages.opened(socket, None, f"{name}.")  # each page keeps its visit's name
    allocated, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round(allocated / PAGES)


if __name__ == "__main__":
    machine.run(main)
