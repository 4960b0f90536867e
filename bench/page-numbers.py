"""Measures what the numbers of pages cost: visits, GET /api/pages, open pages that watch a number, and pushes.

The sums are filled by SQL, without their visits: a reading sees only the sums and later visits. Prints
tables and the figures with their targets; the same text goes to bench/results/page-numbers.txt.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from statistics import median

import click
from harness.clients import http_load as load
from harness.clients.websocket_clients import PLAIN, Endpoint, WebSocketClients, allow_files, connect
from harness.measurements import contenders
from harness.measurements.broadcasts import PLAIN_ENDPOINT
from harness.measurements.contenders import WARM_UP_S, Contender, Testbed, prepared
from harness.reporting import machine
from harness.reporting.tables import Report, Target, progress, ratio, say_targets
from harness.servers import process_figures as proc, versions
from harness.servers.databases import POSTGRES, STARTING_TOTAL, fresh
from harness.servers.server import Server
from harness.servers.versions import Version
from support.databases.database import Database
from support.programs.processes import wait_until

ON = {"PAGE_NUMBERS": "*"}
CONNECTIONS = 64
PAGES_VISITED = 10_000
VISITS_S, REQUESTS_S = 2, 1
SETTLE_S = 2
"""After visits, until the sums have followed them, s. The CPU time includes it."""

SIZES = ((1_000, 10_000), (100_000, 1_000_000), (1_000_000, 10_000_000))
"""Different pages, and views of all pages."""

PATH = "/posts/7"
WATCHING = Endpoint(PLAIN_ENDPOINT.path, PLAIN, watch=True)
MANY, CROWD, OF_CROWD = 10_000, 1_000, 100
FEW = 20
REST_S = 0.5
"""Longer than a room's pause after a broadcast, so that no view waits for the previous one."""

MAX_OFF, MAX_ON, MAX_OF_STATS, MAX_KB, MAX_MS = 1.02, 1.05, 1.5, 0.5, 50

FILL = """
INSERT INTO page_sums (page, views, day, day_views)
SELECT '/posts/' || id, {views}, '2026-01-01', {views} FROM ({numbers}) AS numbers
"""
NUMBERS = {
    "sqlite": """
        WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < {pages} - 1) SELECT id FROM n
    """,
    "postgres": "SELECT generate_series(0, {pages} - 1) AS id",
}
MARK = "INSERT INTO watermarks (name, upto, version) VALUES ('{name}', 0, 0) ON CONFLICT (name) DO UPDATE SET upto = 0"


@dataclass
class Subject:
    """A running server and its figures of each round, by what was requested."""

    name: str
    contender: Contender
    server: Server
    figures: dict[str, list[load.Figures]] = field(default_factory=dict)


Subjects = Mapping[str, Subject]


@click.command(help=__doc__)
@click.option("--rounds", default=9, show_default=True, help="rounds for each server")
@click.option("--quick", is_flag=True, help="few pages and one round, only to see that it works; not stored")
@versions.option
def main(rounds: int, quick: bool, before: Version | None) -> None:
    sizes, rounds, many = (SIZES[:1], 1, CROWD) if quick else (SIZES, rounds, MANY)
    machine.demand("cc", "taskset")
    cores = machine.two_cores()
    allow_files(many)
    report = machine.begin_report(
        "page-numbers",
        f"Numbers of pages: visits of {PAGES_VISITED:,} pages, and requests for one page, {CONNECTIONS} connections",
        f"servers on core {cores[0]}, clients and PostgreSQL on core {cores[1]}; one worker each",
        f"medians of {rounds} interleaved rounds; CPU of a visit includes {SETTLE_S} s after the visits",
        "the sums are filled by SQL; there are no rows of their visits",
    )
    targets: list[Target] = []
    with prepared(cores, POSTGRES) as testbed:
        targets += measure_visits(report, testbed, rounds, before)
        targets += measure_requests(report, testbed, rounds, sizes)
        targets.append(memory_of_a_number(testbed, many))
        targets += pushes(testbed, rounds)
    say_targets(report, targets)
    if not quick:
        report.save()


@contextmanager
def running(testbed: Testbed, contender: Contender, name: str, **settings: str) -> Iterator[tuple[Server, Database]]:
    """A server on its own new database."""
    on = testbed.postgres if contender.backend == POSTGRES else None
    folder = testbed.folder / name.replace(" ", "-").replace(",", "")
    folder.mkdir()
    with (
        fresh(folder, on, contender.migrates) as database,
        testbed.server(contender, database, **settings) as server,
    ):
        yield server, database


# Visits


def measure_visits(report: Report, testbed: Testbed, rounds: int, before: Version | None) -> list[Target]:
    older = contenders.of_version(before) if before else (None, None)
    all_targets = []
    for contender, old in zip((contenders.ON_SQLITE, contenders.ON_POSTGRES), older, strict=True):
        servers = [(f"{contender.name}, off", contender, {}), (f"{contender.name}, on", contender, ON)]
        if old:
            servers.insert(0, (old.name, old, {}))
        with ExitStack() as stack:
            subjects = {}
            for name, started, settings in servers:
                server, _ = stack.enter_context(running(testbed, started, name, **settings))
                load.register(server.port, CONNECTIONS, WARM_UP_S, testbed.load_core, PAGES_VISITED)
                subjects[name] = Subject(name, started, server)
            for number in range(rounds):
                progress(number + 1, rounds, f"visits, {contender.name}")
                for subject in subjects.values():
                    begin = partial(visits_until_followed, subject.server.port, testbed.load_core)
                    seen = testbed.measure(subject.contender, subject.server, begin)
                    subject.figures.setdefault("visits", []).append(seen)
        report.say(f"POST /api/visitor/register, {contender.backend}")
        say_rows(report, subjects, "visits", servers[0][0])
        base, off, on = servers[0][0], servers[-2][0], servers[-1][0]
        compared = [(off, MAX_OFF)] * bool(old) + [(on, MAX_ON)]
        for name, most in compared:
            all_targets.append(Target(f"a visit: CPU, {name} / {base}", cpu_ratio(subjects, name, base), most=most))
    return all_targets


def visits_until_followed(port: int, core: int) -> load.Figures:
    figures = load.register(port, CONNECTIONS, VISITS_S, core, PAGES_VISITED)
    time.sleep(SETTLE_S)
    return figures


def cpu_ratio(subjects: Subjects, name: str, base: str) -> float:
    return ratio(subjects[name].figures["visits"], subjects[base].figures["visits"], itemgetter("cpu_us"))


def say_rows(report: Report, subjects: Subjects, what: str, base: str) -> None:
    rows = [load.row(name, subject.figures[what], None)[:-1] for name, subject in subjects.items()]
    report.table(load.HEAD[:-1], rows)


# Requests


def measure_requests(report: Report, testbed: Testbed, rounds: int, sizes: tuple[tuple[int, int], ...]) -> list[Target]:
    all_targets = []
    for contender in (contenders.ON_SQLITE, contenders.ON_POSTGRES):
        for pages, views in sizes:
            with running(testbed, contender, f"{contender.name}, {pages}", **ON) as (server, database):
                subject = Subject(f"{contender.backend}, {pages:,} pages, {views:,} views", contender, server)
                fill(server, database, pages, views)
                compare_requests(testbed, subject, pages, rounds)
            report.say(subject.name)
            rows = [load.row(what, figures, None)[:-1] for what, figures in subject.figures.items()]
            report.table(load.HEAD[:-1], rows)
            stats, *others = subject.figures
            for what in others:
                measured = ratio(subject.figures[what], subject.figures[stats], itemgetter("cpu_us"))
                all_targets.append(Target(f"{subject.name}: CPU, {what} / {stats}", measured, most=MAX_OF_STATS))
    return all_targets


def compare_requests(testbed: Testbed, subject: Subject, pages: int, rounds: int) -> None:
    port, core = subject.server.port, testbed.load_core
    requests = {
        "GET /api/stats": partial(load.get, port, "/api/stats", CONNECTIONS, core=core),
        "GET of one page": partial(load.get, port, f"/api/pages?path={PATH}", CONNECTIONS, core=core),
        "GET of any page": partial(load.get_pages, port, CONNECTIONS, core=core, pages=pages),
    }
    for number in range(rounds + 1):  # the first round is a warm-up
        progress(number, rounds, subject.name)
        for what, begin in requests.items():
            seen = testbed.measure(subject.contender, subject.server, partial(begin, seconds=REQUESTS_S))
            if number:
                subject.figures.setdefault(what, []).append(seen)


def fill(server: Server, database: Database, pages: int, views: int) -> None:
    """Fill the sums, and wait until the server shows them."""
    numbers = NUMBERS[database.kind].format(pages=pages)
    database.rows(FILL.format(views=views // pages, numbers=numbers))
    for name in ("page_visits", "page_events"):
        database.rows(MARK.format(name=name))
    shown = f'"views":{views // pages},'.encode()
    wait_until(lambda: shown in server.ask("GET", f"/api/pages?path={PATH}")[1], "the sums are shown")


# Open pages


def memory_of_a_number(testbed: Testbed, many: int) -> Target:
    kb = {}
    for endpoint in (PLAIN_ENDPOINT, WATCHING):
        name = f"{many:,} pages, {'watching' if endpoint.watch else 'plain'}"
        progress(1, 1, name)
        with running(testbed, contenders.ON_SQLITE, name, **ON) as (server, _):
            with connect(server.port, endpoint, FEW, testbed.load_core) as few:
                few.settle()
            empty_mb = proc.loaded_mb(server.pid, proc.tree_rss_mb)
            with connect(server.port, endpoint, many, testbed.load_core) as clients:
                clients.settle()
                kb[endpoint] = 1000 * (proc.tree_rss_mb(server.pid) - empty_mb) / many
    more = kb[WATCHING] - kb[PLAIN_ENDPOINT]
    return Target(f"{many:,} open pages: memory of a watched number", more, most=MAX_KB, unit="KB")


def pushes(testbed: Testbed, rounds: int) -> list[Target]:
    all_targets = []
    for contender in (contenders.ON_SQLITE, contenders.ON_POSTGRES):
        with running(testbed, contender, f"crowd {contender.backend}", **ON) as (server, _):
            with connect(server.port, PLAIN_ENDPOINT, CROWD, testbed.load_core) as clients:
                totals = range(STARTING_TOTAL + 1, STARTING_TOTAL + 1 + rounds)
                of_stats = [ms_until_seen(server, clients, total) for total in totals]
            with connect(server.port, WATCHING, CROWD, testbed.load_core) as clients:
                times = [ms_until_seen(server, clients, views) for views in range(rounds + 1, 2 * rounds + 1)]
            with (
                connect(server.port, PLAIN_ENDPOINT, CROWD - OF_CROWD, testbed.load_core) as others,
                connect(server.port, WATCHING, OF_CROWD, testbed.load_core) as watching,
            ):
                others.settle()
                watching.settle()
                first = watching.counts().updates
                ms_until_seen(server, watching, 2 * rounds + 1)
                watching.settle()
                frames = watching.counts().updates - first
        what = f"{contender.backend}, {CROWD:,} open pages: until all show a total, median"
        all_targets.append(Target(what, median(of_stats), unit="ms"))
        what = f"{contender.backend}, {CROWD:,} open pages on one path: until all show a view"
        all_targets.append(Target(f"{what}, median", median(times), most=MAX_MS, unit="ms"))
        all_targets.append(Target(f"{what}, longest", max(times), unit="ms"))
        what = f"{contender.backend}, {CROWD:,} open pages, {OF_CROWD} on the path: frames of a view"
        all_targets.append(Target(what, frames, least=OF_CROWD, most=OF_CROWD, unit=""))
    return all_targets


def ms_until_seen(server: Server, clients: WebSocketClients, number: int) -> float:
    """Register a view. Returns the time until the last client shows this total or number of views, in ms."""
    clients.settle()
    time.sleep(REST_S)
    clients.begin(f"until {number}")
    began_ns = time.monotonic_ns()
    status, _, _ = server.post("/api/visitor/register", {"visitorId": f"seen-{number}", "page": "/a"})
    seen = clients.answer()
    if status != 200 or seen["behind"]:
        raise click.ClickException(f"{seen['behind']} pages do not show {number}")
    return (seen["last_at_ns"] - began_ns) / 1e6


if __name__ == "__main__":
    machine.run(main)
