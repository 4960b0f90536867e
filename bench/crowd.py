"""Measures a hundred thousand open pages on one machine: do they open, see every visit, reconnect and close?

Six workers, one Redis server, and SQLite or PostgreSQL share all cores with each other and with the pages' clients.
Prints a table and the figures with their targets; the same text goes to bench/results/crowd.txt. The exit status is 1
if a page failed to show an expected total or the ledger is not exact.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
from harness.clients.crowd import gathered
from harness.clients.steady_requests import OK, percentile
from harness.clients.websocket_clients import allow_files
from harness.folders import RESULTS, scratch
from harness.measurements.broadcasts import PLAIN_ENDPOINT
from harness.measurements.crowds import Ending, Experiment, ManyVisits, OneVisit, Opening
from harness.reporting import machine
from harness.reporting.tables import NO_WORSE, Report, Target, in_turn, say_targets
from harness.servers import versions
from harness.servers.databases import POSTGRES, SQLITE, STARTING_TOTAL, fresh, is_exact, server_for, settings_on
from harness.servers.server import Server
from harness.servers.versions import THIS, Version
from support.databases.redis import Redis

PAGES = 100_000
VISITS, VISITS_A_SECOND = 5, 170


@dataclass(frozen=True)
class Run:
    """Results on one database."""

    opening: Opening
    visits: Sequence[OneVisit]
    empty_mb: float  # memory of all processes before pages are opened
    full_mb: float  # with all pages open
    many: ManyVisits
    back_s: float
    ending: Ending
    exact: bool

    @property
    def kb(self) -> float:
        """Memory per page, in units of 1,000 bytes."""
        return 1000 * (self.full_mb - self.empty_mb) / self.opening.pages

    @property
    def behind(self) -> int:
        """Pages that failed to show an expected total."""
        return self.many.behind + sum(visit.behind for visit in self.visits)

    def median(self, figure: str) -> float:
        return median(getattr(visit, figure) for visit in self.visits)


@click.command(help=__doc__)
@click.option("--pages", default=PAGES, show_default=True, help="number of open pages")
@click.option("--quick", is_flag=True, help="600 pages on SQLite, only to see that it works; not stored")
@versions.option
def main(pages: int, quick: bool, before: Version | None) -> None:
    databases, workers, seconds = (SQLITE, POSTGRES), 6, 20
    if quick:
        pages, databases, workers, seconds = 600, (SQLITE,), 2, 2
    machine.demand("cc", "taskset")
    allow_files(pages // workers)
    report = Report()
    machine.say_head(report, f"{pages:,} open pages, {workers} workers, Redis, and the clients, all on this machine")
    runs: dict[tuple[str, Version], Run] = {}
    with scratch() as folder:
        for database in databases:
            for version in in_turn((before, THIS) if before else (THIS,), 1, f", {database}: {pages:,} pages"):
                runs[database, version] = run(folder, version, database, pages, workers, seconds)
    say_runs(report, runs, pages)
    if not quick:
        report.save(RESULTS / "crowd.txt")
    sys.exit(0 if all(run.exact and not run.behind for run in runs.values()) else 1)


def run(folder: Path, version: Version, kind: str, pages: int, workers: int, seconds: int) -> Run:
    with ExitStack() as stack:
        database_server = stack.enter_context(server_for(kind))
        database = stack.enter_context(fresh(folder, database_server, is_empty=version != THIS))
        redis = stack.enter_context(Redis())
        settings = {
            **settings_on(database),
            "REDIS_URL": redis.url,
            "WEB_CONCURRENCY": str(workers),
            "MAX_CONNECTIONS": str(pages),
        }
        server = stack.enter_context(Server(version.server, settings, machine.all_cores(), folder, version.folder))
        experiment = Experiment(server, [redis.pid, *([database_server.pid] if database_server else [])])
        crowd = stack.enter_context(gathered(server.port, PLAIN_ENDPOINT, pages))
        opening = experiment.opened(crowd)
        experiment.one_visit(crowd)  # warms the caches; not measured
        visits = [experiment.one_visit(crowd) for _ in range(VISITS)]
        many = experiment.many_visits(crowd, VISITS_A_SECOND, seconds)
        full_mb = experiment.mb()
        back_s = experiment.lose_a_worker(crowd)
        ending = experiment.end(crowd)
        exact = version != THIS or is_exact(database, experiment.total - STARTING_TOTAL)
        return Run(opening, visits, experiment.empty_mb, full_mb, many, back_s, ending, exact)


def say_runs(report: Report, runs: Mapping[tuple[str, Version], Run], pages: int) -> None:
    names = [database if version == THIS else f"{database}, {version.name}" for database, version in runs]
    columns = [rows(run) for run in runs.values()]
    report.table(("", *names), [(what, *(column[what] for column in columns)) for what in columns[0]])
    for (database, version), run in runs.items():
        if version == THIS:
            say_targets(report, targets(database, run, pages))
            older = next((other for (name, at), other in runs.items() if name == database and at != THIS), None)
            say_targets(report, ratios(database, run, older) if older else [])


def rows(run: Run) -> dict[str, str]:
    lasts, cpu = [visit.last_ms for visit in run.visits], [visit.cpu_us for visit in run.visits]
    answers = run.many.answers
    took = percentile([answer.took_ms for answer in answers], 99)
    return {
        "pages opened a second": f"{run.opening.pages_a_second:,.0f}",
        "CPU µs to open one": f"{run.opening.cpu_us:.0f}",
        "idle, % of a core": f"{run.median('idle_percent'):.0f}",
        "last page shows a visit after, ms": f"{median(lasts):.0f} ({min(lasts):.0f}-{max(lasts):.0f})",
        "CPU µs a frame": f"{median(cpu):.1f} ({min(cpu):.1f}-{max(cpu):.1f})",
        "the clients' CPU µs a frame": f"{run.median('client_us'):.1f}",
        "memory before the pages, MB": f"{run.empty_mb:.0f}",
        "memory with all pages, MB": f"{run.full_mb:.0f}",
        "memory a page, KB": f"{run.kb:.2f}",
        f"{VISITS_A_SECOND} visits a second, answered": f"{sum(a.status == OK for a in answers)} of {len(answers)}",
        "their p99, ms": f"{took:.0f}",
        "updates a second to each page": f"{run.many.updates_a_second:.2f}",
        "last page shows the last one after, s": f"{run.many.behind_s:.1f}",
        "pages of a killed worker are back after, s": f"{run.back_s:.1f}",
        "SIGTERM: the server has ended after, s": f"{run.ending.took_s:.1f}",
        "pages closed without a close frame": f"{run.ending.closed.without_goodbye}",
        "pages that missed a number": f"{run.behind}",
        "ledger": "exact" if run.exact else "WRONG",
    }


def targets(database: str, run: Run, pages: int) -> list[Target]:
    """Figures with their targets. The targets only apply with a hundred thousand pages."""
    is_full_size = pages >= PAGES
    least, most = (
        (3000.0 if is_full_size else None),
        {"last": 1000.0, "frame": 10.0, "kb": 2.0, "back": 15.0, "end": 10.0},
    )
    bounds = most if is_full_size else dict.fromkeys(most)
    return [
        Target(f"{database}: pages opened a second", run.opening.pages_a_second, least=least, unit=""),
        Target(f"{database}: last page shows a visit", run.median("last_ms"), most=bounds["last"], unit="ms"),
        Target(f"{database}: CPU a frame", run.median("cpu_us"), most=bounds["frame"], unit="µs"),
        Target(f"{database}: memory a page", run.kb, most=bounds["kb"], unit="KB"),
        Target(f"{database}: pages of a killed worker are back", run.back_s, most=bounds["back"], unit="s"),
        Target(f"{database}: SIGTERM closes all", run.ending.took_s, most=bounds["end"], unit="s"),
    ]


def ratios(database: str, ours: Run, theirs: Run) -> list[Target]:
    """Ratios to the previous version. They are rough, because each version ran only once."""
    return [
        Target(f"{database}: CPU to open a page, / before", ours.opening.cpu_us / theirs.opening.cpu_us, most=NO_WORSE),
        Target(
            f"{database}: idle CPU, / before",
            ours.median("idle_percent") / theirs.median("idle_percent"),
            most=NO_WORSE,
        ),
        Target(f"{database}: CPU a frame, / before", ours.median("cpu_us") / theirs.median("cpu_us"), most=NO_WORSE),
        Target(f"{database}: memory a page, / before", ours.kb / theirs.kb, most=NO_WORSE),
    ]


if __name__ == "__main__":
    machine.run(main)
