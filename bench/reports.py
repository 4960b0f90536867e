"""Measures reports on a site with 5 million visits by 500,000 people in a year: the time each report takes, and delays
to other requests.

Fills the database first. Prints tables and the figures with their targets; the same text goes to
bench/results/reports.txt.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import click
from harness.clients.steady_requests import OK, Steady, percentile
from harness.measurements import contenders
from harness.measurements.contenders import Testbed, prepared
from harness.reporting import machine
from harness.reporting.tables import Report, Target, say_targets
from harness.servers.databases import SQLITE
from harness.servers.ledgers import VISITS_EACH, filled, wait_until_read
from harness.servers.server import Server

ALL_VISITS = 5_000_000
ALIVE_A_SECOND, ALIVE_P99_MS = 200, 15
ROUNDS = 20
"""How often each query is asked."""

EMAIL, PASSWORD = "admin@example.com", "benchmarks keep no secrets"
RANGES = {"30d": 50, "365d": 200}
"""Ranges, and the time that a report may take, ms."""

ASKED = {
    "summary": "summary?compare=previous&",
    "by day": "timeline?granularity=day&",
    "by page": "breakdown?by=page&",
}
FIGURES = ("median ms", "p95 ms", "most ms")
HEAD = ("", "times", *(f"cold {figure}" for figure in FIGURES), *(f"kept {figure}" for figure in FIGURES), "status")


@dataclass(frozen=True)
class ReportQuery:
    name: str
    path: str
    wanted_ms: float


@dataclass
class Times:
    """Response times of a query, in ms."""

    cold: list[float] = field(default_factory=list)  # after the site has changed
    kept: list[float] = field(default_factory=list)
    status: int = OK  # the worst one


@dataclass(frozen=True)
class Reading:
    times: dict[ReportQuery, Times]
    alive_ms: list[float]  # GET /healthz, from when it was due
    quiet_ms: list[float]  # the same without other queries


@click.command(help=__doc__)
@click.option("--save", is_flag=True, help="store the output in bench/results")
@click.option("--visits", default=ALL_VISITS, show_default=True, help="number of visits, by a tenth as many people")
def main(save: bool, visits: int) -> None:
    machine.demand("taskset")
    cores = machine.two_cores()
    report = machine.begin_report(
        "reports",
        f"{visits:,} visits of {visits // VISITS_EACH:,} people over a year",
        f"server on core {cores[0]}, clients and PostgreSQL on core {cores[1]}",
        "cold: right after a commit; kept: asked again",
    )
    with prepared(cores, SQLITE) as testbed:
        say_targets(report, of_site(report, testbed, visits))
    if save and visits == ALL_VISITS:
        report.save()


def of_site(report: Report, testbed: Testbed, visits: int) -> list[Target]:
    database = filled("site", visits)
    with testbed.server(contenders.ON_SQLITE, database, ADMIN_EMAIL=EMAIL, ADMIN_PASSWORD=PASSWORD) as server:
        took_s, used_s = wait_until_read(server, database)
        reading = ask_all(server, all_queries(), testbed.load_core)
    report.say(
        f"SQLite: blocks of {visits:,} visits were stored in {took_s:.0f} s, {visits / took_s:,.0f} a second, with "
        f"{used_s / visits * 1e6:.1f} µs of a core each"
    )
    say_times(report, "SQLite, the whole site", reading)
    share = used_s / visits * 2000 * 100
    return [
        *targets_of(reading),
        Target("SQLite, blocks of 2,000 visits a second", share, most=10, unit="% of a core"),
    ]


def all_queries() -> list[ReportQuery]:
    return [
        ReportQuery(f"{range_}, {name}", f"{path}range={range_}", wanted_ms)
        for range_, wanted_ms in RANGES.items()
        for name, path in ASKED.items()
    ]


def ask_all(server: Server, queries: Sequence[ReportQuery], core: int) -> Reading:
    """Ask all queries in turn, ROUNDS times, after 5 s without queries."""
    status, answer, _ = server.post("/api/auth/login", {"email": EMAIL, "password": PASSWORD})
    if status != OK:
        raise RuntimeError(f"the admin cannot log in: {answer.decode()}")
    headers = {"Authorization": f"Bearer {json.loads(answer)['access_token']}"}
    quiet = Steady(server.port, "alive", ALIVE_A_SECOND, 5.0, core=core).answers()
    alive, times = Steady(server.port, "alive", ALIVE_A_SECOND, 2.0 * ROUNDS, core=core), defaultdict(Times)
    for _ in range(ROUNDS):
        for query in queries:
            ask(server, query, headers, times[query])
    return Reading(dict(times), [a.took_ms for a in alive.answers()], [a.took_ms for a in quiet])


def ask(server: Server, query: ReportQuery, headers: dict[str, str], times: Times) -> None:
    server.post("/api/visitor/register", {"visitorId": "bench_insights", "page": "/"})
    for taken in (times.cold, times.kept):
        began = time.perf_counter()
        status, _, _ = server.ask("GET", f"/api/reports/{query.path}", None, headers, timeout_s=60)
        taken.append((time.perf_counter() - began) * 1000)
        times.status = max(times.status, status)


def say_times(report: Report, where: str, reading: Reading) -> None:
    rows = []
    for query, times in reading.times.items():
        cold, kept = (
            [f"{ms:.1f}" for ms in (median(taken), percentile(taken, 95), max(taken))]
            for taken in (times.cold, times.kept)
        )
        rows.append([query.name, str(len(times.cold)), *cold, *kept, str(times.status)])
    report.say(where)
    report.table(HEAD, rows)
    alive = reading.alive_ms
    report.say(
        f"GET /healthz meanwhile, {ALIVE_A_SECOND} a second: median {median(alive):.1f} ms, most {max(alive):.1f} ms, "
        f"p99 {percentile(alive, 99):.1f} ms; without reports p99 {percentile(reading.quiet_ms, 99):.1f} ms"
    )
    report.say()


def targets_of(reading: Reading) -> list[Target]:
    alive_ms = percentile(reading.alive_ms, 99)
    return [
        *(
            Target(f"SQLite, {asked.name}, p95 cold", percentile(times.cold, 95), most=asked.wanted_ms, unit="ms")
            for asked, times in reading.times.items()
            if times.status == OK
        ),
        Target("SQLite, GET /healthz meanwhile, p99", alive_ms, most=ALIVE_P99_MS, unit="ms"),
    ]


if __name__ == "__main__":
    machine.run(main)
