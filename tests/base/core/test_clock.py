"""The days and hours that visits are counted in."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, strategies as st
from support.models.people_model import DAY_S, changes, local_hour
from support.runs.fuzz_effort import effort

from koyjabo.base.core.clock import Clock, iso, system_now_ms

ZONES = sorted(available_timezones() - {"Factory", "localtime"})
moments = st.integers(946_684_800_000, 2_208_988_800_000)  # ms, 2000 to 2040


def ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


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


STRANGE = ("Africa/Casablanca", "America/St_Johns", "Antarctica/Troll", "Asia/Dhaka", "Australia/Lord_Howe")


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


def test_time_is_the_systems_by_default_and_written_in_utc_with_milliseconds():
    assert iso(1_765_860_518_412) == "2025-12-16T04:48:38.412Z"
    assert iso(1_765_860_518_002) == "2025-12-16T04:48:38.002Z"
    before = datetime.now(UTC).timestamp() * 1000 - 1
    assert before <= system_now_ms() <= datetime.now(UTC).timestamp() * 1000 + 1
    assert Clock(ZoneInfo("UTC")).now_ms is system_now_ms
    assert Clock(ZoneInfo("Asia/Dhaka"), now_ms=lambda: ms("2025-12-16T23:59:59.999+06:00")).today() == "2025-12-16"
