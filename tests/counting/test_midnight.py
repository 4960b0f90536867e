"""`todayVisits` resets at midnight in TIMEZONE by itself. A clock that was moved forward does no lasting harm."""

import json
import sqlite3

import pytest
from support.application.site import Site
from support.clients.worker_connections import (
    assert_never_fell,
    assert_received,
    flat,
    pages,
    two_workers,
    worker_connections,
)
from support.databases.database import SqliteDatabase
from support.faults.shared_numbers import SharedNumber
from support.servers.changed_server import ChangedServer

from koyjabo.counting.ledger_sqlite import SqliteStore

DAYS = [  # (zone, first moment of a day, last moment)
    ("Asia/Dhaka", "2025-12-16T00:00:00+06:00", "2025-12-16T23:59:59.999+06:00"),
    ("Asia/Kathmandu", "2025-12-31T00:00:00+05:45", "2025-12-31T23:59:59.999+05:45"),
    ("America/New_York", "2026-03-08T00:00:00-05:00", "2026-03-08T23:59:59.999-04:00"),
    ("America/New_York", "2026-11-01T00:00:00-04:00", "2026-11-01T23:59:59.999-05:00"),
    ("Australia/Lord_Howe", "2025-10-05T00:00:00+10:30", "2025-10-05T23:59:59.999+11:00"),
    ("Australia/Lord_Howe", "2026-04-05T00:00:00+11:00", "2026-04-05T23:59:59.999+10:30"),
    ("Asia/Beirut", "2026-03-29T01:00:00+03:00", "2026-03-29T23:59:59.999+03:00"),
]


@pytest.mark.parametrize(("zone", "first", "last"), DAYS, ids=[f"{zone} {first[:10]}" for zone, first, _ in DAYS])
def test_midnight_starts_a_new_revision_without_a_write(sqlite_database, zone, first, last):
    with Site(sqlite_database.url, TIMEZONE=zone, ACTIVE_WINDOW_SECONDS=86400) as site:
        site.time.go_to(first)
        site.time.ms -= 1
        assert site.register("of_yesterday").stats["todayVisits"] == 1
        site.time.ms += 1
        assert site.stats()["todayVisits"] == 0
        assert site.register("early").stats["todayVisits"] == 1
        site.time.go_to(last)
        assert site.register("late").stats["todayVisits"] == 2
        before, stored = site.client.get("/api/stats"), site.contents()
        site.time.ms += 1
        after = site.client.get("/api/stats", headers={"If-None-Match": before.headers["ETag"]})
        assert (after.status_code, after.json["todayVisits"]) == (200, 0)
        assert after.json["revision"] > before.json["revision"]
        for name in ("totalVisitors", "uniqueVisitors", "epoch"):
            assert after.json[name] == before.json[name]
        assert site.contents() == stored
        assert site.rows("SELECT day, visits FROM daily_visits ORDER BY day")[1] == (first[:10], 2)


def test_today_is_empty_after_midnight_even_while_the_database_is_away(sqlite_database, monkeypatch):
    def locked(*_):
        raise sqlite3.OperationalError("database is locked")

    with Site(sqlite_database.url) as site:
        site.time.go_to("2025-12-16T23:59:59.999+06:00")
        assert site.register().stats["todayVisits"] == 1
        with monkeypatch.context() as away:
            away.setattr(SqliteStore, "snapshot", locked)
            site.time.ms += 1
            answer = site.client.get("/api/stats")
        stats = answer.json
        assert (stats["stale"], stats["todayVisits"], stats["totalVisits"]) == (True, 0, 1)
        fresh = site.client.get("/api/stats", headers={"If-None-Match": answer.headers["ETag"]})
        assert (fresh.status_code, "stale" in fresh.json) == (200, False)


DAY_MS = 86_400_000
WITHOUT_PULSES = {"koyjabo.base.cluster.base.TICK_S": 3600, "koyjabo.base.cluster.redis_client.REDIS_PATIENCE_S": 60}
"""Slows the pulse, which reads the counter every second, so that a worker learns of the other's visits only from
Redis, which may be late.
"""


def test_visits_are_pushed_at_once_after_the_clock_was_a_day_ahead(tmp_path, redis):
    clock, database = SharedNumber(tmp_path / "ahead"), SqliteDatabase(tmp_path / "koyjabo.db")
    made = ChangedServer(database, tmp_path, CHANGES=json.dumps(WITHOUT_PULSES), CLOCK=clock.path, REDIS_URL=redis.url)
    try:
        server = two_workers(made)
        with worker_connections(server) as each_worker, pages(server) as open_pages:
            for ahead_ms in (DAY_MS, 0):
                clock.set(ahead_ms)
                assert_received(each_worker, flat(open_pages), visits=6)
            for page in flat(open_pages):
                assert_never_fell(page)
        assert "Traceback" not in server.log
    finally:
        made.kill()
