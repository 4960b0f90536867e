"""A worker's memory does not grow with the visits it has served."""

from __future__ import annotations

import pytest
from support.changed_server import changed_server
from support.crowd import Crowd
from support.line import Line

VISITORS = 50
MOST_GROWTH_BYTES = 512
"""For each visit: less than a visit that is kept takes. Caches are full after the warm-up."""


def test_worker_keeps_nothing_of_a_visit(tmp_path):
    """By what Python has allocated: the machine's other programs do not change it."""
    with changed_server(tmp_path) as server, Line(server.port) as line:
        server.resident()  # nothing is loaded any more
        server.allocated()
        register(line, range(600))
        before = server.allocated()
        register(line, range(600, 1600))
        assert (server.allocated() - before) / 1000 < MOST_GROWTH_BYTES


def register(line: Line, numbers: range) -> None:
    for number in numbers:
        assert line.send_visit(f"visitor-{number % VISITORS}", str(number)).answer().status == 200


@pytest.mark.honest_start
@pytest.mark.long(proved_by="server/process/test_memory.py::test_worker_keeps_nothing_of_a_visit")
def test_worker_does_not_grow_with_the_visits_it_serves(sqlite_database, new_server):
    """Nor does what SQLite and other libraries allocate."""
    server = new_server(sqlite_database).start()
    after_warm_up = resident_after(server, 2000, seed=1)
    assert (resident_after(server, 4000, seed=2) - after_warm_up) / 4000 < MOST_GROWTH_BYTES


def resident_after(server, visits: int, seed: int) -> int:
    """Bytes of the worker."""
    with Crowd([server], visits, clients=8, retries=0, seed=seed):
        pass
    (worker,) = server.workers()
    return worker.memory_info().rss
