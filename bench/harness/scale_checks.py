"""The model beside what other benchmarks have measured: how far off is it?"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from harness import scale_model as model
from harness.scale_model import Costs, Plant

EVENLY = math.inf
"""Changes of a benchmark come evenly, and more often than a room tells them."""

KINDS = ("this server, Socket.IO", "this server, plain")
STORM_VISITS, STORM_SOCKETS, WORKERS = 200, 1000, 2


@dataclass(frozen=True)
class Check:
    what: str
    predicted: float
    measured: float
    unit: str

    @property
    def error_percent(self) -> float:
        return 100 * (self.predicted / self.measured - 1)


def checks(costs: Costs, results: Path) -> list[Check]:
    push, storm, register = ((results / f"{name}.txt").read_text() for name in ("push", "storm", "register"))
    return [*_pace(push), *_costs(costs, push), *_storm(costs, storm), *_register(costs, register)]


def _pace(push: str) -> list[Check]:
    """Updates a second, by that benchmark's own CPU for a frame: the law of the rooms alone."""
    found = []
    for pages in (1000, 10_000):
        table = push.partition(f"\n{pages:,} open connections\n")[2]
        for kind in KINDS:
            predicted = model.broadcasts(pages, _cell(table, kind, 0), Plant().interval_s, EVENLY)
            measured = _cell(push.partition("GET /api/stats, 100 a second")[2], f"{kind} +{pages:,}", 0)
            found.append(
                Check(f"push: updates a second to each of {pages:,} pages, {kind[13:]}", predicted, measured, "/s")
            )
    return found


def _costs(costs: Costs, push: str) -> list[Check]:
    table = push.partition("\n10,000 open connections\n")[2]
    frame = sum(_cell(table, kind, 0) for kind in KINDS) / 2
    memory = sum(_cell(table, kind, 2) for kind in KINDS) / 2
    connect = sum(_cell(table, kind, 4) for kind in KINDS) / 2
    return [
        Check("push: CPU of a frame", costs.frame_us, frame, "µs"),
        Check("push: CPU to open a socket (there without its visitor)", costs.open_us, connect, "µs"),
        Check("push: memory of a page (there without its visitor)", costs.page_kb, memory, "KB"),
    ]


def _storm(costs: Costs, storm: str) -> list[Check]:
    pages = STORM_SOCKETS / WORKERS
    told = model.broadcasts(pages, costs.frame_us, Plant().interval_s, EVENLY)
    # Sockets stay open there: of what a visitor asks, the visit is half.
    asked = costs.messages_a_visitor / 2
    messages = WORKERS * model.at_most_every(Plant().bus_pace_s, STORM_VISITS / WORKERS * asked)
    us = STORM_VISITS * costs.visit_us + told * STORM_SOCKETS * costs.frame_us
    us += messages * costs.hear_us + WORKERS * costs.worker_us
    redis = STORM_VISITS * costs.redis_visitor_us / 2 + WORKERS * costs.redis_worker_us
    redis += messages * (costs.redis_message_us + WORKERS * costs.redis_listener_us)
    return [
        Check(
            "storm: updates a second to each socket", told, _number(storm, r"updates to each socket: ([\d.]+)"), "/s"
        ),
        Check("storm: CPU of both workers", us / 1e4, _number(storm, r"workers (\d+)"), "%"),
        Check("storm: CPU of Redis", redis / 1e4, _number(storm, r"Redis (\d+),"), "%"),
    ]


def _register(costs: Costs, register: str) -> list[Check]:
    """Alone, on one worker without Redis: what we have counts telling Redis, too."""
    alone = register.partition("\n1 connection\n")[2]
    row = "this server, PostgreSQL"
    return [
        Check("register: CPU of a visit alone (there without Redis)", costs.visit_us, _cell(alone, row, 3), "µs"),
        Check("register: PostgreSQL's CPU of it", costs.sql_commit_us + costs.sql_visit_us, _cell(alone, row, 4), "µs"),
    ]


def _cell(table: str, row: str, column: int) -> float:
    """Of the first row that begins so: the numbers after it, each without its range."""
    line = next(line for line in table.splitlines() if re.match(row, line))
    numbers = [cell for cell in re.sub(f"^{row}", "", line).split() if not re.fullmatch(r"[\d.]+-[\d.]+", cell)]
    return float(numbers[column].replace(",", ""))


def _number(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    assert found is not None, pattern
    return float(found[1])
