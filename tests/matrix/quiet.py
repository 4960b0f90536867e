"""The last thing that a cell of a serving server asserts: it is quiet while the distortion goes on."""

from __future__ import annotations

import time

from support.servers.server import Server

from matrix.table import Cell

QUIET_S, REST_S = 15, 5
MAX_LINES = 2
"""How many lines each worker may log in QUIET_S."""

CPU_FACTOR, CPU_SLACK = 1.5, 0.02
"""How much of the CPU of a server at rest it may take, and how many cores more."""


def cores(server: Server, seconds: float) -> float:
    """The CPU time of the workers in the next seconds, per second."""

    def used() -> float:
        return sum(sum(worker.cpu_times()[:2]) for worker in server.workers())

    before = used()
    time.sleep(seconds)
    return (used() - before) / seconds


def assert_quiet(cell: Cell, server: Server, rest: float) -> None:
    """Assert that a distortion which has been answered costs nothing more, and that `/readyz` reports it."""
    known, workers = len(server.log.splitlines()), len(server.workers())
    busy = cores(server, QUIET_S)
    lines = server.log.splitlines()[known:]
    assert len(lines) <= MAX_LINES * workers, lines
    assert busy <= CPU_FACTOR * rest + CPU_SLACK, (busy, rest)
    if cell.loud:
        return
    answer = server.get("/readyz")
    if cell.outcome in ("waits", "goes without"):
        assert answer.status_code == 503 or "warnings" in answer.json(), answer.text
    else:
        assert answer.status_code == 200, answer.text
