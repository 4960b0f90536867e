"""What is asked of a worker, of Redis and of PostgreSQL, for each visit, socket, push, ping and member?

Two workers, PostgreSQL and Redis; one kind of thing at a time. Prints tables; the same text goes to
bench/results/asks.txt, and the figures to bench/results/asks.json, which `make bench-scale` computes with.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict

import click
from harness import machine
from harness.asks_report import say_asks
from harness.asks_run import WORKERS, run
from harness.crowds import allow_files
from harness.folders import RESULTS, scratch
from harness.redis_server import version as redis_version
from harness.tables import Report

QUICK_PAGES, QUICK_MEMBERS = 200, 40
OF_PYTHON = ("eventlet", "flask-socketio", "python-socketio", "psycopg2-binary", "redis")


@click.command(help=__doc__)
@click.option("--pages", default=2000, show_default=True, help="half of them plain sockets, half Socket.IO")
@click.option("--members", default=400, show_default=True, help="who come to a community")
@click.option("--quick", is_flag=True, help="200 pages, 40 members: proves that it works; its figures are not kept")
def main(pages: int, members: int, quick: bool) -> None:
    if quick:
        pages, members = QUICK_PAGES, QUICK_MEMBERS
    machine.demand("cc", "taskset")
    allow_files(pages + members)
    report = Report()
    versions = machine.package_versions(sys.executable, OF_PYTHON) | {"Redis": redis_version()}
    report.say(f"What is asked by {pages:,} pages and {members:,} members; {WORKERS} workers, PostgreSQL, Redis")
    busy = machine.busy_percent()
    report.say(f"{machine.described()}, {busy:.0f} % busy with other work at the beginning")
    report.say(machine.listed(versions))
    report.say()
    with scratch() as folder:
        asks = run(folder, pages, members)
    say_asks(report, asks)
    if not quick:
        report.save(RESULTS / "asks.txt")
        (RESULTS / "asks.json").write_text(json.dumps({"busy_percent": round(busy), **asdict(asks)}, indent=1) + "\n")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
