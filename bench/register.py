"""Registrations a second, latency and CPU: this server beside its ceiling, the naive way, Django and Node.

Prints tables and how the ratios stand against the targets; the same text goes to bench/results/register.txt.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import click
from harness import contenders as who
from harness import idle, machine, memory, peers, two_servers
from harness.contenders import Contender
from harness.databases import SETTINGS
from harness.folders import RESULTS, scratch
from harness.load import medians
from harness.postgres import postgres
from harness.runs import Figures, Place, Run, rounds
from harness.tables import Report, Target, say_targets

CONNECTIONS = (1, 64, 256)
BUSY = 64
QUICK_ROUNDS, QUICK_SECONDS = 1, 1


@click.command(help=__doc__)
@click.option("--rounds", "times", default=3, show_default=True, help="how often everybody has a turn")
@click.option("--seconds", default=4, show_default=True, help="how long each load lasts")
@click.option("--quick", is_flag=True, help="one round of one second: proves that it works, measures little")
@click.option("--million", is_flag=True, help="also watch the memory over a million registrations")
@click.option("--server-core", default=0, show_default=True, help="core of the server under test")
@click.option("--load-core", default=1, show_default=True, help="core of wrk")
@click.option("--postgres-core", default=1, show_default=True, help="core of PostgreSQL; -1 leaves it free")
def main(
    times: int, seconds: int, quick: bool, million: bool, server_core: int, load_core: int, postgres_core: int
) -> None:
    if quick:
        times, seconds = QUICK_ROUNDS, QUICK_SECONDS
    database_core = None if postgres_core < 0 else postgres_core
    machine.demand("wrk", "taskset", "node", "npm")
    machine.demand_cores(server_core, load_core, database_core)
    peers.install()
    report = Report()
    with scratch() as folder, postgres(database_core, SETTINGS) as database:
        place = Place(folder, database, server_core, load_core, database_core)
        say_head(report, place, times, seconds)
        targets = compare(report, place, times, seconds)
        say_targets(report, targets)
        if million:
            memory.say_of_a_million(report, place)
    report.save(RESULTS / "register.txt")


def say_head(report: Report, place: Place, times: int, seconds: int) -> None:
    versions = machine.versions() | {
        "PostgreSQL": place.database_server.version(),
        "Node": machine.node_version(),
        "Django": machine.package_version(peers.VENV_BIN / "python", "django"),
        "gunicorn": machine.package_version(peers.VENV_BIN / "python", "gunicorn"),
    }
    database = "any core" if place.postgres_core is None else f"core {place.postgres_core}"
    report.say("POST /api/visitor/register")
    report.say(machine.described_now())
    report.say(machine.listed(versions))
    report.say(f"server on core {place.server_core}, wrk on core {place.load_core}, PostgreSQL on {database}")
    report.say(f"medians of {times} interleaved rounds, {seconds} s each, a fresh database for each run")
    report.say()


def compare(report: Report, place: Place, times: int, seconds: int) -> list[Target]:
    fsyncs = [machine.fsync_ms(place.folder)]
    runs = rounds(who.EVERYBODY, place, times, CONNECTIONS, seconds)
    fsyncs.append(machine.fsync_ms(place.folder))
    figures = {contender: middle(found) for contender, found in runs.items()}
    say_figures(report, figures, runs)
    memory.say_of_runs(report, runs)
    targets = ratios({contender: figures[contender][BUSY]["rate"] for contender in figures})
    targets += two_servers.compare(place, report, times, seconds)
    alone = {contender: figures[contender][1]["p50_ms"] for contender in (who.ON_SQLITE, who.ON_POSTGRES)}
    return targets + idle.compare(place, report, alone, figures[who.CEILING][1]["p50_ms"], min(fsyncs))


def middle(runs: Sequence[Run]) -> dict[int, Figures]:
    return {count: medians(run.figures[count] for run in runs) for count in CONNECTIONS}


def ratios(rate: dict[Contender, float]) -> list[Target]:
    """At 64 connections."""

    def target(contender: Contender, other: Contender, least: float) -> Target:
        return Target(f"{contender.name} / {other.name}", rate[contender] / max(rate[other], 1e-9), least=least)

    return [
        target(who.ON_SQLITE, who.CEILING, 0.8),
        target(who.ON_SQLITE, who.CHECKED_CEILING, 0.8),
        target(who.ON_POSTGRES, who.CEILING, 0.7),
        target(who.ON_POSTGRES, who.CHECKED_CEILING, 0.7),
        target(who.ON_SQLITE, who.NAIVE_SQLITE, 8),
        target(who.ON_POSTGRES, who.NAIVE_POSTGRES, 10),
        target(who.ON_POSTGRES, who.NODE, 4),
        target(who.ON_POSTGRES, who.DJANGO, 12),
    ]


def say_figures(report: Report, figures: dict[Contender, dict[int, Figures]], runs: dict[Contender, list[Run]]) -> None:
    head = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "database CPU µs", "errors", "ledger")
    for count in CONNECTIONS:
        report.say(f"{count} connection{'s' * (count > 1)}")
        report.table(head, [row(who_is, by[count], runs[who_is], count) for who_is, by in figures.items()])


def row(contender: Contender, at: Figures, runs: Sequence[Run], connections: int) -> list[str]:
    database = f"{at['database_cpu_us']:.0f}" if "database_cpu_us" in at else "-"
    errors = sum(run.figures[connections]["errors"] for run in runs)
    times = [f"{at['rate']:,.0f}", f"{at['p50_ms']:.2f}", f"{at['p99_ms']:.2f}", f"{at['cpu_us']:.0f}", database]
    return [contender.name, *times, f"{errors:.0f}", ledger(runs)]


def ledger(runs: Sequence[Run]) -> str:
    verdicts = {run.exact for run in runs}
    return "-" if verdicts == {None} else "exact" if verdicts == {True} else "BROKEN"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
