"""What is usual: the visits in windows of five minutes, compared with those of the same weekday and hour of six weeks.

Windows are those of the clock. Hours are local ones of TIMEZONE: where an hour is missing on a day it has no windows,
and where it comes twice it has both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from statistics import median
from typing import NamedTuple

from koyjabo.core.clock import MINUTE_MS, Clock, shifted

WINDOW_MS = 5 * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS
WEEKS, FEWEST_WEEKS = 6, 2
"""How many weeks are compared with, and how many it takes to say anything."""

SPIKE_WINDOWS, DROP_WINDOWS = 2, 6
"""Consecutive windows: ten minutes, and half an hour."""

FEWEST = 50
"""Fewer visits in a window are no spike, and where fewer are usual there is no drop."""

SPIKE_TIMES, SPIKE_DEVIATIONS, DROP_SHARE = 3, 6, 0.2


class Usual(NamedTuple):
    median: float
    mad: float  # the median absolute deviation


class Window(NamedTuple):
    began_ms: int
    visits: int
    usual: Usual


def usual_of(counts: Sequence[int]) -> Usual:
    """Of the counts of some windows, one or more."""
    middle = float(median(counts))
    return Usual(middle, float(median(abs(count - middle) for count in counts)))


def is_spike(windows: Sequence[Window]) -> bool:
    """Whether visits came in such numbers in each of the newest SPIKE_WINDOWS; `windows` are in order."""
    newest = windows[-SPIKE_WINDOWS:]
    return len(newest) == SPIKE_WINDOWS and all(_is_high(*window[1:]) for window in newest)


def is_drop(windows: Sequence[Window]) -> bool:
    """Whether far fewer visits than usual came in each of the newest DROP_WINDOWS; `windows` are in order."""
    newest = windows[-DROP_WINDOWS:]
    return len(newest) == DROP_WINDOWS and all(_is_low(*window[1:]) for window in newest)


def _is_high(visits: int, usual: Usual) -> bool:
    far = usual.median + SPIKE_DEVIATIONS * usual.mad
    return visits >= FEWEST and visits >= SPIKE_TIMES * usual.median and visits > far


def _is_low(visits: int, usual: Usual) -> bool:
    return usual.median >= FEWEST and visits <= DROP_SHARE * usual.median


def same_hours(clock: Clock, at_ms: int, weeks: int = WEEKS) -> list[int]:
    """The beginnings, ms, of the hours of the same local weekday and hour in the weeks before a moment."""
    day, hour = _local(clock, at_ms // 1000)
    days = [shifted(day, -7 * week) for week in range(1, weeks + 1)]
    return [1000 * began_s for each in days for began_s in clock.hours(each, each) if _local(clock, began_s)[1] == hour]


def has_enough(clock: Clock, at_ms: int, first_ms: int) -> bool:
    """Whether visits since `first_ms` tell what is usual at a moment: of the day FEWEST_WEEKS before, all of them."""
    day = date.fromisoformat(shifted(_local(clock, at_ms // 1000)[0], -7 * FEWEST_WEEKS))
    return first_ms <= 1000 * clock.began_s(day.isoformat())


def usual_at(counts: Mapping[int, int], hours: Sequence[int]) -> Usual:
    """What is usual in hours that began then, ms; `counts` are visits by the beginning of their window, if any came."""
    return usual_of([counts.get(window, 0) for hour in hours for window in range(hour, hour + HOUR_MS, WINDOW_MS)])


def _local(clock: Clock, at_s: int) -> tuple[str, str]:
    """The local day and hour."""
    text = clock.local(at_s)
    return text[:10], text[11:13]
