"""Fixtures for what holds of online members in memory and in Redis alike."""

from __future__ import annotations

import pytest
from support.member_worlds import MemoryWorld, redis_world


@pytest.fixture(params=["memory", "redis"])
def world(request):
    """Modules about one of the two have their own."""
    if request.param == "memory":
        yield MemoryWorld()
    else:
        with redis_world(request.getfixturevalue("redis_server")) as world:
            yield world
