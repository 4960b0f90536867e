"""Reports of a site with 5 million visits of 500,000 people over a year: how long does each take, does the event loop
go on meanwhile, and what do the sums cost?

Fills the databases first. Prints tables and how the
figures stand against the targets; the same text goes to bench/results/reports.txt.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import click
from harness import contenders as who
from harness import ledgers, machine, questions
from harness.databases import SETTINGS, Database, SqliteFile
from harness.fill_site import VISITS_EACH
from harness.folders import RESULTS, scratch
from harness.postgres import Postgres, postgres
from harness.questions import OK, Reading
from harness.runs import Place
from harness.steady import percentile
from harness.tables import Report, Target, say_targets

ALL_VISITS = 5_000_000
ALIVE_P99_MS = 15
ROUNDS, FILTERED_ROUNDS = 20, 5
"""How often each question about the site is asked."""


@click.command(help=__doc__)
@click.option("--visits", default=ALL_VISITS, show_default=True, help="how many, a tenth as many people make them")
@click.option("--only", type=click.Choice(["SQLite", "PostgreSQL"]), help="on this database alone")
@click.option("--server-core", default=0, show_default=True, help="core of the server under test")
@click.option("--load-core", default=1, show_default=True, help="core of those who ask, and of PostgreSQL")
def main(visits: int, only: str | None, server_core: int, load_core: int) -> None:
    machine.demand("taskset")
    machine.demand_cores(server_core, load_core)
    report = Report()
    say_head(report, visits, server_core, load_core)
    targets: list[Target] = []
    for where in (only,) if only else ("SQLite", "PostgreSQL"):
        with scratch() as folder, of_site(where, visits, load_core) as (server, database):
            place = Place(folder, server, server_core, load_core, load_core)
            targets += site_targets(report, place, where, database, visits)
    say_targets(report, targets)
    if visits == ALL_VISITS and not only:
        report.save(RESULTS / "reports.txt")


@contextmanager
def of_site(where: str, visits: int, core: int) -> Iterator[tuple[Postgres | None, Database]]:
    if where == "SQLite":
        yield None, ledgers.of_site(visits)
        return
    with postgres(core, SETTINGS) as server:
        yield server, ledgers.of_site(visits, server)


def site_targets(report: Report, place: Place, where: str, database: Database, visits: int) -> list[Target]:
    contender = questions.with_admin(who.ON_SQLITE if place.postgres is None else who.ON_POSTGRES)
    before = size_of(database)
    with place.serving(contender, database) as serving:
        took_s, used_s = questions.wait_until_read(serving, database)
        sums = questions.ask_all(serving, questions.all_questions(), ROUNDS, place.load_core)
        rows = questions.ask_all(serving, questions.filtered_questions(), FILTERED_ROUNDS, place.load_core)
    growth = 100 * (size_of(database) - before) / before
    report.say(
        f"{where}: the projection read {visits:,} visits in {took_s:.0f} s, {visits / took_s:,.0f} a second, with "
        f"{used_s / visits * 1e6:.1f} µs of a core each"
    )
    report.say(f"The database had {before / 1e6:,.0f} MB, and grew by {growth:.1f} %")
    say_times(report, f"{where}, the whole site", sums)
    say_times(report, f"{where}, the whole site, filtered", rows)
    return [
        *targets_of(f"{where}, site", sums),
        *targets_of(f"{where}, site", rows),
        Target(
            f"{where}, projection of 2,000 visits a second", used_s / visits * 2000 * 100, most=10, unit="% of a core"
        ),
        Target(f"{where}, growth of the database", growth, most=20, unit="%"),
    ]


def size_of(database: Database) -> int:
    """Bytes without what is free."""
    if isinstance(database, SqliteFile):
        database.query("VACUUM")
        return int(database.query("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")[0][0])
    return int(database.query("SELECT pg_database_size(current_database())")[0][0])


def say_head(report: Report, visits: int, server_core: int, load_core: int) -> None:
    report.say(f"{visits:,} visits of {visits // VISITS_EACH:,} people over a year")
    report.say(machine.described_now())
    report.say(f"server on core {server_core}, clients and PostgreSQL on core {load_core}")
    report.say("cold: right after a commit; kept: asked again")
    report.say()


def say_times(report: Report, where: str, reading: Reading) -> None:
    rows = []
    for question, times in reading.times.items():
        cold, kept = ([f"{f(taken):.1f}" for f in (median, p95, max)] for taken in (times.cold, times.kept))
        rows.append([question.name, str(len(times.cold)), *cold, *kept, str(times.status)])
    figures = ("median ms", "p95 ms", "most ms")
    report.say(where)
    report.table(("", "times", *(f"cold {f}" for f in figures), *(f"kept {f}" for f in figures), "status"), rows)
    said = [f"{name} {figure(reading.alive_ms):.1f} ms" for name, figure in (("median", median), ("most", max))]
    report.say(
        f"GET /healthz meanwhile, 200 a second: {', '.join(said)}, p99 {p99(reading.alive_ms):.1f} ms; "
        f"without reports p99 {p99(reading.quiet_ms):.1f} ms"
    )
    report.say()


def targets_of(where: str, reading: Reading) -> list[Target]:
    asked = [(question, times) for question, times in reading.times.items() if times.status == OK]
    found = [
        Target(f"{where}, {question.name}, p95 cold", p95(times.cold), most=question.wanted_ms, unit="ms")
        for question, times in asked
    ]
    return [
        *found,
        Target(f"{where}, GET /healthz meanwhile, p99", p99(reading.alive_ms), most=ALIVE_P99_MS, unit="ms"),
    ]


def p95(taken: Sequence[float]) -> float:
    return percentile(taken, 95)


def p99(taken: Sequence[float]) -> float:
    return percentile(taken, 99)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
