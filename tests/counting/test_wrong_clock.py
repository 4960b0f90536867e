"""A machine whose clock starts in 1970, with a database of newer visits."""

import logging

from support.application.site import Site, Time

DAY = "2026-03-01"


def test_visits_are_filed_at_the_newest_commits_time_while_the_clock_is_wrong(sqlite_database, caplog):
    caplog.set_level(logging.WARNING, "koyjabo")
    with Site(sqlite_database.url, Time.at(f"{DAY}T10:00:00+06:00")) as site:
        site.register("ayesha")
        newest_ms = site.rows("SELECT revision FROM counters WHERE scope = 'site'")[0][0]
    with Site(sqlite_database.url, Time.at("1970-01-01T06:00:05+06:00")) as site:
        for number in range(3):
            site.register(f"visitor{number}", page="/")
        assert site.rows("SELECT DISTINCT day, at_ms FROM visits WHERE ordinal > 1") == [(DAY, newest_ms)]
        assert site.stats()["todayVisits"] == 4
        (warning,) = site.client.get("/readyz").json["warnings"]
        assert "clock" in warning
        site.time.ms = newest_ms + 86_400_000
        site.register("later")
        assert site.rows("SELECT max(day) FROM visits") == [("2026-03-02",)]
        assert "warnings" not in site.client.get("/readyz").json
    assert [record.msg.split()[0] for record in caplog.records if "clock" in record.msg] == ["clock_wrong"]


def test_a_clock_that_is_less_than_a_day_behind_is_believed(sqlite_database):
    with Site(sqlite_database.url, Time.at(f"{DAY}T10:00:00+06:00")) as site:
        site.register("ayesha")
    with Site(sqlite_database.url, Time.at("2026-02-28T23:00:00+06:00")) as site:
        site.register("later")
        assert site.rows("SELECT min(day) FROM visits") == [("2026-02-28",)]
        assert "warnings" not in site.client.get("/readyz").json
