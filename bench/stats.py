"""GET /api/stats with 10 visits stored and with 10 million, beside a constant answer from the same server.

Fills ledgers first (they are kept in bench/.cache/ledgers). Prints tables and how the ratios stand against the
targets; the same text goes to bench/results/stats.txt.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import click
from harness import contenders as who
from harness import ledgers, load, machine
from harness.contenders import Contender
from harness.databases import SETTINGS, Database
from harness.folders import RESULTS, scratch
from harness.postgres import Postgres, postgres
from harness.runs import WARM_UP_S, Figures, Place, measure
from harness.tables import Report, Target, progress, say_targets

CONNECTIONS = 64
FEW = 10
PATH = "/api/stats"


@dataclass(frozen=True)
class Reading:
    """One line of the table: a server on a database, asked with or without If-None-Match."""

    name: str
    server: Contender
    database: Database
    conditional: bool = False


@click.command(help=__doc__)
@click.option("--visits", default=10_000_000, show_default=True, help="how many visits the big ledger holds")
@click.option("--postgres", "with_postgres", is_flag=True, help="on PostgreSQL too")
@click.option("--rounds", default=3, show_default=True, help="how often everybody has a turn")
@click.option("--seconds", default=4, show_default=True, help="how long each load lasts")
@click.option("--quick", is_flag=True, help="one round of one second: proves that it works, measures little")
@click.option("--server-core", default=0, show_default=True, help="core of the server under test")
@click.option("--load-core", default=1, show_default=True, help="core of wrk, and of PostgreSQL")
def main(
    visits: int, with_postgres: bool, rounds: int, seconds: int, quick: bool, server_core: int, load_core: int
) -> None:
    if quick:
        rounds, seconds = 1, 1
    machine.demand("wrk", "taskset")
    machine.demand_cores(server_core, load_core)
    report = Report()
    with scratch() as folder, maybe_postgres(with_postgres, load_core) as database:
        place = Place(folder, database, server_core, load_core, load_core)
        say_head(report, place, rounds, seconds)
        readings = wanted(visits, database)
        figures = in_turn(readings, place, rounds, seconds)
        say_figures(report, figures)
        say_targets(report, targets({reading.name: by["rate"] for reading, by in figures.items()}, visits, database))
    report.save(RESULTS / "stats.txt")


@contextmanager
def maybe_postgres(wanted: bool, core: int) -> Iterator[Postgres | None]:
    if not wanted:
        yield None
        return
    with postgres(core, SETTINGS) as server:
        yield server


def say_head(report: Report, place: Place, rounds: int, seconds: int) -> None:
    versions = machine.versions() | ({"PostgreSQL": place.postgres.version()} if place.postgres else {})
    report.say(f"GET {PATH}, {CONNECTIONS} connections")
    report.say(machine.described_now())
    report.say(machine.listed(versions))
    report.say(f"server on core {place.server_core}, wrk and PostgreSQL on core {place.load_core}")
    report.say(f"medians of {rounds} interleaved rounds, {seconds} s each")
    report.say()


def name_of(where: str, visits: int) -> str:
    return f"this server, {where}, {visits:,} visits"


def wanted(visits: int, server: Postgres | None) -> list[Reading]:
    few, many = (ledgers.on_sqlite(count) for count in (FEW, visits))
    found = [Reading("constant answer", who.CEILING, few), *_of("SQLite", who.ON_SQLITE, {FEW: few, visits: many})]
    if server is not None:
        stored = {count: ledgers.on_postgres(count, server) for count in (FEW, visits)}
        found += _of("PostgreSQL", who.ON_POSTGRES, stored)
    return found


def _of(where: str, contender: Contender, stored: Mapping[int, Database]) -> list[Reading]:
    readings = [Reading(name_of(where, visits), contender, database) for visits, database in stored.items()]
    last = readings[-1]
    return [*readings, Reading(f"{last.name}, 304", contender, last.database, conditional=True)]


def in_turn(readings: list[Reading], place: Place, rounds: int, seconds: int) -> dict[Reading, Figures]:
    found: dict[str, list[Figures]] = {reading.name: [] for reading in readings}
    for step in range(rounds * len(readings)):
        reading = readings[step % len(readings)]
        progress(step + 1, rounds * len(readings), reading.name)
        found[reading.name].append(read(reading, place, seconds))
    return {reading: load.medians(found[reading.name]) for reading in readings}


def read(reading: Reading, place: Place, seconds: int) -> Figures:
    with place.serving(reading.server, reading.database) as server:
        _, _, headers = server.ask("GET", PATH)
        etag = headers["ETag"] if reading.conditional else None
        begin: Callable[[int], load.Wrk] = partial(_begin, server.port, place.load_core, etag)
        begin(WARM_UP_S).result()
        figures, _ = measure(reading.server, server, place, partial(begin, seconds))
        if etag and server.ask("GET", PATH, headers={"If-None-Match": etag})[0] != 304:
            raise click.ClickException(f"{reading.name}: the answer was not 304")
        return figures


def _begin(port: int, core: int, etag: str | None, seconds: int) -> load.Wrk:
    return load.read_stats(port, CONNECTIONS, seconds, core, etag)


def say_figures(report: Report, figures: dict[Reading, Figures]) -> None:
    head = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "database CPU µs", "errors")
    report.table(head, [row(reading.name, by) for reading, by in figures.items()])


def row(name: str, at: Figures) -> list[str]:
    database = f"{at['database_cpu_us']:.0f}" if "database_cpu_us" in at else "-"
    times = [f"{at['rate']:,.0f}", f"{at['p50_ms']:.2f}", f"{at['p99_ms']:.2f}", f"{at['cpu_us']:.0f}", database]
    return [name, *times, f"{at['errors']:.0f}"]


def targets(rate: dict[str, float], visits: int, server: Postgres | None) -> list[Target]:
    found = []
    for where in ("SQLite", "PostgreSQL") if server else ("SQLite",):
        few, many = rate[name_of(where, FEW)], rate[name_of(where, visits)]
        found.append(Target(f"{where}, {FEW} visits / constant", few / rate["constant answer"], least=0.9))
        found.append(Target(f"{where}, {visits:,} visits / constant", many / rate["constant answer"], least=0.9))
        found.append(Target(f"{where}, {visits:,} visits / {FEW} visits", many / few, least=0.9, most=1.1))
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
