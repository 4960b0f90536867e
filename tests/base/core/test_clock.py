"""The days and hours that visits are counted in."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.models.people_model import DAY_S, changes, local_hour
from support.runs.fuzz_effort import effort

from koyjabo.base.core.clock import Clock, iso, system_now_ms

ZONES = sorted(available_timezones() - {"Factory", "localtime"})
moments = st.integers(946_684_800_000, 2_208_988_800_000)  # ms, 2000 to 2040


def ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def bucket(zone: str, moment: str) -> tuple[str, str]:
    """The day, and the local time when the hour began."""
    day, hour_s = Clock(ZoneInfo(zone)).bucket(ms(moment))
    return day, datetime.fromtimestamp(hour_s, ZoneInfo(zone)).isoformat()


@effort(600)
@given(zone=st.sampled_from(ZONES), at_ms=moments)
@example(zone="Australia/Lord_Howe", at_ms=ms("2026-04-05T01:45:00+10:30"))
@example(zone="Australia/Lord_Howe", at_ms=ms("2025-10-05T02:30:00+11:00"))
@example(zone="Asia/Kathmandu", at_ms=ms("2026-01-01T00:00:00+05:45") - 1)
def test_bucket_is_what_the_offset_in_force_makes_it(zone, at_ms):
    assert Clock(ZoneInfo(zone)).bucket(at_ms) == local_hour(at_ms, ZoneInfo(zone))


@effort(20)
@given(zone=st.sampled_from(ZONES), start=moments, steps=st.lists(st.integers(0, 900_000), min_size=100, max_size=100))
def test_a_clock_in_use_for_long_answers_like_a_new_one(zone, start, steps):
    clock = Clock(ZoneInfo(zone))
    for number, step in enumerate(steps):
        at_ms = start + number * 20 * 3_600_000 + step  # further apart than what the clock caches
        for _ in range(2):
            assert clock.bucket(at_ms) == local_hour(at_ms, ZoneInfo(zone))


HOURS = [
    ("Asia/Dhaka", "2025-12-16T18:30:00+00:00", "2025-12-17", "2025-12-17T00:00:00+06:00"),
    ("Asia/Kathmandu", "2025-12-31T18:14:59.999+00:00", "2025-12-31", "2025-12-31T23:00:00+05:45"),
    ("Asia/Kathmandu", "2025-12-31T18:15:00+00:00", "2026-01-01", "2026-01-01T00:00:00+05:45"),
    ("Asia/Kolkata", "2026-01-01T10:29:59+05:30", "2026-01-01", "2026-01-01T10:00:00+05:30"),
    # the repeated hour counts as two hours, and the hour after the missing one starts at its usual time
    ("America/New_York", "2026-11-01T01:59:59.999-04:00", "2026-11-01", "2026-11-01T01:00:00-04:00"),
    ("America/New_York", "2026-11-01T01:59:59.999-05:00", "2026-11-01", "2026-11-01T01:00:00-05:00"),
    ("America/New_York", "2026-03-08T01:59:59.999-05:00", "2026-03-08", "2026-03-08T01:00:00-05:00"),
    ("America/New_York", "2026-03-08T03:00:00-04:00", "2026-03-08", "2026-03-08T03:00:00-04:00"),
    # 02:00 becomes 01:30 there
    ("Australia/Lord_Howe", "2026-04-05T01:59:59.999+11:00", "2026-04-05", "2026-04-05T01:00:00+11:00"),
    ("Australia/Lord_Howe", "2026-04-05T01:45:00+10:30", "2026-04-05", "2026-04-05T01:30:00+10:30"),
    ("Australia/Lord_Howe", "2026-04-05T02:00:00+10:30", "2026-04-05", "2026-04-05T02:00:00+10:30"),
    # 03:45 becomes 02:45 there in April, and 02:45 becomes 03:45 in September
    ("Pacific/Chatham", "2026-04-05T02:50:00+12:45", "2026-04-05", "2026-04-05T02:45:00+12:45"),
    ("Pacific/Chatham", "2026-09-27T03:50:00+13:45", "2026-09-27", "2026-09-27T03:45:00+13:45"),
    # 00:01 became 23:01 there
    ("America/St_Johns", "2006-10-29T00:00:59-02:30", "2006-10-29", "2006-10-29T00:00:00-02:30"),
    ("America/St_Johns", "2006-10-28T23:01:00-03:30", "2006-10-28", "2006-10-28T23:01:00-03:30"),
    # midnight itself is missing in Beirut, and occurs twice in Havana
    ("Asia/Beirut", "2026-03-28T23:59:59.999+02:00", "2026-03-28", "2026-03-28T23:00:00+02:00"),
    ("Asia/Beirut", "2026-03-29T01:00:00+03:00", "2026-03-29", "2026-03-29T01:00:00+03:00"),
    ("America/Havana", "2026-11-01T00:30:00-05:00", "2026-11-01", "2026-11-01T00:00:00-05:00"),
]


def test_hours_and_days_begin_by_the_local_clock():
    assert [(zone, moment, *bucket(zone, moment)) for zone, moment, _, _ in HOURS] == HOURS
    clock = Clock(ZoneInfo("Asia/Dhaka"), now_ms=lambda: ms("2025-12-16T23:59:59.999+06:00"))
    assert clock.today() == "2025-12-16"


FIRST_YEAR, LAST_YEAR = 1985, 2030
STRANGE = ("Africa/Casablanca", "America/St_Johns", "Antarctica/Troll", "Asia/Dhaka", "Australia/Lord_Howe")
PROVED_BY = "base/core/test_clock.py::test_hours_around_each_change_of_the_clock_are_what_the_zone_shows"


def assert_hours_around(zone: str, change_s: int) -> None:
    """Compare the buckets of one clock with the local time, and the hours of both days with their buckets."""
    clock = Clock(ZoneInfo(zone))
    for at_s in (*range(change_s - 7200, change_s + 7200, 300), change_s - 1, change_s):
        assert clock.bucket(at_s * 1000) == local_hour(at_s * 1000, ZoneInfo(zone)), (zone, at_s)
    near = (*range(change_s - 2 * DAY_S, change_s + 2 * DAY_S, 900), change_s - 1)
    buckets = {clock.bucket(at_s * 1000) for at_s in near}
    for day in {clock.bucket(at_s * 1000).day for at_s in (change_s - 1, change_s)}:
        hours = sorted(bucket.hour_s for bucket in buckets if bucket.day == day)
        assert clock.hours(day, day) == hours, (zone, day)


@pytest.mark.parametrize("zone", ["Pacific/Chatham", *STRANGE])
def test_hours_around_each_change_of_the_clock_are_what_the_zone_shows(zone):
    all_changes = [*changes(ZoneInfo(zone), 2005, 2011), *changes(ZoneInfo(zone), 2026, 2027)]
    assert all_changes
    for change_s in all_changes:
        assert_hours_around(zone, change_s)


@pytest.mark.long(proved_by=PROVED_BY)
def test_hours_around_the_changes_of_all_zones_are_what_the_zone_shows():
    seen: set[tuple[int, str, str]] = set()
    for zone in ZONES:
        for change_s in changes(ZoneInfo(zone), FIRST_YEAR, LAST_YEAR):
            before, after = (Clock(ZoneInfo(zone)).local(at_s) for at_s in (change_s - 1, change_s))
            if (change_s, before, after) not in seen:
                seen.add((change_s, before, after))
                assert_hours_around(zone, change_s)
    assert len(seen) > 1000


def test_time_is_the_systems_by_default_and_written_in_utc_with_milliseconds():
    assert iso(1_765_860_518_412) == "2025-12-16T04:48:38.412Z"
    assert iso(1_765_860_518_002) == "2025-12-16T04:48:38.002Z"
    before = datetime.now(UTC).timestamp() * 1000 - 1
    assert before <= system_now_ms() <= datetime.now(UTC).timestamp() * 1000 + 1
    assert Clock(ZoneInfo("UTC")).now_ms is system_now_ms
