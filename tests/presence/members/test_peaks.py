"""The most people who were online at once (koyjabo.peaks), on both databases."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import make_url
from support.app_fixtures import Site, Time
from support.processes import wait_until

from koyjabo.clock import Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import Scope
from koyjabo.presence.members.peaks import Peaks
from koyjabo.runtime import ThreadRuntime

HIKERS, RIDERS = Scope("hikers"), Scope("riders")
NOW_ONLINE = {HIKERS: 4, RIDERS: 3}


@pytest.fixture
def time() -> Time:
    time = Time()
    time.go_to("2025-12-16T12:00:00+06:00")
    return time


@pytest.fixture
def site(database, time):
    with Site(database.url, time) as site:
        yield site


@pytest.fixture
def new_peaks(site, time):
    """Make one for each server."""
    runtime, databases = ThreadRuntime(), []

    def new() -> Peaks:
        databases.append(DatabaseExecutor(make_url(site.app.config["SQLALCHEMY_DATABASE_URI"]), runtime))
        clock = Clock(ZoneInfo("Asia/Dhaka"), time, time.elapsed_ms)
        return Peaks(databases[-1], clock, runtime, lambda scope: NOW_ONLINE[scope])

    yield new
    for database in databases:
        database.close()


def of(peaks: Peaks, scope: Scope = HIKERS) -> tuple[int, int, int]:
    found = peaks.get(scope)
    assert list(found) == ["day", "week", "month"]
    return found["day"], found["week"], found["month"]


def test_there_is_no_peak_at_first(new_peaks):
    assert of(new_peaks()) == (0, 0, 0)


@pytest.mark.both_kinds
@pytest.mark.parametrize("is_written", [True, False])
def test_greatest_of_the_day_counts(new_peaks, is_written):
    peaks = new_peaks()
    for count in (3, 7, 5, 0):
        peaks.record(HIKERS, count)
        if is_written:
            peaks.write()
    assert of(peaks) == (7, 7, 7)
    assert of(peaks, RIDERS) == (0, 0, 0)


def test_peaks_outlive_the_server(new_peaks, site):
    first = new_peaks()
    first.record(HIKERS, 7)
    first.record(RIDERS, 2)
    first.write()
    second = new_peaks()
    second.record(HIKERS, 4)
    second.write()
    assert (of(second), of(second, RIDERS)) == ((7, 7, 7), (2, 2, 2))
    assert sorted(site.rows("SELECT scope, day, people FROM peaks")) == [
        ("hikers", "2025-12-16", 7),
        ("riders", "2025-12-16", 2),
    ]


@pytest.mark.both_kinds
def test_day_week_and_month_are_of_local_days_and_contain_today(new_peaks, time):
    peaks = new_peaks()
    for days, count in ((0, 50), (1, 40), (23, 30), (1, 20), (5, 10)):
        time.pass_(days=days)
        peaks.record(HIKERS, count)
        peaks.record(HIKERS, 0)
        peaks.write()
    # today 10, 5 days ago 20, 6 days ago 30, 29 days ago 40, 30 days ago 50
    assert of(peaks) == (10, 30, 40)
    time.pass_(days=1)
    assert of(peaks) == (0, 20, 30)


@pytest.mark.parametrize("looks", [lambda each: each.refresh(), lambda each: of(each)])
def test_those_who_are_here_at_midnight_are_the_first_peak_of_the_new_day(new_peaks, time, looks):
    peaks = new_peaks()
    for count in (9, 5):  # and another worker said 4 since then
        peaks.record(HIKERS, count)
    for count in (3, 0):
        peaks.record(RIDERS, count)
    time.go_to("2025-12-16T23:59:59.999+06:00")
    looks(peaks)
    assert of(peaks)[0] == 9
    time.pass_(milliseconds=1)
    looks(peaks)
    assert (of(peaks), of(peaks, RIDERS)) == ((4, 9, 9), (0, 3, 3))


def test_pulse_writes_what_is_new_and_nothing_else(new_peaks, site, time):
    peaks = new_peaks()
    peaks.record(HIKERS, 5)
    peaks.refresh()
    wait_until(lambda: site.rows("SELECT people FROM peaks") == [(5,)], "the peak is written")
    wait_until(lambda: not peaks._is_writing, "the task is over")
    site.rows("DELETE FROM peaks")
    for count in (4, 5, 2):
        peaks.record(HIKERS, count)
        peaks.write()
    assert site.rows("SELECT * FROM peaks") == []
    time.pass_(seconds=1)
    peaks.record(HIKERS, 6)
    peaks.write()
    assert site.rows("SELECT people, at_ms FROM peaks") == [(6, time.ms)]


@pytest.mark.both_kinds
def test_storm_is_written_once(new_peaks, site):
    peaks = new_peaks()
    written = []
    write = peaks._database.write
    peaks._database.write = lambda *said, **named: (written.append(said), write(*said, **named))
    for count in range(1, 1001):
        peaks.record(HIKERS, count)
        peaks.record(RIDERS, count)
    peaks.write()
    assert len(written) == 1
    assert sorted(site.rows("SELECT scope, people FROM peaks")) == [("hikers", 1000), ("riders", 1000)]


def test_moment_of_the_peak_is_that_of_the_first_time(new_peaks, site, time):
    first, second = new_peaks(), new_peaks()
    first.record(HIKERS, 5)
    first.write()
    began_ms = time.ms
    time.pass_(seconds=1)
    second.record(HIKERS, 5)
    second.write()
    assert site.rows("SELECT people, at_ms FROM peaks") == [(5, began_ms)]


@pytest.mark.both_kinds
def test_peak_waits_for_a_database_that_is_away(new_peaks):
    peaks = new_peaks()
    away = make_url("postgresql+psycopg2://127.0.0.1:1/nobody")
    there, peaks._database = peaks._database, DatabaseExecutor(away, ThreadRuntime())
    peaks.record(HIKERS, 5)
    peaks.write()
    peaks._database.close()
    peaks._database = there
    peaks.write()
    assert of(new_peaks()) == (5, 5, 5)
