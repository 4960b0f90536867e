"""GET /api/stats with 10 visits stored and with 10 million, beside constant answers; and other routes, of each kind.

Fills ledgers first (they are kept in bench/.cache/ledgers). Prints tables and how the ratios stand against the
targets; the same text goes to bench/results/stats.txt.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from harness import machine, stats_report, stats_run, versions
from harness.databases import SETTINGS
from harness.folders import RESULTS, scratch
from harness.postgres import Postgres, postgres
from harness.runs import Place
from harness.tables import Report, say_targets
from harness.versions import Version


@click.command(help=__doc__)
@click.option("--visits", default=10_000_000, show_default=True, help="how many visits the big ledger holds")
@click.option("--postgres", "with_postgres", is_flag=True, help="on PostgreSQL too")
@click.option("--rounds", default=3, show_default=True, help="how often everybody has a turn")
@click.option("--seconds", default=4, show_default=True, help="how long each load lasts")
@click.option("--quick", is_flag=True, help="one round of one second: proves that it works, measures little; not kept")
@click.option("--server-core", default=0, show_default=True, help="core of the server under test")
@click.option("--load-core", default=1, show_default=True, help="core of the clients, and of PostgreSQL")
@versions.option
def main(
    visits: int, with_postgres: bool, rounds: int, seconds: int, quick: bool, before: Version | None, **cores: int
) -> None:
    server_core, load_core = cores["server_core"], cores["load_core"]
    if quick:
        rounds, seconds = 1, 1
    machine.demand("cc", "taskset", "node")
    machine.demand_cores(server_core, load_core)
    report = Report()
    with scratch() as folder, maybe_postgres(with_postgres, load_core) as database:
        place = Place(folder, database, server_core, load_core, load_core)
        say_head(report, place, rounds, seconds)
        subjects = stats_run.subjects(visits, place, before)
        found = stats_run.in_turn(subjects, place, rounds, seconds)
    stats_report.say_readings(report, found)
    say_targets(report, stats_report.targets(found, visits, bool(database), before))
    if not quick:
        report.save(RESULTS / "stats.txt")


@contextmanager
def maybe_postgres(wanted: bool, core: int) -> Iterator[Postgres | None]:
    if not wanted:
        yield None
        return
    with postgres(core, SETTINGS) as server:
        yield server


def say_head(report: Report, place: Place, rounds: int, seconds: int) -> None:
    found = machine.versions() | {"Node": machine.node_version()}
    if place.postgres:
        found["PostgreSQL"] = place.postgres.version()
    report.say(f"GET /api/stats and other routes, {stats_run.CONNECTIONS} connections")
    report.say(machine.described_now())
    report.say(machine.listed(found))
    report.say(f"server on core {place.server_core}, clients and PostgreSQL on core {place.load_core}")
    report.say(f"medians of {rounds} interleaved rounds, {seconds} s each")
    report.say()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
