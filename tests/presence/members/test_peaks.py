"""The most people online at once (koyjabo.presence.members.peaks)."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import make_url
from support.application.site import Time

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import Scope
from koyjabo.base.settings.database_url import normal
from koyjabo.presence.members.peaks import Peaks

HIKERS, RIDERS = Scope("hikers"), Scope("riders")
NOW_ONLINE = {HIKERS: 4, RIDERS: 3}


@pytest.fixture
def time() -> Time:
    return Time.at("2025-12-16T12:00:00+06:00")


@pytest.fixture
def new_peaks(database, time):
    """A function that creates one `Peaks` per server."""
    runtime, databases = ThreadRuntime(), []

    def new() -> Peaks:
        databases.append(DatabaseExecutor(make_url(normal(database.url, Path())), runtime))
        clock = Clock(ZoneInfo("Asia/Dhaka"), time, time.elapsed_ms, release_ms=0)
        return Peaks(databases[-1], clock, runtime, lambda scope: NOW_ONLINE[scope])

    yield new
    for opened in databases:
        opened.close()


def of(peaks: Peaks, scope: Scope = HIKERS) -> tuple[int, int, int]:
    peak = peaks.get(scope)
    assert list(peak) == ["day", "week", "month"]
    return peak["day"], peak["week"], peak["month"]


def record(peaks: Peaks, *counts: int, scope: Scope = HIKERS) -> None:
    for count in counts:
        peaks.record(scope, count)


def stored(database, what: str = "scope, day, people") -> list[tuple]:
    return sorted(database.rows(f"SELECT {what} FROM peaks"))


def test_the_peak_is_the_highest_count_of_the_day_and_survives_a_restart(new_peaks, database, time):
    first, second = new_peaks(), new_peaks()
    assert of(first) == (0, 0, 0)
    record(first, 3, 7, 5, 0)
    assert (of(first), of(first, RIDERS)) == ((7, 7, 7), (0, 0, 0))
    record(first, 2, scope=RIDERS)
    first.write()
    reached_ms = time.ms
    time.pass_(seconds=1)
    record(second, 4, 7)  # the peak keeps the time when it was first reached
    second.write()
    assert (of(second), of(second, RIDERS)) == ((7, 7, 7), (2, 2, 2))
    assert stored(database, "scope, day, people, at_ms") == [
        ("hikers", "2025-12-16", 7, reached_ms),
        ("riders", "2025-12-16", 2, reached_ms),
    ]


def test_the_peaks_of_the_week_and_month_are_local_and_include_today(new_peaks, time):
    peaks = new_peaks()
    for days, count in ((0, 50), (1, 40), (23, 30), (1, 20), (5, 10)):
        time.pass_(days=days)
        record(peaks, count, 0)
        peaks.write()
    # today 10, 5 days ago 20, 6 days ago 30, 29 days ago 40, 30 days ago 50
    assert of(peaks) == (10, 30, 40)
    time.pass_(days=1)
    assert of(peaks) == (0, 20, 30)


@pytest.mark.parametrize("is_refreshed", [True, False])
def test_people_online_at_midnight_are_the_first_peak_of_the_new_day(new_peaks, time, is_refreshed):
    peaks = new_peaks()
    record(peaks, 9, 5)  # another worker has counted 4 since
    record(peaks, 3, 0, scope=RIDERS)
    time.go_to("2025-12-16T23:59:59.999+06:00")
    assert of(peaks)[0] == 9
    time.pass_(milliseconds=1)
    if is_refreshed:
        peaks.refresh()
    assert (of(peaks), of(peaks, RIDERS)) == ((4, 9, 9), (0, 3, 3))


def test_a_peak_is_written_once_the_database_is_back(new_peaks):
    peaks = new_peaks()
    away = make_url("postgresql+psycopg2://127.0.0.1:1/nobody")
    there, peaks._database = peaks._database, DatabaseExecutor(away, ThreadRuntime())
    record(peaks, 5)
    peaks.write()
    peaks._database.close()
    peaks._database = there
    peaks.write()
    assert of(new_peaks()) == (5, 5, 5)
