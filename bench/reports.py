"""Measures reports on a site with 5 million visits by 500,000 people in a year: the time each report takes, delays to
other requests, and the cost of the sums.

Fills the databases first. Prints tables and the figures with their targets; the same text goes to
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
from harness.servers.databases import POSTGRES, SQLITE
from harness.servers.ledgers import VISITS_EACH, filled, wait_until_read
from harness.servers.server import Server
from support.databases.database import Database

ALL_VISITS = 5_000_000
ALIVE_A_SECOND, ALIVE_P99_MS = 200, 15
ROUNDS, FILTERED_ROUNDS = 20, 5
"""How often each question about the site is asked."""

EMAIL, PASSWORD = "admin@example.com", "benchmarks keep no secrets"
RANGES = {"30d": 50, "365d": 200}
FILTERED = {"30d": 1000, "365d": 10_000}
LISTS = ("page", "source", "city", "browser", "channel")
ASKED = {
    "summary": "summary?compare=previous&",
    "by day": "timeline?granularity=day&",
    "by week": "timeline?granularity=week&",
    **{f"by {name}": f"breakdown?by={name}&" for name in LISTS},
}
FILTERED_QUESTIONS = {
    "summary": "summary?",
    "by page": "breakdown?by=page&",
    "by viewed page": "breakdown?by=viewed_page&",
}
FIGURES = ("median ms", "p95 ms", "most ms")
HEAD = ("", "times", *(f"cold {figure}" for figure in FIGURES), *(f"kept {figure}" for figure in FIGURES), "status")


@dataclass(frozen=True)
class Question:
    name: str
    path: str
    wanted_ms: float


@dataclass
class Times:
    """Response times of a question, in ms."""

    cold: list[float] = field(default_factory=list)  # after the site has changed
    kept: list[float] = field(default_factory=list)
    status: int = OK  # the worst one


@dataclass(frozen=True)
class Reading:
    times: dict[Question, Times]
    alive_ms: list[float]  # GET /healthz, from when it was due
    quiet_ms: list[float]  # the same without other questions


@click.command(help=__doc__)
@click.option("--visits", default=ALL_VISITS, show_default=True, help="number of visits, by a tenth as many people")
def main(visits: int) -> None:
    machine.demand("taskset")
    cores = machine.two_cores()
    report = machine.begin_report(
        "reports",
        f"{visits:,} visits of {visits // VISITS_EACH:,} people over a year",
        f"server on core {cores[0]}, clients and PostgreSQL on core {cores[1]}",
        "cold: right after a commit; kept: asked again",
    )
    targets: list[Target] = []
    for where in (SQLITE, POSTGRES):
        with prepared(cores, where) as testbed:
            targets += of_site(report, testbed, where, visits)
    say_targets(report, targets)
    if visits == ALL_VISITS:
        report.save()


def of_site(report: Report, testbed: Testbed, where: str, visits: int) -> list[Target]:
    contender = contenders.ON_SQLITE if testbed.postgres is None else contenders.ON_POSTGRES
    database = filled("site", visits, testbed.postgres)
    before = size_of(database)
    with testbed.server(contender, database, ADMIN_EMAIL=EMAIL, ADMIN_PASSWORD=PASSWORD) as server:
        took_s, used_s = wait_until_read(server, database)
        sums = ask_all(server, all_questions(), ROUNDS, testbed.load_core)
        rows = ask_all(server, filtered_questions(), FILTERED_ROUNDS, testbed.load_core)
    growth = 100 * (size_of(database) - before) / before
    report.say(
        f"{where}: blocks of {visits:,} visits were stored in {took_s:.0f} s, {visits / took_s:,.0f} a second, with "
        f"{used_s / visits * 1e6:.1f} µs of a core each"
    )
    report.say(f"The database had {before / 1e6:,.0f} MB, and grew by {growth:.1f} %")
    say_times(report, f"{where}, the whole site", sums)
    say_times(report, f"{where}, the whole site, filtered", rows)
    share = used_s / visits * 2000 * 100
    return [
        *targets_of(where, sums),
        *targets_of(where, rows),
        Target(f"{where}, blocks of 2,000 visits a second", share, most=10, unit="% of a core"),
        Target(f"{where}, growth of the database", growth, most=20, unit="%"),
    ]


def size_of(database: Database) -> int:
    """The database's size in bytes, excluding free space."""
    if database.kind == "sqlite":
        database.rows("VACUUM")
        return int(database.rows("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")[0][0])
    return int(database.rows("SELECT pg_database_size(current_database())")[0][0])


def all_questions() -> list[Question]:
    questions = [
        Question(f"{range_}, {name}", f"{path}range={range_}", wanted_ms)
        for range_, wanted_ms in RANGES.items()
        for name, path in ASKED.items()
    ]
    return [*questions, Question("30d, by hour", "timeline?granularity=hour&range=30d", RANGES["30d"])]


def filtered_questions() -> list[Question]:
    return [
        Question(f"{range_}, {name}, filtered", f"{path}range={range_}&browser=Chrome", wanted_ms)
        for range_, wanted_ms in FILTERED.items()
        for name, path in FILTERED_QUESTIONS.items()
    ]


def ask_all(server: Server, questions: Sequence[Question], rounds: int, core: int) -> Reading:
    """Ask all questions in turn, `rounds` times, after 5 s without questions."""
    status, answer, _ = server.post("/api/auth/login", {"email": EMAIL, "password": PASSWORD})
    if status != OK:
        raise RuntimeError(f"the admin cannot log in: {answer.decode()}")
    headers = {"Authorization": f"Bearer {json.loads(answer)['access_token']}"}
    quiet = Steady(server.port, "alive", ALIVE_A_SECOND, 5.0, core=core).answers()
    alive, times = Steady(server.port, "alive", ALIVE_A_SECOND, 2.0 * rounds, core=core), defaultdict(Times)
    for _ in range(rounds):
        for question in questions:
            ask(server, question, headers, times[question])
    return Reading(dict(times), [a.took_ms for a in alive.answers()], [a.took_ms for a in quiet])


def ask(server: Server, question: Question, headers: dict[str, str], times: Times) -> None:
    server.post("/api/visitor/register", {"visitorId": "bench_insights", "page": "/"})
    for taken in (times.cold, times.kept):
        began = time.perf_counter()
        status, _, _ = server.ask("GET", f"/api/reports/{question.path}", None, headers, timeout_s=60)
        taken.append((time.perf_counter() - began) * 1000)
        times.status = max(times.status, status)


def say_times(report: Report, where: str, reading: Reading) -> None:
    rows = []
    for question, times in reading.times.items():
        cold, kept = (
            [f"{ms:.1f}" for ms in (median(taken), percentile(taken, 95), max(taken))]
            for taken in (times.cold, times.kept)
        )
        rows.append([question.name, str(len(times.cold)), *cold, *kept, str(times.status)])
    report.say(where)
    report.table(HEAD, rows)
    alive = reading.alive_ms
    report.say(
        f"GET /healthz meanwhile, {ALIVE_A_SECOND} a second: median {median(alive):.1f} ms, most {max(alive):.1f} ms, "
        f"p99 {percentile(alive, 99):.1f} ms; without reports p99 {percentile(reading.quiet_ms, 99):.1f} ms"
    )
    report.say()


def targets_of(where: str, reading: Reading) -> list[Target]:
    alive_ms = percentile(reading.alive_ms, 99)
    return [
        *(
            Target(f"{where}, {asked.name}, p95 cold", percentile(times.cold, 95), most=asked.wanted_ms, unit="ms")
            for asked, times in reading.times.items()
            if times.status == OK
        ),
        Target(f"{where}, GET /healthz meanwhile, p99", alive_ms, most=ALIVE_P99_MS, unit="ms"),
    ]


if __name__ == "__main__":
    machine.run(main)
