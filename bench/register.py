"""Measures registrations per second, latency and CPU for this server on both databases, an earlier version, Express
and Django on PostgreSQL, and constant responses.

Prints tables and the ratios with their targets; the same text goes to bench/results/register.txt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from statistics import median

import click
from harness.clients import http_load as load
from harness.measurements import contenders, rivals
from harness.measurements.contenders import WARM_UP_S, Contender, Testbed, prepared
from harness.reporting import machine
from harness.reporting.tables import Report, Target, in_turn, ratio, say_targets
from harness.servers import process_figures as proc, versions
from harness.servers.databases import POSTGRES, fresh, is_exact
from harness.servers.versions import Version

WARM_UP_CONNECTIONS = 8
BUSY = 64
LOADS = (1, BUSY, 256)
MARGIN_MS = 0.5
DURABILITY = "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit')"


@dataclass
class Run:
    """Results of one server in one round, by number of connections. Memory is the (first) worker's, in MB. `exact` is
    None if nothing is stored.
    """

    figures: dict[int, load.Figures] = field(default_factory=dict)
    registered: int = 0
    rss_before: float = 0.0
    rss_after: float = 0.0
    exact: bool | None = None


Runs = Mapping[Contender, Sequence[Run]]


@click.command(help=__doc__)
@click.option("--save", is_flag=True, help="store the output in bench/results")
@click.option("--quick", is_flag=True, help="one round of one second, only to see that it works")
@versions.option
def main(save: bool, quick: bool, before: Version | None) -> None:
    rounds, seconds = (1, 1) if quick else (3, 4)
    machine.demand("cc", "taskset", "node")
    cores = machine.two_cores()
    older = contenders.of_version(before) if before else ()
    others = rivals.registering()
    present = [other for other in others if not other.missing]
    candidates = [contenders.ON_SQLITE, contenders.ON_POSTGRES, *older, *present, contenders.FLASK, contenders.NODE]
    runs: dict[Contender, list[Run]] = {contender: [] for contender in candidates}
    report = machine.begin_report(
        "register",
        "POST /api/visitor/register",
        f"server on core {cores[0]}, clients and PostgreSQL on core {cores[1]}",
        f"other servers: {rivals.versions()}",
        f"medians of {rounds} interleaved rounds, {seconds} s each, a fresh database for each run",
    )
    with prepared(cores, POSTGRES) as testbed:
        fsync_ms = machine.fsync_ms(testbed.folder)
        with fresh(testbed.folder, testbed.postgres) as database:
            durability = ", ".join(f"{name} {setting}" for name, setting in database.rows(DURABILITY))
        for contender in in_turn(candidates, rounds):
            runs[contender].append(run(contender, testbed, seconds))
    say_runs(report, runs, others)
    report.say(f"The disk syncs in {fsync_ms:.2f} ms. PostgreSQL: {durability}.")
    say_targets(report, targets(runs, older, fsync_ms))
    if save and not quick and present == others:
        report.save()


def run(contender: Contender, testbed: Testbed, seconds: int) -> Run:
    result = Run()
    server_of = testbed.postgres if contender.backend == POSTGRES else None
    with fresh(testbed.folder, server_of, contender.migrates) as database:
        if contender.sql:
            database.rows(contender.sql)
        with testbed.server(contender, database) as server:
            result.rss_before = proc.rss_mb(server.worker)
            warm_up = load.register(server.port, WARM_UP_CONNECTIONS, WARM_UP_S, testbed.load_core)
            for connections in LOADS:
                start = partial(load.register, server.port, connections, seconds, testbed.load_core)
                result.figures[connections] = testbed.measure(contender, server, start)
            result.registered = warm_up["requests"] + sum(figures["requests"] for figures in result.figures.values())
            result.rss_after = proc.rss_mb(server.worker)
        if contender.keeps:
            result.exact = is_exact(database, result.registered)
    return result


def say_runs(report: Report, runs: Runs, others: Sequence[Contender]) -> None:
    for connections in LOADS:
        report.say(f"{connections} connection{'s' * (connections > 1)}")
        flask = at(runs, contenders.FLASK, connections)
        rows = [load.row(contender.name, at(runs, contender, connections), flask) for contender in runs]
        report.table(load.HEAD, [*rows, *rivals.absent(others, len(load.HEAD))])
    rows = [
        [
            contender.name,
            f"{last.rss_before:.1f}",
            f"{last.rss_after:.1f}",
            f"{last.registered:,}",
            ledger(runs[contender]),
        ]
        for contender, (*_, last) in runs.items()
    ]
    report.say("Memory of the worker (of the first one where there are several), and whether the ledger adds up.")
    report.table(("", "at start MB", "at the end MB", "registrations", "ledger"), rows)


def at(runs: Runs, contender: Contender, connections: int) -> list[load.Figures]:
    return [run.figures[connections] for run in runs[contender]]


def ledger(runs: Sequence[Run]) -> str:
    verdicts = {run.exact for run in runs}
    return "-" if verdicts == {None} else "exact" if verdicts == {True} else "BROKEN"


def targets(runs: Runs, older: Sequence[Contender], fsync_ms: float) -> list[Target]:
    """Targets at 64 connections, except the delay on an idle server."""

    def compare(ours: Contender, theirs: Contender, figure: str, **bounds: float) -> Target:
        measured = ratio(at(runs, ours, BUSY), at(runs, theirs, BUSY), itemgetter(figure))
        what = {"rate": "requests/s", "cpu_us": "CPU"}[figure]
        return Target(f"{what}, {ours.name} / {theirs.name}", measured, **bounds)

    all_targets = [
        compare(contenders.ON_SQLITE, contenders.FLASK, "rate", least=0.8),
        compare(contenders.ON_POSTGRES, contenders.FLASK, "rate", least=0.7),
        compare(contenders.ON_SQLITE, contenders.NODE, "rate", least=0.25),
    ]
    for other in runs:
        if other.name in (rivals.EXPRESS, rivals.DJANGO):
            all_targets.append(compare(contenders.ON_POSTGRES, other, "rate", least=1.0))
    for ours, theirs in zip((contenders.ON_SQLITE, contenders.ON_POSTGRES), older, strict=False):
        all_targets += [compare(ours, theirs, "cpu_us", most=1.1), compare(ours, theirs, "rate", least=0.9)]
    single_p50 = {run: median(figures["p50_ms"] for figures in at(runs, run, 1)) for run in runs}
    for ours in (contenders.ON_SQLITE, contenders.ON_POSTGRES):
        extra, what = single_p50[ours] - single_p50[contenders.FLASK], f"{ours.name}, one client: over Flask's constant"
        all_targets.append(Target(what, extra, most=fsync_ms + MARGIN_MS, unit="ms"))
    return all_targets


if __name__ == "__main__":
    machine.run(main)
