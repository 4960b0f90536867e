"""Look through 5 million visits as the panel does: how long does a page take, how long an export, and what would an
index cost each visit instead?

Fills the databases first (they are kept in bench/.cache/ledgers). Prints tables and how the figures stand against the
targets; the same text goes to bench/results/visits.txt.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness import ledgers, machine  # noqa: E402
from harness.databases import SETTINGS, PostgresDatabase, SqliteFile  # noqa: E402
from harness.folders import RESULTS  # noqa: E402
from harness.indexes import CASES, cost_of  # noqa: E402
from harness.lookings import Looked, look_through  # noqa: E402
from harness.postgres import postgres  # noqa: E402
from harness.tables import Report, Target, say_targets  # noqa: E402

ALL_VISITS = 5_000_000
PAGE_MS = 1_300
"""A page is given a second, and ends with the stretch it is in."""

Filled = SqliteFile | PostgresDatabase


@click.command(help=__doc__)
@click.option("--visits", default=ALL_VISITS, show_default=True, help="how many")
@click.option("--only", type=click.Choice(["SQLite", "PostgreSQL"]), help="on this database alone")
def main(visits: int, only: str | None) -> None:
    report = Report()
    report.say(f"{visits:,} visits over a year; {machine.described()}")
    report.say(
        f"{machine.busy_percent():.0f} % busy with other work at the beginning; all in memory after a first look"
    )
    report.say()
    targets: list[Target] = []
    for where in (only,) if only else ("SQLite", "PostgreSQL"):
        with filled(where, visits) as database:
            looked = list(look_through(database.env["DATABASE_URL"]))
            say_looked(report, where, looked)
            say_costs(report, where, database)
        targets += [
            Target(f"{where}, {each.what}, longest page", each.longest_ms, most=PAGE_MS, unit="ms") for each in looked
        ]
    say_targets(report, targets)
    if visits == ALL_VISITS and not only:
        report.save(RESULTS / "visits.txt")


@contextmanager
def filled(where: str, visits: int) -> Iterator[Filled]:
    if where == "SQLite":
        yield ledgers.to_look_through(visits)
        return
    with postgres(None, SETTINGS) as server:
        yield ledgers.to_look_through(visits, server)


def say_looked(report: Report, where: str, looked: list[Looked]) -> None:
    rows = [
        [each.what, f"{each.first_ms:.1f}", f"{each.longest_ms:.1f}", str(each.pages), str(each.visits)]
        for each in looked
    ]
    report.say(f"{where}: the page with the newest that are found, and on from there to the 200th or the last")
    report.table(("looking for", "first page ms", "longest page ms", "pages", "visits"), rows)


def say_costs(report: Report, where: str, database: Filled) -> None:
    rows = []
    for name, case in CASES.items():
        cost = cost_of(database, *case)
        rows.append([name, f"{cost.cpu_us:.1f}", f"{cost.wall_us:.1f}", f"{cost.build_s:.1f}", f"{cost.megabytes:.0f}"])
    report.say(f"{where}: what a visit costs the writer, median of batches of 100")
    report.table(("visit", "CPU µs", "all in all µs", "index built in s", "MB"), rows)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that PostgreSQL is stopped on the way out
    main()
