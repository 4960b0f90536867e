"""A storm of visits, 1,000 open sockets, two workers: does everybody see every change, in time and in order?

Half of the sockets are plain, half speak Socket.IO; 200 visits a second are registered for 30 s. Prints a table; the
same text goes to bench/results/storm.txt. The exit status is 1 when a promise was not kept.
"""

from __future__ import annotations

import signal
import sys

import click
from harness import machine
from harness.crowds import allow_files
from harness.folders import RESULTS, scratch
from harness.redis_server import version as redis_version
from harness.storm_report import say_storm
from harness.storms import WORKERS, run
from harness.tables import Report

QUICK_SOCKETS, QUICK_SECONDS = 100, 4
OF_PYTHON = ("eventlet", "flask-socketio", "python-socketio", "python-engineio", "redis")


@click.command(help=__doc__)
@click.option("--sockets", default=1000, show_default=True, help="half of them plain, half Socket.IO")
@click.option("--rate", default=200, show_default=True, help="registrations a second")
@click.option("--seconds", default=30, show_default=True, help="how long they come")
@click.option("--postgres", "on_postgres", is_flag=True, help="on PostgreSQL; SQLite if not said")
@click.option("--quick", is_flag=True, help="100 sockets, 4 s: proves that it works; its figures are not kept")
def main(sockets: int, rate: int, seconds: int, on_postgres: bool, quick: bool) -> None:
    if quick:
        sockets, seconds = QUICK_SOCKETS, QUICK_SECONDS
    machine.demand("cc", "taskset")
    allow_files(sockets)
    report = Report()
    say_head(report, sockets, rate, seconds, "PostgreSQL" if on_postgres else "SQLite")
    with scratch() as folder:
        storm = run(folder, sockets, rate, seconds, on_postgres)
    kept = say_storm(report, storm, rate, seconds)
    if not quick:
        report.save(RESULTS / "storm.txt")
    sys.exit(0 if kept else 1)


def say_head(report: Report, sockets: int, rate: int, seconds: int, database: str) -> None:
    versions = machine.package_versions(sys.executable, OF_PYTHON) | {"Redis": redis_version()}
    report.say(f"{rate} visits a second for {seconds} s, {sockets:,} sockets, {WORKERS} workers, {database}, Redis")
    report.say(machine.described_now())
    report.say(machine.listed(versions))
    report.say()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
