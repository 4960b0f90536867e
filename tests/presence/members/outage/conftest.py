"""Fixtures for who is here while Redis fails: a Redis server that may be stopped, and two workers."""

from __future__ import annotations

import pytest
from support.member_worlds import HIKERS, LEASE_S, counts, redis_world


@pytest.fixture
def world(mortal_redis):
    with redis_world(mortal_redis) as world:
        yield world


@pytest.fixture
def two(world):
    """Ayesha is here, Babul there, and Chandra on both."""
    here, there = world.new_worker(), world.new_worker()
    here.members.connect(HIKERS, "ayesha", "1")
    there.members.connect(HIKERS, "babul", "1")
    for worker in (here, there):
        worker.members.connect(HIKERS, "chandra", "1")
    world.settle()
    world.pass_(seconds=LEASE_S)  # each has renewed its leases, and so heard who is elsewhere
    assert counts(here, there) == [3, 3]
    here.news.clear(), there.news.clear()
    return here, there
