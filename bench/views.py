"""Measures open Overview pages while visits arrive: the delay of their numbers, their cost, and the bytes transferred.

The pages are sockets that use only pushed data. The site has the demo's history. Prints one table and the figures with
their targets; the same text goes to bench/results/views.txt.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import click
from harness.folders import ROOT, scratch
from harness.reporting import machine
from harness.reporting.tables import Target, say_targets
from harness.servers import process_figures as proc
from harness.servers.databases import SETTINGS, settings_on
from harness.servers.server import Server
from harness.servers.versions import THIS
from support.clients.members import PanelSocket
from support.databases.database import SqliteDatabase
from support.programs.processes import wait_until

sys.path.insert(0, str(ROOT / "tools"))

from demo import people
from pictures import ADMIN

OVERVIEW = {"type": "view", "query": "?range=30d&compare=weekday"}
EXCHANGE_S = 3.0  # how often a visible page asks for the server's state
FRAME_BYTES = 4  # the header of a frame
IDLE_S = 10
CROWD, ENOUGH, PATIENCE_S = 60, 40, 120

Times = list[float]


class Page(PanelSocket):
    """A page that records when each number arrived, and counts all bytes."""

    def __init__(self, port: int, token: str) -> None:
        self.total_at: list[tuple[int, float]] = []
        self.view_at: list[tuple[int, float]] = []
        self.bytes = self.first_bytes = 0
        super().__init__(port, token)
        self.say(OVERVIEW)

    def note(self, event: dict[str, Any]) -> None:
        now = time.monotonic()
        self.bytes += len(json.dumps(event, separators=(",", ":"))) + FRAME_BYTES
        if event["type"] == "view_update":
            self.view_at.append((event["moment"], now))
        elif "totalVisits" in event.get("stats", {}):
            self.total_at.append((event["stats"]["totalVisits"], now))

    def has(self, ordinal: int) -> bool:
        return bool(self.view_at) and self.view_at[-1][0] >= ordinal


@click.command(help=__doc__)
@click.option("--visits", default=30, show_default=True, help="visits that come one by one")
@click.option(
    "--seconds", default=30, show_default=True, help="duration of a phase with many visits, and of one without"
)
def main(visits: int, seconds: int) -> None:
    with scratch() as folder, full_site(folder) as server:
        shown = f"{stats(server)['totalVisits']:,} visits, Overview of 30 days, compared with the same weekdays"
        report = machine.begin_report("views", shown, "one worker on SQLite, which shares all cores with the clients")
        targets = measured(server, visits, seconds)
    say_targets(report, targets)
    report.save()


def measured(server: Server, visits: int, seconds: int) -> list[Target]:
    token, site = logged_in(server), Visitors(server)
    alone_ms, _ = site.cost_ms(visits)
    with ExitStack() as stack:
        pages = opened(stack, server, token, 20)
        twenty_ms, idle_ms = site.cost_ms(visits, partial(shown_on, pages))
    with ExitStack() as stack:
        (page,) = opened(stack, server, token, 1)
        sent, before = site.one_by_one(visits, page), page.bytes
        one_total, one_view = late(sent, page.total_at), late(sent, page.view_at)
        visit_bytes = (before - page.first_bytes) / visits
        page.bytes = 0
        for _ in range(round(seconds / EXCHANGE_S)):
            page.say({"type": "request_count"})
            time.sleep(EXCHANGE_S)
        quiet = page.bytes / seconds * 3600 / 1e6
    with ExitStack() as stack:
        pages = opened(stack, server, token, 5)
        sent = site.at_a_rate(20, seconds)
        newest = max(sent)
        wait_until(lambda: all(page.has(newest) for page in pages), "the last visit is shown")
        wait_until(lambda: all(page.total_at[-1][0] >= newest for page in pages), "the last total is shown")
        many_total = [lateness for page in pages for lateness in late(sent, page.total_at)]
        many_view = [lateness for page in pages for lateness in late(sent, page.view_at)]
    return [
        Target("one visit, 20 pages: CPU of the server", twenty_ms, most=15, unit="ms"),
        Target("the same without a page", alone_ms, unit="ms"),
        Target("a second without a visit, 20 pages", idle_ms, unit="ms"),
        Target("one page, quiet: totals, median", median(one_total), most=0.1, unit="s"),
        Target("one page, quiet: view, median", median(one_view), most=0.3, unit="s"),
        Target("five pages, 20 visits/s: totals, median", median(many_total), most=0.15, unit="s"),
        Target("five pages, 20 visits/s: totals, p95", p95(many_total), most=0.5, unit="s"),
        Target("five pages, 20 visits/s: view, median", median(many_view), most=0.5, unit="s"),
        Target("five pages, 20 visits/s: view, p95", p95(many_view), most=1.0, unit="s"),
        Target("one page: sent to it with each visit", visit_bytes / 1000, most=1.2, unit="KB"),
        Target("one page, quiet: sent to it", quiet, most=0.2, unit="MB/h"),
    ]


class Visitors:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._number = 0

    def come(self) -> tuple[int, float]:
        """Register a visit. Returns its number and when it was sent, in s on the monotonic clock."""
        self._number += 1
        at = time.monotonic()
        fields = {"visitorId": f"bench-{self._number}", "page": f"/routes/{self._number % 12}"}
        status, answer, _ = self._server.post("/api/visitor/register", fields)
        assert status == 200, answer
        return json.loads(answer)["visit"]["ordinal"], at

    def cost_ms(self, visits: int, is_over: Callable[[int], bool] = lambda ordinal: True) -> tuple[float, float]:
        """The server's median CPU time for one visit, until a second after it is shown, and its CPU time for a second
        without visits. The first figure excludes idle costs.
        """
        began, before = time.monotonic(), proc.cpu_us(self._server.pid)
        time.sleep(IDLE_S)
        idle_ms = (proc.cpu_us(self._server.pid) - before) / 1000 / (time.monotonic() - began)
        costs = []
        for _ in range(visits):
            began, before = time.monotonic(), proc.cpu_us(self._server.pid)
            ordinal, _ = self.come()
            wait_until(lambda ordinal=ordinal: is_over(ordinal), "the visit is shown")
            time.sleep(1)
            spent_ms = (proc.cpu_us(self._server.pid) - before) / 1000
            costs.append(spent_ms - idle_ms * (time.monotonic() - began))
        return median(costs), idle_ms

    def one_by_one(self, visits: int, page: Page) -> dict[int, float]:
        sent = {}
        for _ in range(visits):
            ordinal, at = self.come()
            sent[ordinal] = at
            wait_until(lambda ordinal=ordinal: page.has(ordinal), "the visit is shown")
            time.sleep(0.5)
        return sent

    def at_a_rate(self, rate: int, seconds: int) -> dict[int, float]:
        began, sent = time.monotonic(), {}
        for number in range(rate * seconds):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            ordinal, at = self.come()
            sent[ordinal] = at
        return sent


def logged_in(server: Server) -> str:
    credentials = {"email": ADMIN, "password": people.password(SETTINGS["SECRET_KEY"])}
    status, answer, _ = server.post("/api/auth/login", credentials)
    assert status == 200, answer
    token: str = json.loads(answer)["access_token"]
    return token


def opened(stack: ExitStack, server: Server, token: str, number: int) -> list[Page]:
    pages = [stack.enter_context(Page(server.port, token)) for _ in range(number)]
    wait_until(lambda: all(page.has(1) for page in pages), "the pages are open")
    time.sleep(2)
    for page in pages:
        page.first_bytes = page.bytes
    return pages


def shown_on(pages: list[Page], ordinal: int) -> bool:
    return all(page.has(ordinal) for page in pages)


def late(sent: dict[int, float], shown: list[tuple[int, float]]) -> Times:
    """Delays in s between sending a visit and showing it."""
    return [next(at for ordinal, at in shown if ordinal >= number) - began for number, began in sent.items()]


def p95(times: Times) -> float:
    return quantiles(times, n=20)[-1]


@contextmanager
def full_site(folder: Path) -> Iterator[Server]:
    """A server as deployed, with the demo's history, one worker and no further activity."""
    settings = settings_on(SqliteDatabase(folder / "koyjabo.db"))
    settings |= {"ADMIN_EMAIL": ADMIN, "ADMIN_PASSWORD": people.password(SETTINGS["SECRET_KEY"])}
    development = {**settings, "ENVIRONMENT": "development"}
    with Server(THIS.server, development, machine.all_cores(), folder) as server:
        fill(server, development)
    with Server(THIS.server, settings, machine.all_cores(), folder) as server:
        yield server


def stats(server: Server) -> dict[str, Any]:
    return json.loads(server.ask("GET", "/api/stats")[1])


def fill(server: Server, env: dict[str, str]) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "demo", "--url", f"http://localhost:{server.port}", "--people", str(CROWD)],
        cwd=ROOT,
        env={**os.environ, **env, "PYTHONPATH": "tools"},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: stats(server)["activeUsers"] >= ENOUGH, "the demo brings visitors", PATIENCE_S, 1)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(30)


if __name__ == "__main__":
    main()
