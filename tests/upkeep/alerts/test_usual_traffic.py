"""Usual traffic, compared with a plain recount of every visit; window edges, and days that do not have 24 hours."""

from collections import Counter
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st
from support.application.site import Time

from koyjabo.base.core.clock import Clock
from koyjabo.upkeep.alerts import alerts
from koyjabo.upkeep.alerts.alerts import DROP_WINDOWS, SPIKE_WINDOWS, Usual, Window, is_drop, is_spike, same_hours

WINDOW_S = 300
NEAR_S = 3 * 3600
ZONES = ("Asia/Dhaka", "Europe/Berlin", "America/St_Johns", "UTC")
NO_TIME = Time(0)


def clock_in(zone: str) -> Clock:
    return Clock(ZoneInfo(zone), NO_TIME, NO_TIME.elapsed_ms)


def ms(moment: str, zone: str = "UTC") -> int:
    return 1000 * int(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone)).timestamp())


def local(at_s: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at_s, ZoneInfo(zone))


def counted_again(visits: Counter[int], now_s: int, zone: str) -> dict[int, int]:
    """Visits in each window of this weekday and hour, counted by checking every nearby window in each week."""
    at, windows = local(now_s, zone), {}
    for week in range(1, 7):
        middle = (now_s // WINDOW_S - week * 7 * 288) * WINDOW_S
        for window in range(middle - NEAR_S, middle + NEAR_S, WINDOW_S):
            then = local(window, zone)
            if (at.date() - then.date()).days == 7 * week and then.hour == at.hour:
                windows[window * 1000] = sum(visits[second] for second in range(window, window + WINDOW_S))
    return windows


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(ms("2025-01-01T00:00") // 1000, ms("2026-12-31T00:00") // 1000),
    st.integers(1, 2000),
    st.randoms(),
)
def test_usual_is_the_median_of_windows_in_that_weekday_and_hour(zone, now_s, most, chance):
    weeks = [now_s - week * 7 * 86400 for week in range(1, 7)]
    visits = Counter(chance.choice(weeks) + chance.randint(-NEAR_S, NEAR_S) for _ in range(most))
    counts: Counter[int] = Counter()
    for visit, times in visits.items():
        counts[visit // WINDOW_S * WINDOW_S * 1000] += times
    hours, expected = same_hours(clock_in(zone), now_s * 1000), counted_again(visits, now_s, zone)
    assert {window for hour in hours for window in range(hour, hour + 3_600_000, WINDOW_S * 1000)} == expected.keys()
    middle = median(expected.values())
    usual = alerts.usual_at(counts, hours)
    assert usual == Usual(middle, median(abs(value - middle) for value in expected.values()))


def test_missing_hours_have_no_windows_and_repeated_hours_have_two():
    zone = "Europe/Berlin"
    starts = [same_hours(clock_in(zone), ms(moment, zone)) for moment in ("2025-04-06T02:30", "2025-11-02T02:30")]
    spring, autumn = ([local(hour // 1000, zone).isoformat()[5:16] for hour in hours] for hours in starts)
    assert spring == ["03-23T02:00", "03-16T02:00", "03-09T02:00", "03-02T02:00", "02-23T02:00"]
    assert autumn[:3] == ["10-26T02:00", "10-26T02:00", "10-19T02:00"]
    assert len(autumn) == 7


USUAL = Usual(20, 5)  # three times the median is 60, and the median plus six deviations is 50


def windows(*counts: int, usual: Usual = USUAL) -> list[Window]:
    return [Window(number, count, usual) for number, count in enumerate(counts)]


@pytest.mark.parametrize(
    ("counts", "usual", "spikes"),
    [
        ((60, 60), USUAL, True),
        ((59, 60), USUAL, False),
        ((60, 59), USUAL, False),
        ((60,), USUAL, False),
        ((0, 60, 60), USUAL, True),
        ((60, 60, 0), USUAL, False),
        ((50, 50), Usual(0, 0), True),
        ((49, 50), Usual(0, 0), False),
        ((80, 80), Usual(20, 10), False),  # not more than the median plus six deviations
        ((81, 81), Usual(20, 10), True),
    ],
)
def test_spike_needs_two_windows_far_above_the_median(counts, usual, spikes):
    assert is_spike(windows(*counts, usual=usual)) is spikes
    assert SPIKE_WINDOWS == 2


@pytest.mark.parametrize(
    ("counts", "middle", "drops"),
    [
        ((10,) * 6, 50, True),
        ((10, 10, 11, 10, 10, 10), 50, False),
        ((11, 10, 10, 10, 10, 10, 10), 50, True),
        ((10,) * 5, 50, False),
        ((0,) * 6, 49, False),
        ((0,) * 6, 50, True),
    ],
)
def test_drop_is_half_an_hour_far_below_a_median_of_at_least_50(counts, middle, drops):
    assert is_drop(windows(*counts, usual=Usual(middle, 0))) is drops
    assert timedelta(minutes=30) // timedelta(milliseconds=1) == DROP_WINDOWS * alerts.WINDOW_MS
