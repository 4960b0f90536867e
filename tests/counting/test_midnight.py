"""The day of a visit: midnight in TIMEZONE, and clocks that are wrong."""

import logging
import sqlite3

import pytest
from support.application.site import Site, Time

from koyjabo.counting.clock_watch import ClockWatch
from koyjabo.counting.ledger_sqlite import SqliteStore

DAY = "2026-03-01"
DAYS = [  # (zone, first moment of a day, last moment)
    ("Asia/Dhaka", "2025-12-16T00:00:00+06:00", "2025-12-16T23:59:59.999+06:00"),
    ("America/New_York", "2026-03-08T00:00:00-05:00", "2026-03-08T23:59:59.999-04:00"),
    ("Australia/Lord_Howe", "2026-04-05T00:00:00+11:00", "2026-04-05T23:59:59.999+10:30"),
    ("Asia/Beirut", "2026-03-29T01:00:00+03:00", "2026-03-29T23:59:59.999+03:00"),
]


@pytest.mark.parametrize(("zone", "first", "last"), DAYS, ids=[f"{zone} {first[:10]}" for zone, first, _ in DAYS])
def test_a_new_day_begins_with_a_new_revision_without_a_write(sqlite_database, zone, first, last):
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


def test_the_visits_of_today_are_0_after_midnight_even_while_the_database_is_away(sqlite_database, monkeypatch):
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


def test_the_time_continues_from_the_newest_visit_while_the_clock_is_behind(sqlite_database, caplog):
    caplog.set_level(logging.WARNING, "koyjabo")
    with Site(sqlite_database.url, Time.at(f"{DAY}T10:00:00+06:00")) as site:
        site.register("ayesha")
        newest_ms = site.rows("SELECT at_ms FROM visits")[0][0]
    with Site(sqlite_database.url, Time.at("1970-01-01T06:00:05+06:00")) as site:
        for number in range(3):
            site.time.pass_(seconds=1)
            site.register(f"visitor{number}", page="/")
        times = site.rows("SELECT day, at_ms FROM visits WHERE ordinal > 1 ORDER BY id")
        assert times == [(DAY, newest_ms + 1000 * second) for second in (1, 2, 3)]
        assert site.stats()["todayVisits"] == 4
        (warning,) = site.client.get("/readyz").json["warnings"]
        assert "The clock of this machine shows 1970-01-01T00:00:05" in warning
        assert "2026-03-01T04:00:00" in warning
        site.time.ms = newest_ms + 86_400_000
        site.register("later")
        assert site.rows("SELECT max(day) FROM visits") == [("2026-03-02",)]
        site.services[ClockWatch].tick()
        assert "warnings" not in site.client.get("/readyz").json
    logged = [record.msg.split()[0] for record in caplog.records if "clock" in record.msg]
    assert logged == ["clock_doubted", "clock_mended"]


def test_a_clock_less_than_a_day_behind_is_trusted(sqlite_database):
    with Site(sqlite_database.url, Time.at(f"{DAY}T10:00:00+06:00")) as site:
        site.register("ayesha")
    with Site(sqlite_database.url, Time.at("2026-02-28T23:00:00+06:00")) as site:
        site.register("later")
        assert site.rows("SELECT min(day) FROM visits") == [("2026-02-28",)]
        assert "warnings" not in site.client.get("/readyz").json
