"""The clock of a machine is put forward, and put right again: workers go on believing each other."""

from __future__ import annotations

from support.changed_server import ChangedServer
from support.databases import SqliteDatabase
from support.dials import Dial
from support.workers import assert_heard_at_once, assert_never_fell, desks, flat, pages, two_workers

DAY_MS = 86_400_000


def test_visits_are_told_at_once_after_the_clock_was_a_day_ahead(tmp_path, redis):
    clock, database = Dial(tmp_path / "ahead"), SqliteDatabase(tmp_path / "koyjabo.db")
    made = ChangedServer(database, tmp_path, CHANGES="{}", CLOCK=clock.path, REDIS_URL=redis.url)
    try:
        server = two_workers(made)
        with desks(server) as each_worker, pages(server) as open_pages:
            for ahead_ms in (DAY_MS, 0):
                clock.set(ahead_ms)
                assert_heard_at_once(each_worker, flat(open_pages), visits=6)
            for page in flat(open_pages):
                assert_never_fell(page)
        assert "Traceback" not in server.log
    finally:
        made.kill()
