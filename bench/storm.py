"""A storm of visits, 1,000 open sockets, two workers: does everybody see every change, in time and in order?

Half of the sockets are plain, half speak Socket.IO; 200 visits a second are registered for 30 s. Prints a table; the
same text goes to bench/results/storm.txt. The exit status is 1 when a promise was not kept.
With a version before, both have as many storms, in turn; the last one of this version is shown.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from statistics import median

import click
from harness import machine, versions
from harness.crowds import allow_files
from harness.folders import RESULTS, scratch
from harness.redis_server import version as redis_version
from harness.storm_report import say_storm
from harness.storms import WORKERS, Storm, run
from harness.tables import NO_WORSE, Report, Target, progress, say_targets
from harness.versions import THIS, Version

QUICK_SOCKETS, QUICK_SECONDS = 100, 4
OF_PYTHON = ("eventlet", "flask-socketio", "python-socketio", "python-engineio", "redis")


@click.command(help=__doc__)
@click.option("--sockets", default=1000, show_default=True, help="half of them plain, half Socket.IO")
@click.option("--rate", default=200, show_default=True, help="registrations a second")
@click.option("--seconds", default=30, show_default=True, help="how long they come")
@click.option("--postgres", "on_postgres", is_flag=True, help="on PostgreSQL; SQLite if not said")
@click.option("--quick", is_flag=True, help="100 sockets, 4 s: proves that it works; its figures are not kept")
@click.option("--rounds", default=3, show_default=True, help="storms of each version, with --before")
@versions.option
def main(
    sockets: int, rate: int, seconds: int, on_postgres: bool, quick: bool, rounds: int, before: Version | None
) -> None:
    if quick:
        sockets, seconds, rounds = QUICK_SOCKETS, QUICK_SECONDS, 1
    machine.demand("cc", "taskset")
    allow_files(sockets)
    report = Report()
    say_head(report, sockets, rate, seconds, "PostgreSQL" if on_postgres else "SQLite")
    with scratch() as folder:
        storms = in_turn(folder, before, rounds, (sockets, rate, seconds, on_postgres))
    kept = say_storm(report, storms[THIS][-1], rate, seconds)
    if before:
        say_since(report, storms[THIS], storms[before])
    if not quick:
        report.save(RESULTS / "storm.txt")
    sys.exit(0 if kept else 1)


def in_turn(
    folder: Path, before: Version | None, rounds: int, wanted: tuple[int, int, int, bool]
) -> dict[Version, list[Storm]]:
    if before is None:
        return {THIS: [run(folder, THIS, *wanted)]}
    found: dict[Version, list[Storm]] = {THIS: [], before: []}
    for step in range(2 * rounds):
        version = (before, THIS)[step % 2]
        progress(step + 1, 2 * rounds, f"a storm of {version.name}")
        found[version].append(run(folder, version, *wanted))
    return found


def say_since(report: Report, ours: list[Storm], theirs: list[Storm]) -> None:
    rows = [
        (storm.deliveries.from_commit.percentile_ms(99), storm.cpu_percent["workers"]) for storm in (*ours, *theirs)
    ]
    p99, cpu = (
        median(one / max(other, 1e-9) for one, other in zip(figure[: len(ours)], figure[len(ours) :], strict=True))
        for figure in zip(*rows, strict=True)
    )
    targets = [Target("from the commit, p99, / before", p99, most=NO_WORSE), Target("CPU of the workers / before", cpu)]
    say_targets(report, targets)


def say_head(report: Report, sockets: int, rate: int, seconds: int, database: str) -> None:
    versions = machine.package_versions(sys.executable, OF_PYTHON) | {"Redis": redis_version()}
    report.say(f"{rate} visits a second for {seconds} s, {sockets:,} sockets, {WORKERS} workers, {database}, Redis")
    report.say(machine.described_now())
    report.say(machine.listed(versions))
    report.say()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
