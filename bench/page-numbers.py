"""Measures what the numbers of pages cost: GET /api/pages, open pages that watch a number, and pushes.

The sums are filled by SQL: a reading sees only the sums and later visits. Prints tables and the figures with their
targets; the same text goes to bench/results/page-numbers.txt.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from statistics import median

import click
from harness.clients import http_load as load
from harness.clients.websocket_clients import PLAIN, Endpoint, WebSocketClients, allow_files, connect
from harness.measurements import contenders
from harness.measurements.broadcasts import PLAIN_ENDPOINT
from harness.measurements.contenders import Testbed, prepared
from harness.reporting import machine
from harness.reporting.tables import Report, Target, progress, ratio, say_targets
from harness.servers import process_figures as proc
from harness.servers.databases import SQLITE, fresh
from harness.servers.server import Server
from support.databases.database import Database
from support.programs.processes import wait_until

CONNECTIONS, REQUESTS_S = 64, 1
PAGES, VIEWS = 1_000_000, 10_000_000
"""Different pages, and views of all pages."""

PATH = "/posts/7"
WATCHING = Endpoint(PLAIN_ENDPOINT.path, PLAIN, watch=True)
MANY, CROWD, FEW = 10_000, 1_000, 20
REST_S = 0.5
"""Longer than a room's pause after a broadcast, so that no view waits for the previous one."""

MAX_OF_STATS, MAX_KB, MAX_MS = 1.5, 0.5, 50

FILL = """
INSERT INTO page_sums (page, views, day, day_views)
WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < {pages} - 1)
SELECT '/posts/' || id, {views}, '2026-01-01', {views} FROM n
"""
MARK = "INSERT INTO watermarks (name, upto, version) VALUES ('{name}', 0, 0) ON CONFLICT (name) DO UPDATE SET upto = 0"


@click.command(help=__doc__)
@click.option("--save", is_flag=True, help="store the output in bench/results")
@click.option("--rounds", default=9, show_default=True, help="rounds for each request")
@click.option("--quick", is_flag=True, help="few pages and one round, only to see that it works")
def main(save: bool, rounds: int, quick: bool) -> None:
    pages, rounds, many = (PAGES // 1000, 1, CROWD) if quick else (PAGES, rounds, MANY)
    machine.demand("cc", "taskset")
    cores = machine.two_cores()
    allow_files(many)
    report = machine.begin_report(
        "page-numbers",
        f"Numbers of pages: requests for one page, {CONNECTIONS} connections",
        f"server on core {cores[0]}, clients on core {cores[1]}; one worker",
        f"medians of {rounds} interleaved rounds",
    )
    with prepared(cores, SQLITE) as testbed:
        targets = [cost_of_a_request(report, testbed, pages, rounds), memory_of_a_number(testbed, many)]
        targets.append(delay_of_a_view(testbed, rounds))
    say_targets(report, targets)
    if save and not quick:
        report.save()


@contextmanager
def running(testbed: Testbed, name: str) -> Iterator[tuple[Server, Database]]:
    """A server on its own new database."""
    folder = testbed.folder / name
    folder.mkdir()
    with (
        fresh(folder, None) as database,
        testbed.server(contenders.ON_SQLITE, database, PAGE_NUMBERS="*") as server,
    ):
        yield server, database


def cost_of_a_request(report: Report, testbed: Testbed, pages: int, rounds: int) -> Target:
    name = f"SQLite, {pages:,} pages, {VIEWS:,} views"
    figures: dict[str, list[load.Figures]] = {}
    with running(testbed, "requests") as (server, database):
        fill(server, database, pages)
        port, core = server.port, testbed.load_core
        requests = {
            "GET /api/stats": partial(load.get, port, "/api/stats", CONNECTIONS, core=core),
            "GET of any page": partial(load.get_pages, port, CONNECTIONS, core=core, pages=pages),
        }
        for number in range(rounds + 1):  # the first round is a warm-up
            progress(number, rounds, name)
            for what, begin in requests.items():
                seen = testbed.measure(contenders.ON_SQLITE, server, partial(begin, seconds=REQUESTS_S))
                if number:
                    figures.setdefault(what, []).append(seen)
    report.say(name)
    report.table(load.HEAD[:-1], [load.row(what, seen, None)[:-1] for what, seen in figures.items()])
    stats, any_page = figures
    measured = ratio(figures[any_page], figures[stats], itemgetter("cpu_us"))
    return Target(f"{name}: CPU, {any_page} / {stats}", measured, most=MAX_OF_STATS)


def fill(server: Server, database: Database, pages: int) -> None:
    """Fill the sums, and wait until the server shows them."""
    database.rows(FILL.format(views=VIEWS // pages, pages=pages))
    for name in ("page_visits", "page_events"):
        database.rows(MARK.format(name=name))
    shown = f'"views":{VIEWS // pages},'.encode()
    wait_until(lambda: shown in server.ask("GET", f"/api/pages?path={PATH}")[1], "the sums are shown")


def memory_of_a_number(testbed: Testbed, many: int) -> Target:
    kb = {}
    for endpoint in (PLAIN_ENDPOINT, WATCHING):
        name = f"{many}-pages-{'watching' if endpoint.watch else 'plain'}"
        progress(1, 1, name)
        with running(testbed, name) as (server, _):
            with connect(server.port, endpoint, FEW, testbed.load_core) as few:
                few.settle()
            empty_mb = proc.loaded_mb(server.pid, proc.tree_rss_mb)
            with connect(server.port, endpoint, many, testbed.load_core) as clients:
                clients.settle()
                kb[endpoint] = 1000 * (proc.tree_rss_mb(server.pid) - empty_mb) / many
    more = kb[WATCHING] - kb[PLAIN_ENDPOINT]
    return Target(f"{many:,} open pages: memory of a watched number", more, most=MAX_KB, unit="KB")


def delay_of_a_view(testbed: Testbed, rounds: int) -> Target:
    with (
        running(testbed, "crowd") as (server, _),
        connect(server.port, WATCHING, CROWD, testbed.load_core) as clients,
    ):
        times = [ms_until_seen(server, clients, views) for views in range(1, rounds + 1)]
    what = f"SQLite, {CROWD:,} open pages on one path: until all show a view, median"
    return Target(what, median(times), most=MAX_MS, unit="ms")


def ms_until_seen(server: Server, clients: WebSocketClients, number: int) -> float:
    """Register a view. Returns the time until the last client shows this number of views, in ms."""
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
