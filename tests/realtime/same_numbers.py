"""Waits until all pages and workers show the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.clients.worker_connections import Page, WorkerConnection, flat
from support.programs.processes import wait_until
from support.servers.api_client import Stats


def numbers(shown: Stats) -> tuple[str, int, int, int, Any]:
    return shown.epoch, shown.total, shown.active, shown.unique, shown.locations


def wait_until_same(
    open_pages: list[Page],
    worker_connections: list[WorkerConnection],
    timeout_s: float,
    condition: Callable[[Stats], bool],
) -> None:
    """Wait until all pages and workers show the same numbers, and `condition` is true for them."""

    def same() -> bool:
        everywhere = [page.updates[-1] for page in open_pages] + [
            connection.stats() for connection in worker_connections
        ]
        return all(map(condition, everywhere)) and all(numbers(stats) == numbers(everywhere[0]) for stats in everywhere)

    wait_until(same, "all show the same", timeout_s)


def visit_each_in_turn(
    each_worker: list[WorkerConnection], open_pages: list[list[Page]], visits: int, name: str
) -> int:
    """Register visits on each worker in turn. All pages see the last one. Returns the total."""
    for number in range(visits):
        which = number % 2
        receipt = each_worker[which].register(f"{name}-{number}")
        for page in open_pages[which]:
            page.wait_for(lambda stats, receipt=receipt: stats.total >= receipt.ordinal, "own visit")
        assert each_worker[1 - which].stats().total >= receipt.ordinal
    for page in flat(open_pages):
        page.wait_for(lambda stats: stats.total == receipt.ordinal, "the other's visit")
    return receipt.ordinal
