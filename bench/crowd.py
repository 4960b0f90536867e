"""Measures a hundred thousand open pages on one machine: do they open, see every visit, reconnect and close?

Six workers, one Redis server, and SQLite or PostgreSQL share all cores with each other and with the pages' clients.
Prints a table and the figures with their targets; the same text goes to bench/results/crowd.txt. The exit status is 1
if a page failed to show an expected total or the ledger is not exact.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from statistics import median
from typing import Any

import click
from harness.clients.steady_requests import OK, Steady, percentile
from harness.clients.websocket_clients import SPARE_FILES, allow_files, opening
from harness.folders import scratch
from harness.measurements.broadcasts import PLAIN_ENDPOINT
from harness.reporting import machine
from harness.reporting.tables import Report, Target, in_turn, say_targets
from harness.servers import process_figures as proc, versions
from harness.servers.databases import POSTGRES, SQLITE, STARTING_TOTAL, fresh, is_exact, server_for, settings_on
from harness.servers.server import Server
from harness.servers.versions import THIS, Version
from support.databases.redis import Redis
from support.programs.processes import wait_until

PAGES = 100_000
VISITS, VISITS_A_SECOND = 5, 170
REGISTERING_CONNECTIONS = 16
REST_S = 3.0
"""Longer than a room's pause after a broadcast, so that no visit waits for the previous one."""

IDLE_S = 2.0
DEAD_S = 10.0


class Crowd:
    """Open pages, in as few processes as the limit on open files allows."""

    def __init__(self, stack: ExitStack, port: int, size: int) -> None:
        self.size = size
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        processes = -(-size // (files - SPARE_FILES))
        parts = [size // processes + (number < size % processes) for number in range(processes)]
        began = time.monotonic()
        self._groups = [stack.enter_context(opening(port, PLAIN_ENDPOINT, part, None)) for part in parts]
        self.answers()
        self.opened_in_s = time.monotonic() - began

    def begin(self, command: str) -> None:
        """Send a command to all processes. `answers` reads the results later."""
        for group in self._groups:
            group.begin(command)

    def answers(self) -> list[dict[str, Any]]:
        return [group.answer() for group in self._groups]

    def settle(self) -> None:
        """Wait until half a second passes without an update, for at most 20 s."""
        self.begin("settle")
        self.answers()

    def begin_waiting_for(self, total: int) -> None:
        """Start waiting until all pages show this total or a greater one. Call it before registering the visit that
        causes the total.
        """
        self.begin(f"until {total}")

    def wait_for_total(self) -> tuple[int, int, int]:
        """Wait until every page shows the total, for at most two minutes. Returns when the last page showed it (on the
        monotonic clock, ns), the number of pages that do not show it, and the number of updates.
        """
        answers = self.answers()
        last_at_ns = max(answer["last_at_ns"] for answer in answers)
        return last_at_ns, sum(answer["behind"] for answer in answers), sum(answer["updates"] for answer in answers)

    def cpu_us(self) -> float:
        return sum(proc.cpu_us(group.pid) for group in self._groups)


class Run:
    """One server with its open pages. Methods are called in the order of their definitions. `others` are the root
    processes of Redis and the database; their CPU and memory count as the server's.
    """

    behind = 0
    """Pages that failed to show an expected total."""
    exact = True

    def __init__(self, server: Server, others: Sequence[int]) -> None:
        self._server = server
        self._roots = (server.pid, *others)
        # Workers keep loading for a few seconds after the first response.
        proc.loaded_mb(server.pid, proc.tree_pss_mb)
        self.empty_mb = self._mb()
        self._before_us = self._servers_us()
        self.total = STARTING_TOTAL
        self.visits: list[dict[str, float]] = []
        """For each visit after a pause: ms until the last page shows it, µs of the servers and of the clients per
        frame, and the servers' CPU just before, in percent of a core.
        """

    def open(self, stack: ExitStack, pages: int) -> None:
        self._crowd = crowd = Crowd(stack, self._server.port, pages)
        crowd.settle()
        self.pages_a_second = crowd.size / crowd.opened_in_s
        self.open_us = (self._servers_us() - self._before_us) / crowd.size

    def one_visit(self) -> None:
        crowd = self._crowd
        crowd.settle()
        time.sleep(REST_S)
        before, began = self._servers_us(), time.monotonic()
        time.sleep(IDLE_S)
        idle_percent = (self._servers_us() - before) / (time.monotonic() - began) / 1e4
        servers_us, clients_us = self._servers_us(), crowd.cpu_us()
        crowd.begin_waiting_for(self.total + 1)
        sent_ns = time.monotonic_ns()
        self._register()
        last_at_ns, behind, updates = crowd.wait_for_total()
        self.behind += behind
        self.visits.append(
            {
                "last_ms": (last_at_ns - sent_ns) / 1e6,
                "cpu_us": (self._servers_us() - servers_us) / max(1, updates),
                "client_us": (crowd.cpu_us() - clients_us) / max(1, updates),
                "idle_percent": idle_percent,
            }
        )

    def many_visits(self, rate: int, seconds: int) -> None:
        self._crowd.settle()
        self._crowd.begin_waiting_for(self.total + rate * seconds)
        self.answers = Steady(self._server.port, "register", rate, seconds, REGISTERING_CONNECTIONS).answers()
        last_at_ns, behind, updates = self._crowd.wait_for_total()
        _, stats, _ = self._server.ask("GET", "/api/stats", timeout_s=20)
        # includes visits whose response came too late for the client
        self.total = int(json.loads(stats)["totalVisitors"])
        answered_ns = max((answer.answered_ns for answer in self.answers), default=0)
        behind_s = (last_at_ns - answered_ns + time.time_ns() - time.monotonic_ns()) / 1e9
        self.behind += behind
        self.updates_a_second = updates / self._crowd.size / seconds
        self.behind_s = max(0.0, behind_s)
        self.full_mb = self._mb()

    def lose_a_worker(self) -> None:
        """Kill a worker and register a visit. `back_s` is how long it takes until every page shows the visit, including
        the dead worker's pages.
        """
        self._crowd.settle()
        self._crowd.begin("return")  # from now on, reopen each page as soon as it is lost
        self._crowd.answers()
        self._crowd.begin_waiting_for(self.total + 1)
        worker = self._server.workers[0]
        began_ns = time.monotonic_ns()
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: worker not in self._server.workers, "the worker is gone", DEAD_S)
        self._register()  # only now, so that the worker's pages must reconnect to see the visit
        last_at_ns, behind, _ = self._crowd.wait_for_total()
        self.back_s = float("inf") if behind else (last_at_ns - began_ns) / 1e9

    def end(self) -> None:
        self._crowd.settle()
        self._crowd.begin("closed")
        began = time.monotonic()
        self._server.stop()
        self.end_s = time.monotonic() - began
        self.cut_off = self._crowd.size - sum(answer["said_goodbye"] for answer in self._crowd.answers())

    @property
    def kb(self) -> float:
        """Memory per page, in units of 1,000 bytes."""
        return 1000 * (self.full_mb - self.empty_mb) / self._crowd.size

    def median(self, figure: str) -> float:
        return median(visit[figure] for visit in self.visits)

    def spread(self, figure: str, digits: int) -> str:
        values = [visit[figure] for visit in self.visits]
        return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"

    def _mb(self) -> float:
        """Memory of all processes in MB (10⁶ bytes). Memory shared within a process tree counts once."""
        return sum(map(proc.tree_pss_mb, self._roots))

    def _servers_us(self) -> float:
        return sum(map(proc.cpu_us, self._roots))

    def _register(self) -> None:
        visit = {"visitorId": f"visitor_{token_hex(8)}", "page": "/"}
        status, body, _ = self._server.post("/api/visitor/register", visit, timeout_s=20)
        if status != OK:
            raise RuntimeError(f"a visit was answered with {status}: {body!r}")
        self.total += 1


@click.command(help=__doc__)
@click.option("--save", is_flag=True, help="store the output in bench/results")
@click.option("--pages", default=PAGES, show_default=True, help="number of open pages")
@click.option("--quick", is_flag=True, help="600 pages on SQLite, only to see that it works")
@versions.option
def main(save: bool, pages: int, quick: bool, before: Version | None) -> None:
    databases, workers, seconds = (SQLITE, POSTGRES), 6, 20
    if quick:
        pages, databases, workers, seconds = 600, (SQLITE,), 2, 2
    machine.demand("cc", "taskset")
    allow_files(pages // workers)
    report = machine.begin_report(
        "crowd", f"{pages:,} open pages, {workers} workers, Redis, and the clients, all on this machine"
    )
    runs: dict[tuple[str, Version], Run] = {}
    with scratch() as folder:
        for database in databases:
            for version in in_turn((before, THIS) if before else (THIS,), 1, f", {database}: {pages:,} pages"):
                runs[database, version] = measured(folder, version, database, pages, workers, seconds)
    say_runs(report, runs, pages)
    if save and not quick:
        report.save()
    sys.exit(0 if all(run.exact and not run.behind for run in runs.values()) else 1)


def measured(folder: Path, version: Version, kind: str, pages: int, workers: int, seconds: int) -> Run:
    with ExitStack() as stack:
        database_server = stack.enter_context(server_for(kind))
        database = stack.enter_context(fresh(folder, database_server, is_empty=version != THIS))
        redis = stack.enter_context(Redis())
        settings = {**settings_on(database), "REDIS_URL": redis.url}
        settings |= {"WEB_CONCURRENCY": str(workers), "MAX_CONNECTIONS": str(pages)}
        server = stack.enter_context(Server(version.server, settings, machine.all_cores(), folder, version.folder))
        run = Run(server, [redis.pid, *([database_server.pid] if database_server else [])])
        run.open(stack, pages)
        run.one_visit()
        run.visits.clear()  # it has warmed the caches, and is not measured
        for _ in range(VISITS):
            run.one_visit()
        run.many_visits(VISITS_A_SECOND, seconds)
        run.lose_a_worker()
        run.end()
        run.exact = version != THIS or is_exact(database, run.total - STARTING_TOTAL)
        return run


def say_runs(report: Report, runs: Mapping[tuple[str, Version], Run], pages: int) -> None:
    names = [database if version == THIS else f"{database}, {version.name}" for database, version in runs]
    columns = [rows(run) for run in runs.values()]
    report.table(("", *names), [(what, *(column[what] for column in columns)) for what in columns[0]])
    for (database, version), run in runs.items():
        if version == THIS:
            say_targets(report, targets(database, run, pages))


def rows(run: Run) -> dict[str, str]:
    answered = sum(answer.status == OK for answer in run.answers)
    took = percentile([answer.took_ms for answer in run.answers], 99)
    return {
        "pages opened a second": f"{run.pages_a_second:,.0f}",
        "CPU µs to open one": f"{run.open_us:.0f}",
        "idle, % of a core": f"{run.median('idle_percent'):.0f}",
        "last page shows a visit after, ms": run.spread("last_ms", 0),
        "CPU µs a frame": run.spread("cpu_us", 1),
        "the clients' CPU µs a frame": f"{run.median('client_us'):.1f}",
        "memory before the pages, MB": f"{run.empty_mb:.0f}",
        "memory with all pages, MB": f"{run.full_mb:.0f}",
        "memory a page, KB": f"{run.kb:.2f}",
        f"{VISITS_A_SECOND} visits a second, answered": f"{answered} of {len(run.answers)}",
        "their p99, ms": f"{took:.0f}",
        "updates a second to each page": f"{run.updates_a_second:.2f}",
        "last page shows the last one after, s": f"{run.behind_s:.1f}",
        "pages of a killed worker are back after, s": f"{run.back_s:.1f}",
        "SIGTERM: the server has ended after, s": f"{run.end_s:.1f}",
        "pages closed without a close frame": f"{run.cut_off}",
        "pages that missed a number": f"{run.behind}",
        "ledger": "exact" if run.exact else "WRONG",
    }


def targets(database: str, run: Run, pages: int) -> list[Target]:
    """Figures with their targets. The targets only apply with a hundred thousand pages."""
    figures = [
        Target("pages opened a second", run.pages_a_second, least=3000.0, unit=""),
        Target("last page shows a visit", run.median("last_ms"), most=1000.0, unit="ms"),
        Target("CPU a frame", run.median("cpu_us"), most=10.0, unit="µs"),
        Target("memory a page", run.kb, most=2.0, unit="KB"),
        Target("pages of a killed worker are back", run.back_s, most=15.0, unit="s"),
        Target("SIGTERM closes all", run.end_s, most=10.0, unit="s"),
    ]
    limits = {} if pages >= PAGES else {"least": None, "most": None}
    return [replace(figure, what=f"{database}: {figure.what}", **limits) for figure in figures]


if __name__ == "__main__":
    machine.run(main)
