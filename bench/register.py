"""Registrations a second, latency and CPU: this server, a version before, ceilings, and Node.

Prints tables and how the ratios stand against the targets; the same text goes to bench/results/register.txt.
"""

from __future__ import annotations

import signal
import sys
from statistics import median

import click
from harness import contenders as who
from harness import idle, machine, peers, register_report, two_servers, versions
from harness.databases import SETTINGS
from harness.folders import RESULTS, scratch
from harness.postgres import postgres
from harness.runs import Place, rounds
from harness.tables import Report, Target, say_targets
from harness.versions import Version

QUICK_ROUNDS, QUICK_SECONDS = 1, 1


@click.command(help=__doc__)
@click.option("--rounds", "times", default=3, show_default=True, help="how often everybody has a turn")
@click.option("--seconds", default=4, show_default=True, help="how long each load lasts")
@click.option("--quick", is_flag=True, help="one round of one second: proves that it works, measures little")
@click.option("--server-core", default=0, show_default=True, help="core of the server under test")
@click.option("--load-core", default=1, show_default=True, help="core of the client")
@click.option("--postgres-core", default=1, show_default=True, help="core of PostgreSQL; -1 leaves it free")
@versions.option
def main(times: int, seconds: int, quick: bool, before: Version | None, **cores: int) -> None:
    server_core, load_core, postgres_core = cores["server_core"], cores["load_core"], cores["postgres_core"]
    if quick:
        times, seconds = QUICK_ROUNDS, QUICK_SECONDS
    database_core = None if postgres_core < 0 else postgres_core
    machine.demand("cc", "taskset", "node", "npm")
    machine.demand_cores(server_core, load_core, database_core)
    peers.install()
    report = Report()
    with scratch() as folder, postgres(database_core, SETTINGS) as database:
        place = Place(folder, database, server_core, load_core, database_core)
        say_head(report, place, times, seconds)
        targets = compare(report, place, before, times, seconds)
        say_targets(report, targets)
    if not quick:
        report.save(RESULTS / "register.txt")


def say_head(report: Report, place: Place, times: int, seconds: int) -> None:
    found = machine.versions() | {
        "PostgreSQL": place.database_server.version(),
        "Node": machine.node_version(),
    }
    database = "any core" if place.postgres_core is None else f"core {place.postgres_core}"
    report.say("POST /api/visitor/register")
    report.say(machine.described_now())
    report.say(machine.listed(found))
    report.say(f"server on core {place.server_core}, clients on core {place.load_core}, PostgreSQL on {database}")
    report.say(f"medians of {times} interleaved rounds, {seconds} s each, a fresh database for each run")
    report.say()


def compare(report: Report, place: Place, before: Version | None, times: int, seconds: int) -> list[Target]:
    fsyncs = [machine.fsync_ms(place.folder)]
    runs = rounds(who.everybody(before), place, times, register_report.LOADS, seconds)
    fsyncs.append(machine.fsync_ms(place.folder))
    register_report.say_runs(report, runs)
    targets = register_report.targets(runs, who.of_version(before) if before else None)
    targets += two_servers.compare(place, report, times, seconds)
    sqlite, on_postgres, constant = (
        median(run.figures[1]["p50_ms"] for run in runs[contender])
        for contender in (who.ON_SQLITE, who.ON_POSTGRES, who.CEILING)
    )
    alone = {who.ON_SQLITE: sqlite, who.ON_POSTGRES: on_postgres}
    return targets + idle.compare(place, report, alone, constant, min(fsyncs))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
