"""A worker's memory does not grow with the visits it has served."""

from __future__ import annotations

import pytest
from support.crowd import Crowd

pytestmark = [pytest.mark.honest_start, pytest.mark.long(proved_by="observability/test_uncollected.py")]

WARM_UP = 2000
VISITS = 4000
MOST_GROWTH_KB = 2000
"""Half a KB a visit: less than one that is kept takes. What the databases' drivers cache is full after the warm-up."""


def test_worker_does_not_grow_with_the_visits_it_serves(sqlite_database, new_server):
    server = new_server(sqlite_database).start()
    after_warm_up = _resident_kb_after(server, WARM_UP, seed=1)
    assert _resident_kb_after(server, VISITS, seed=2) - after_warm_up < MOST_GROWTH_KB


def _resident_kb_after(server, visits: int, seed: int) -> int:
    with Crowd([server], visits, clients=8, retries=0, seed=seed):
        pass
    (worker,) = server.workers()
    return worker.memory_info().rss // 1024
