"""A worker's memory does not grow with the visits it has served."""

from __future__ import annotations

from itertools import pairwise

import pytest
from support.changed_server import changed_server
from support.crowd import Crowd
from support.line import Line

VISITORS, ROUND = 50, 1500
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
def test_worker_does_not_grow_with_the_visits_it_serves(tmp_path):
    """Nor does what SQLite and other libraries allocate. What is allocated once is in one round, a leak in each."""
    with changed_server(tmp_path) as server:
        resident = []
        for seed in range(4):
            with Crowd([server], ROUND, clients=8, retries=0, seed=seed):
                pass
            resident.append(server.resident())
    assert min(later - earlier for earlier, later in pairwise(resident)) / ROUND < MOST_GROWTH_BYTES
