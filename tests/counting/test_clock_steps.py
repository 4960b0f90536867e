"""The clock of a machine is put forward, and put right again: workers go on believing each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.changed_server import ChangedServer
from support.databases import SqliteDatabase
from support.dials import Dial
from support.workers import assert_heard_at_once, assert_never_fell, desks, flat, pages, two_workers

pytestmark = pytest.mark.waits

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def clock(tmp_path_factory) -> Dial:
    return Dial(tmp_path_factory.mktemp("clock") / "ahead")


@pytest.fixture(scope="module")
def server(tmp_path_factory, clock, redis) -> Iterator[ChangedServer]:
    folder = tmp_path_factory.mktemp("server")
    database = SqliteDatabase(folder / "koyjabo.db")
    made = ChangedServer(database, folder, CHANGES="{}", CLOCK=clock.path, REDIS_URL=redis.url)
    yield two_workers(made)
    made.kill()


def test_visits_are_told_at_once_after_the_clock_was_a_day_ahead(server, clock):
    with desks(server) as each_worker, pages(server) as open_pages:
        for ahead_ms in (DAY_MS, 0):
            clock.set(ahead_ms)
            assert_heard_at_once(each_worker, flat(open_pages), visits=6)
        for page in flat(open_pages):
            assert_never_fell(page)
    assert "Traceback" not in server.log
