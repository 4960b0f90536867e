"""How long a start takes, of 1 worker and of 4, how much CPU, and how much memory all processes have afterwards.

On SQLite, with a new database and with one that is prepared; several workers with Redis. Beside a version before, in
turn. Prints tables and how the ratios stand; the same text goes to bench/results/start.txt.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from http.client import HTTPException
from pathlib import Path
from statistics import median

import click
from harness import machine, proc, versions
from harness.databases import SETTINGS, redis_server
from harness.folders import RESULTS, scratch
from harness.processes import Server, serving
from harness.tables import NO_WORSE, Report, Target, progress, say_targets
from harness.versions import THIS, Version

WORKERS = (4, 1)
START_S = 120.0
REQUESTS = 40
"""For each worker before memory is measured: a page, stats and visits."""

ASKED = (("GET", "/api/stats"), ("GET", "/healthz"), ("GET", "/"), ("POST", "/api/visitor/register"))


@dataclass(frozen=True)
class Start:
    ready_s: float
    cpu_s: float  # of all processes, also of those that have ended
    pss_mb: float  # of all processes, after some requests


Case = tuple[int, bool, Version]
"""(workers, whether the database is new, version)"""


@click.command(help=__doc__)
@click.option("--rounds", default=3, show_default=True, help="how often everybody has a turn")
@click.option("--quick", is_flag=True, help="one round; not kept")
@versions.option
def main(rounds: int, quick: bool, before: Version | None) -> None:
    everybody = [THIS, before] if before else [THIS]
    rounds = 1 if quick else rounds
    report = Report()
    machine.say_head(
        report,
        "A start on SQLite, until each worker waits for connections; several workers with Redis",
        f"medians of {rounds} interleaved rounds",
    )
    found: dict[Case, list[Start]] = {}
    with scratch() as folder, redis_server() as redis:
        for turn in range(rounds * len(WORKERS)):
            for version in everybody:
                workers = WORKERS[turn % len(WORKERS)]
                progress(turn + 1, rounds * len(WORKERS), f"{workers} worker(s), {version.name}")
                start_twice(found, folder, workers, version, redis.url)
    rows = [
        [f"{named(workers)}, {'new' if is_new else 'prepared'} database: {version.name}", *cells(each)]
        for (workers, is_new, version), each in found.items()
    ]
    report.table(("", "ready s", "CPU s", "PSS MB"), rows)
    if before:
        say_targets(report, targets(found, before))
    if not quick:
        report.save(RESULTS / "start.txt")


def start_twice(found: dict[Case, list[Start]], folder: Path, workers: int, version: Version, redis: str) -> None:
    env = {**SETTINGS, "DATABASE_URL": f"sqlite:///{folder}/start.db", "WEB_CONCURRENCY": str(workers)}
    if workers > 1:
        env["REDIS_URL"] = redis
    for is_new in (True, False):
        found.setdefault((workers, is_new, version), []).append(measure(version, env, workers, folder / "server.log"))
    for path in folder.glob("start.db*"):
        path.unlink()


def measure(version: Version, env: Mapping[str, str], workers: int, log: Path) -> Start:
    began = time.monotonic()
    with serving(version.server, env, machine.all_cores(), log, version.folder, is_ready=False) as server:
        wait_for_all(server, workers)
        ready_s, cpu_s = time.monotonic() - began, proc.cpu_with_ended_s(server.pid)
        for number in range(REQUESTS * workers):
            method, path = ASKED[number % len(ASKED)]
            body = f'{{"visitorId": "visitor-{number}"}}' if method == "POST" else None
            with suppress(OSError, HTTPException):
                server.ask(method, path, body, {"Content-Type": "application/json"} if body else {})
        return Start(ready_s, cpu_s, proc.pss_mb(server.pid))


def wait_for_all(server: Server, workers: int) -> None:
    """Until all workers wait for connections, and one has answered."""
    deadline = time.monotonic() + START_S
    while (found := proc.accepting(server.pid, server.port)) < workers:
        if time.monotonic() > deadline:
            raise click.ClickException(f"{found} of {workers} workers wait for connections")
        time.sleep(0.02)
    server.wait_until_it_answers()


def named(workers: int) -> str:
    return f"{workers} worker{'s' * (workers > 1)}"


def cells(each: list[Start]) -> list[str]:
    ready_s, cpu_s, pss_mb = (median(values) for values in zip(*map(astuple, each), strict=True))
    return [f"{ready_s:.2f}", f"{cpu_s:.2f}", f"{pss_mb:.0f}"]


def targets(found: dict[Case, list[Start]], before: Version) -> list[Target]:
    """With a prepared database. Ratios are medians of the rounds' ratios."""

    def ratio(workers: int, figure: str, what: str) -> Target:
        pairs = zip(found[workers, False, THIS], found[workers, False, before], strict=True)
        measured = median(getattr(one, figure) / getattr(other, figure) for one, other in pairs)
        return Target(f"{named(workers)}: {what}, / {before.name}", measured, most=NO_WORSE)

    figures = {"ready_s": "seconds until ready", "pss_mb": "memory"}
    return [ratio(workers, figure, what) for workers in WORKERS for figure, what in figures.items()]


if __name__ == "__main__":
    machine.run(main)
