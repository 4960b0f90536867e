"""Fold a million visits of long ago while 50 visits a second are registered: how long is the writer held, how many are
folded a second, and what do those notice who register?

Fills the databases first. Prints tables and how the figures stand against the targets; the same text goes to
bench/results/retention.txt.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from harness import machine
from harness.contenders import PRODUCT
from harness.databases import SETTINGS, Database, fresh_postgres, fresh_sqlite
from harness.fill import fill
from harness.folders import RESULTS, ROOT, scratch
from harness.postgres import postgres
from harness.processes import serving
from harness.schema import migrate
from harness.steady import Steady, percentile
from harness.tables import Report, Target, say_targets

ALL_VISITS = 1_100_000
"""Over 30 days: all but those of today and yesterday are folded."""

RATE = 50
TURN_S = 10
PRUNED = re.compile(r"Folded ([\d,]+) visits .*longest transaction ([\d.,]+) ms")


@dataclass(frozen=True)
class Folded:
    visits: int
    seconds: float
    longest_ms: float
    before_ms: list[float]  # what registrations took, alone,
    beside_ms: list[float]  # and while visits were folded


@click.command(help=__doc__)
@click.option("--visits", default=ALL_VISITS, show_default=True, help="how many there are")
@click.option("--only", type=click.Choice(["SQLite", "PostgreSQL"]), help="on this database alone")
@click.option("--server-core", default=0, show_default=True, help="core of the server")
@click.option(
    "--load-core", default=1, show_default=True, help="core of the load, of PostgreSQL, and of `koyjabo prune`"
)
def main(visits: int, only: str | None, server_core: int, load_core: int) -> None:
    report = Report()
    report.say(f"{visits:,} visits over 30 days, {RATE} registrations a second; {machine.described()}")
    report.say(f"{machine.busy_percent():.0f} % busy with other work at the beginning")
    report.say()
    found: dict[str, Folded] = {}
    for where in (only,) if only else ("SQLite", "PostgreSQL"):
        with scratch() as folder, database_of(where, folder, load_core) as database:
            migrate(database.env)
            with click.progressbar(length=visits, label=f"{visits:,} visits into {where}") as bar:
                fill(database.env["DATABASE_URL"], visits, bar.update)
            with serving(PRODUCT, database.env, server_core, folder / "server.log") as server:
                found[where] = fold(database, server.port, load_core)
    say(report, found)
    if visits == ALL_VISITS and not only:
        report.save(RESULTS / "retention.txt")


@contextmanager
def database_of(where: str, folder: Path, core: int) -> Iterator[Database]:
    if where == "SQLite":
        with fresh_sqlite(folder) as database:
            yield database
        return
    with postgres(core, SETTINGS) as server, fresh_postgres(server) as database:
        yield database


def fold(database: Database, port: int, core: int) -> Folded:
    before_ms = register(port, core)
    began = time.monotonic()
    command = ["taskset", "-c", str(core), sys.executable, "-m", "koyjabo", "prune", "--days", "1"]
    pruning = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **database.env}, stdout=subprocess.PIPE, text=True)
    beside_ms: list[float] = []
    try:
        while pruning.poll() is None:
            beside_ms += register(port, core)
        seconds = time.monotonic() - began
        said = PRUNED.search(pruning.communicate()[0])
    finally:
        pruning.kill()
    assert said, "koyjabo prune did not end as it should"
    visits, longest_ms = (float(number.replace(",", "")) for number in said.groups())
    return Folded(int(visits), seconds, longest_ms, before_ms, beside_ms)


def register(port: int, core: int) -> list[float]:
    """What each registration of some seconds took, ms."""
    answers = Steady(port, "register", RATE, TURN_S, core=core).answers()
    refused = [answer.status for answer in answers if answer.status != 200]
    assert not refused, f"registrations were refused: {set(refused)}"
    return [answer.took_ms for answer in answers]


def say(report: Report, found: dict[str, Folded]) -> None:
    rows, targets = [], []
    for where, each in found.items():
        times = [f"{percentile(ms, p):.1f}" for ms in (each.before_ms, each.beside_ms) for p in (50, 99)]
        rate = f"{each.visits / each.seconds:,.0f}"
        rows.append([where, f"{each.visits:,}", rate, f"{each.longest_ms:.1f}", *times, f"{max(each.beside_ms):.1f}"])
        if where == "SQLite":  # on PostgreSQL nothing waits for it
            targets.append(Target("SQLite, the longest that the writer was held", each.longest_ms, most=50, unit="ms"))
    head = (
        "",
        "folded",
        "a second",
        "longest transaction ms",
        "register p50 ms",
        "p99",
        "meanwhile p50",
        "p99",
        "longest",
    )
    report.table(head, rows)
    say_targets(report, targets)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that PostgreSQL is stopped on the way out
    main()
