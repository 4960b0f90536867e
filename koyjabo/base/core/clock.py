"""The only source of time: milliseconds since 1970, and days and hours in TIMEZONE."""

import ctypes
import time
from bisect import bisect
from collections.abc import Callable
from datetime import UTC, date, datetime, time as time_of_day, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .days import Days
from .installation import RELEASE_DAY

MINUTE_MS = 60 * 1000
QUARTER_HOUR_S = 900
DAY_MS = 86_400_000

RELEASE_MS = int(datetime.fromisoformat(RELEASE_DAY).replace(tzinfo=UTC).timestamp()) * 1000
"""No clock that works shows a time before this version was released."""

CLOCK_CACHE_SIZE = 1000
TIMEX_BYTES, SYNCHRONISED_STATES = 512, range(5)
"""More than the size of `struct timex`, and the results of adjtimex(2) without an error, from TIME_OK to TIME_WAIT."""


MAX_CLOCK_LEAD_MS = 3_600_000
"""How far ahead another server's clock may be, ms."""


def system_now_ms() -> int:
    """Wall clock, ms since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


def system_elapsed_ms() -> int:
    """Monotonic time, ms since an arbitrary start. Corrections of the wall clock do not affect it."""
    return time.monotonic_ns() // 1_000_000


def is_synchronised() -> bool:
    """Whether the kernel says that the network sets its clock. False proves nothing: most virtual machines say so."""
    try:
        return ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)) in SYNCHRONISED_STATES
    except (AttributeError, OSError):  # not Linux
        return False


def iso(at_ms: int) -> str:
    """A timestamp in API format, `2025-12-16T04:48:38.412Z`."""
    return f"{_iso_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


@lru_cache
def _iso_second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()[:-6]


def shifted(day: str, days: int) -> str:
    """The day `days` after `day`, or before it if negative."""
    return (date.fromisoformat(day) + timedelta(days)).isoformat()


class Bucket(NamedTuple):
    """The local day, and the start of the local hour, that a moment is counted in."""

    day: str  # YYYY-MM-DD in TIMEZONE
    hour_s: int  # start of that local hour, seconds since 1970-01-01 UTC


class Clock:
    """The server's time: `now_ms` for days and records, `elapsed_ms` for durations. Tests replace both. Code that
    counts must read the time only here. `ClockWatch` calls `follow` and `go_on`.
    """

    def __init__(
        self,
        zone: ZoneInfo,
        now_ms: Callable[[], int] = system_now_ms,
        elapsed_ms: Callable[[], int] = system_elapsed_ms,
        release_ms: int = RELEASE_MS,
    ) -> None:
        self.system_ms = now_ms
        self.elapsed_ms = elapsed_ms
        self.release_ms = release_ms
        self.is_synchronised = is_synchronised
        self.zone = zone
        self.allows_removal = True
        """Whether rows and files may be changed or removed because of their age (decision 130)."""
        self.least_ms = release_ms  # an earlier time is not believed
        self._line_ms = release_ms - elapsed_ms()  # how far time that goes on is ahead of the monotonic clock
        self._buckets: dict[int, Bucket] = {}
        self._beginnings: dict[str, int] = {}

    def move_to(self, zone: ZoneInfo) -> None:
        """Change the time zone. Days and hours that were cached in the earlier one are dropped."""
        self.zone = zone
        self._buckets, self._beginnings = {}, {}  # last, so that a call that began earlier fills only the old ones

    def now_ms(self) -> int:
        """The system's time or, while its clock is not trusted, the last known time continued by the monotonic clock
        (decision 130).
        """
        now_ms = self.system_ms()
        return now_ms if now_ms >= self.least_ms else self.elapsed_ms() + self._line_ms

    def time_of(self, revision: int) -> int:
        """The time to show for a revision, ms: the revision, or the current time if a clock was ahead when the revision
        was made (decision 130).
        """
        now_ms = self.now_ms()
        return revision if revision <= now_ms + MAX_CLOCK_LEAD_MS else now_ms

    def follow(self, least_ms: int) -> None:
        """Trust the system's clock until it shows a time before `least_ms`. Time would then continue from what it shows
        now.
        """
        self.least_ms, self._line_ms = max(self.release_ms, least_ms), self.system_ms() - self.elapsed_ms()

    def go_on(self, least_ms: int, known_ms: int) -> None:
        """Continue by the monotonic clock, from `known_ms` or later, until the system's clock reaches `least_ms`."""
        self.least_ms = max(self.release_ms, least_ms)
        self._line_ms = max(self._line_ms, known_ms - self.elapsed_ms())

    def today(self) -> str:
        """The local date, YYYY-MM-DD. It changes at local midnight, even when the clocks change."""
        return self.bucket(self.now_ms()).day

    def bucket(self, at_ms: int) -> Bucket:
        """The day and hour that a visit at `at_ms` counts for. Cached by quarter hour, unless an hour begins or the
        clock changes within it: in St. John's, it changed at 00:01 until 2011.
        """
        quarter, buckets = at_ms // QUARTER_HOUR_S // 1000, self._buckets
        bucket = buckets.get(quarter)
        if bucket is None:
            bucket = self._bucket_of(quarter * QUARTER_HOUR_S)
            if bucket != self._bucket_of((quarter + 1) * QUARTER_HOUR_S - 1):
                return self._bucket_of(at_ms // 1000)
            if len(buckets) >= CLOCK_CACHE_SIZE:
                buckets.clear()
            buckets[quarter] = bucket
        return bucket

    def began_s(self, day: str) -> int:
        """Start of a local day, seconds since 1970-01-01 UTC; the first existing time if midnight is skipped."""
        beginnings = self._beginnings
        began = beginnings.get(day)
        if began is None:
            if len(beginnings) >= CLOCK_CACHE_SIZE:
                beginnings.clear()
            midnight = datetime.combine(date.fromisoformat(day), time_of_day(), self.zone)
            began = beginnings[day] = int(midnight.timestamp())
        return began

    def at_ms(self, day: str, time: str) -> int:
        """A local time on a day, such as 03:30, in ms since 1970. If a time occurs twice, this is the first one. A time
        that is skipped is moved later by the length of the gap.
        """
        local = datetime.combine(date.fromisoformat(day), time_of_day.fromisoformat(time), self.zone)
        return int(local.timestamp()) * 1000

    def newest_ms(self, time: str) -> int:
        """When the local clock last showed `time`, such as 03:30; ms since 1970."""
        today = self.today()
        at_ms = self.at_ms(today, time)
        return at_ms if at_ms <= self.now_ms() else self.at_ms(shifted(today, -1), time)

    def range_ms(self, days: Days) -> tuple[int | None, int | None]:
        """The moments when a range of days begins and ends, ms."""
        first, last = days
        began = None if first is None else self.began_s(first.isoformat()) * 1000
        ended = None if last is None else self.began_s((last + timedelta(1)).isoformat()) * 1000
        return began, ended

    def hours(self, first: str, last: str) -> list[int]:
        """The starts of all local hours in the days from `first` to `last`, seconds since 1970-01-01 UTC."""
        # A clock that is put back after midnight, by up to three hours, shows the end of the last day again.
        ended_s = self.began_s(shifted(last, 1)) + 3 * 3600
        buckets = {self._bucket_of(quarter_s) for quarter_s in range(self.began_s(first), ended_s, QUARTER_HOUR_S)}
        return sorted(bucket.hour_s for bucket in buckets if first <= bucket.day <= last)

    def local(self, at_s: int) -> str:
        """Local time in ISO 8601, such as `2025-10-10T14:00:00+06:00`."""
        return datetime.fromtimestamp(at_s, self.zone).isoformat()

    def same_time_ms(self, day: str) -> int:
        """The current local time of day, on another day; ms since 1970."""
        now_ms = self.now_ms()
        local = datetime.fromtimestamp(now_ms // 1000, self.zone).replace(tzinfo=None)
        then = datetime.combine(date.fromisoformat(day), local.time(), self.zone)
        return int(then.timestamp()) * 1000 + now_ms % 1000

    def _bucket_of(self, at_s: int) -> Bucket:
        local = datetime.fromtimestamp(at_s, self.zone)
        began_s = at_s - 60 * local.minute - local.second
        if self._offset(began_s) != local.utcoffset():  # the hour began when the clock changed
            seconds = range(began_s, at_s)
            began_s += bisect(seconds, False, key=lambda second: self._offset(second) == local.utcoffset())
        return Bucket(local.date().isoformat(), began_s)

    def _offset(self, at_s: int) -> timedelta | None:
        return datetime.fromtimestamp(at_s, self.zone).utcoffset()


def newest_credible(clock: Clock, accepted: int) -> int:
    """The highest revision to accept from another server. `accepted` is the highest so far. If a clock was set back,
    `accepted` is ahead of the clock and still increases.
    """
    return max(clock.now_ms(), accepted) + MAX_CLOCK_LEAD_MS
