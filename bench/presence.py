"""A thousand members come to one community on two workers, and one worker is killed: does everybody know, and soon?

200 of them have three tabs, 100 reload, and 50 of those on the killed worker never come back. Prints a table; the same
text goes to bench/results/presence.txt. The exit status is 1 when a promise was not kept.
"""

from __future__ import annotations

import signal
import sys

import click
from harness import machine
from harness.crowds import allow_files
from harness.databases import fresh
from harness.folders import RESULTS, scratch
from harness.presence_report import say_presence
from harness.presence_run import WORKERS, Plan, run
from harness.redis_server import version as redis_version
from harness.tables import Report

QUICK_MEMBERS = 100
OF_PYTHON = ("eventlet", "flask-socketio", "python-socketio", "python-engineio", "redis")


@click.command(help=__doc__)
@click.option("--members", default=1000, show_default=True, help="a fifth of them with three tabs, a tenth reload")
@click.option("--seconds", default=10.0, show_default=True, help="within which they come")
@click.option("--postgres", "on_postgres", is_flag=True, help="on PostgreSQL; SQLite if not said")
@click.option("--quick", is_flag=True, help="100 members: proves that it works; its figures are not kept")
def main(members: int, seconds: float, on_postgres: bool, quick: bool) -> None:
    members = QUICK_MEMBERS if quick else members
    plan = Plan(members, seconds, with_tabs=members // 5, reloading=members // 10, ghosts=members // 20)
    machine.demand("taskset")
    allow_files(3 * members)
    report = Report()
    say_head(report, plan, "PostgreSQL" if on_postgres else "SQLite")
    with scratch() as folder, fresh(folder, on_postgres) as database:
        made = run(folder, database, plan)
    if made.server_said.count("\n") > 2:  # where it serves, and that a worker was killed
        click.echo(f"The server said:\n{made.server_said[-3000:]}", err=True)
    kept = say_presence(report, made)
    if not quick:
        report.save(RESULTS / ("presence-postgres.txt" if on_postgres else "presence.txt"))
    sys.exit(0 if kept else 1)


def say_head(report: Report, plan: Plan, database: str) -> None:
    versions = machine.package_versions(sys.executable, OF_PYTHON) | {"Redis": redis_version()}
    report.say(f"{plan.members:,} members within {plan.seconds:.0f} s, {WORKERS} workers, {database}, Redis")
    report.say(machine.described_now())
    report.say(machine.listed(versions))
    report.say()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
