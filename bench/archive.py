"""Backup, restore, export, import and recount of many visits: how fast are they, and does memory grow with the visits?

Each is a command of its own, on a database that no other program uses. Prints tables; the same text goes to
bench/results/archive.txt.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from harness import machine
from harness.databases import SETTINGS, Database, SqliteFile, fresh_postgres
from harness.folders import RESULTS, ROOT, scratch
from harness.postgres import postgres
from harness.tables import Report, Target, say_targets

FEW, MANY = 30_000, 1_000_000
ALL = 10_000_000
BEGAN_MS, APART_MS = 1_735_689_600_000, 3_000
LONGEST_MINUTES = 60
GROWTH = 1.2
"""Memory for many visits, of that for few."""

AGENTS = [f"Mozilla/5.0 (Linux; Android {n}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0" for n in range(9, 16)]
PLACES = ["Dhaka, BD", "Chittagong, BD", "Sylhet, BD", "Unknown"]


@dataclass(frozen=True)
class Run:
    """One command: how long it took, and the most memory it had."""

    seconds: float
    megabytes: float


@click.command(help=__doc__)
@click.option("--visits", default=MANY, show_default=True, help="how many are many")
@click.option("--only", type=click.Choice(["SQLite", "PostgreSQL"]), help="on this database alone")
def main(visits: int, only: str | None) -> None:
    report, targets = Report(), []
    report.say(f"{machine.described()}; {machine.busy_percent():.0f} % busy with other work at the beginning")
    report.say()
    with scratch() as folder:
        for where in (only,) if only else ("SQLite", "PostgreSQL"):
            few = dict(work(where, FEW, folder))
            many = dict(work(where, visits, folder))
            say(report, where, few, many, visits)
            targets += list(judged(where, few, many, visits))
    say_targets(report, targets)
    if visits >= MANY and not only:
        report.save(RESULTS / "archive.txt")


def say(report: Report, where: str, few: dict[str, Run], many: dict[str, Run], visits: int) -> None:
    rows = [
        [name, f"{visits / run.seconds:,.0f}", f"{run.seconds:.1f}", f"{ALL / visits * run.seconds / 60:.0f}",
         f"{few[name].megabytes:.0f}", f"{run.megabytes:.0f}"]
        for name, run in many.items()
    ]  # fmt: skip
    report.say(f"{where}, {visits:,} visits")
    report.table(("command", "visits/s", "s", "minutes for 10 million", f"MB for {FEW:,}", "MB"), rows)


def judged(where: str, few: dict[str, Run], many: dict[str, Run], visits: int) -> Iterator[Target]:
    for name, run in many.items():
        growth = run.megabytes / few[name].megabytes
        yield Target(f"{where}, {name}, memory for many, of that for few", growth, most=GROWTH)
        minutes = ALL / visits * run.seconds / 60
        yield Target(f"{where}, {name}, minutes for 10 million", minutes, most=LONGEST_MINUTES, unit="min")


def work(where: str, visits: int, folder: Path) -> Iterator[tuple[str, Run]]:
    """Each command in turn, on what the one before has left."""
    if where == "SQLite":
        yield from _work(
            SqliteFile(folder / f"one-{visits}.db"), SqliteFile(folder / f"two-{visits}.db"), visits, folder
        )
        return
    with (
        postgres(None, SETTINGS) as server,
        fresh_postgres(server, "one") as one,
        fresh_postgres(server, "two") as two,
    ):
        yield from _work(one, two, visits, folder)


def _work(one: Database, two: Database, visits: int, folder: Path) -> Iterator[tuple[str, Run]]:
    made, exported, backup = folder / "made.jsonl", folder / "exported.csv", folder / "koyjabo.backup"
    write(made, visits)
    yield "import, JSON lines", run(one, "import", made)
    yield "import once more", run(one, "import", made)
    yield "verify", run(one, "verify")
    yield "export, CSV", run(one, "export", exported)
    yield "backup", run(one, "backup", backup)
    yield "restore", run(two, "restore", backup)
    for path in (made, exported, backup):
        path.unlink()


def write(path: Path, visits: int) -> None:
    with path.open("w") as file:
        for number in range(visits):
            visit = {
                "visitor_id": f"visitor_{number * 7919 % (visits // 5)}_a1b2c3d4e",
                "visit_id": f"9f2c-{number}",
                "at": BEGAN_MS + number * APART_MS,
                "place": PLACES[number % len(PLACES)],
                "referrer": "https://www.google.com/",
                "user_agent": AGENTS[number % len(AGENTS)],
                "page": f"/routes/{number % 300}",
            }
            file.write(json.dumps(visit) + "\n")


def run(database: Database, *arguments: object) -> Run:
    """`koyjabo …`; a failure ends the benchmark."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "koyjabo", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **database.env},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"koyjabo {arguments[0]} failed")
    return Run(time.monotonic() - began, used.ru_maxrss / 1024)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that PostgreSQL is stopped on the way out
    main()
