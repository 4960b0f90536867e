"""Reports on the people who visited a community, by hour, day, week and month, with growth and conversions.

They count people, not visits: users (`authenticated`) and other visitors (`anonymous`), each once per period. A person
who came as both counts as a user. Days are in TIMEZONE, and ranges include their last day.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.core.errors import LedgerUnavailable, UnknownCommunity
from koyjabo.base.core.runtime import out_of_turn
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import Scope
from koyjabo.reports import people_queries
from koyjabo.reports.people_queries import People, Period, VisitorConversion
from koyjabo.reports.query import report_query

__all__ = ["GRANULARITIES", "Growth", "People", "Reports", "SnapshotReports", "Trend", "VisitorConversion", "Visitors"]

HOURLY, DAILY = "hourly", "daily"
GRANULARITIES = (HOURLY, DAILY, "weekly")

WEEK, MONTH = 7, 30
"""Number of days in the weekly and the monthly report, including today."""

MAX_CACHED = 10_000
"""Maximum number of cached rows, 2 MB. Each period of a trend, and each single number, is a row."""


Row = TypeVar("Row")


class Visitors(NamedTuple):
    """The people who visited on the days `start` to `end`, inclusive."""

    people: People
    start: str
    end: str


class Growth(NamedTuple):
    """The number of people in the last `days` days, and in the `days` days before that."""

    current: int
    previous: int
    days: int
    is_comparable: bool = False  # whether the earlier days had people, and there is data from their first day on

    @property
    def rate(self) -> float:
        """Growth in percent, to two decimals. If `previous` is 0, it is 100, or 0 if `current` is 0 as well."""
        if self.previous:
            return round(100 * (self.current - self.previous) / self.previous, 2)
        return 100.0 if self.current else 0.0


class Trend(NamedTuple):
    """The people of one period: a day, a week (named by its Monday), or an hour (named by its start)."""

    period: str
    people: People


class _Lookup:
    """A running query, which all callers with the same key wait for."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.rows: list[Any] | None = None


class ResultCache:
    """Keeps at most `most` rows of results and evicts the least recently used. Not thread-safe: the owner has a
    lock.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows = 0
        self._results: dict[Hashable, tuple[Hashable, list[Any]]] = {}  # the most recently used is last

    def get(self, key: Hashable, version: Hashable) -> list[Any] | None:
        """Return the result stored for `key` with the same `version`, if any."""
        kept = self._results.get(key)
        if kept is None or kept[0] != version:
            return None
        self._results[key] = self._results.pop(key)
        return kept[1]

    def store(self, key: Hashable, version: Hashable, rows: list[Any]) -> None:
        self._drop(key)
        self._results[key] = version, rows
        self._rows += len(rows)
        while self._rows > self._most:
            self._drop(next(iter(self._results)))

    def _drop(self, key: Hashable) -> None:
        _, rows = self._results.pop(key, (None, []))
        self._rows -= len(rows)


class Reports:
    """Reports on the people in communities. Methods raise UnknownCommunity for a deleted or archived community, and
    LedgerUnavailable.

    Results are cached until the community's next change on any server. `on_conversion` is called with each conversion
    once it is committed.
    """

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, on_conversion: Callable[[VisitorConversion], object]
    ) -> None:
        self._on_conversion = on_conversion
        self._database = database
        self._clock = clock
        self._cache = ResultCache(MAX_CACHED)
        self._lookups: dict[Hashable, _Lookup] = {}
        self._lock = threading.Lock()  # guards both; must not be held while waiting

    def convert(self, user_id: str, visitor_id: str) -> None:
        """Identify a visitor as the user who just signed up, logged in or joined in the same browser.

        In every community where the visitor was anonymous, their history becomes the user's. Idempotent.
        """
        if self._database.read(people_queries.anonymous_in, visitor_id):
            conversions = self._database.write(
                people_queries.convert, user_id, visitor_id, self._clock.now_ms(), self._clock
            )
            for conversion in conversions:
                self._on_conversion(conversion)

    def attend(self, community_id: str, user_ids: list[str], at_ms: int) -> bool:
        """Record members as visitors on the day and in the hour when they were present. Returns whether anything
        changed.
        """
        return self._database.write(people_queries.attend, community_id, user_ids, at_ms, self._clock)

    def visitors(self, community_id: str, start: str, end: str) -> Visitors:
        """Return the people who visited on the days `start` to `end`, inclusive."""
        (people,) = self._people_in(community_id, [(start, end)])
        return Visitors(people, start, end)

    def today(self, community_id: str) -> Visitors:
        return self._last(community_id, 1)

    def weekly(self, community_id: str) -> Visitors:
        """Return the people who visited in the last 7 days, including today."""
        return self._last(community_id, WEEK)

    def monthly(self, community_id: str) -> Visitors:
        """Return the people who visited in the last 30 days, including today."""
        return self._last(community_id, MONTH)

    def growth(self, community_id: str, days: int) -> Growth:
        """Compare the last `days` days, including today, with the `days` days before that."""
        start, end = _days_until(days, self._clock.today())
        before = _days_until(days, shifted(start, -1))
        previous, current = self._people_in(community_id, [before, (start, end)])
        (first_day,) = self._cached((community_id, "first_day"), people_queries.first_day)
        is_comparable = sum(previous) > 0 and first_day is not None and first_day <= before[0]
        return Growth(sum(current), sum(previous), days, is_comparable)

    def conversion_rate(self, community_id: str) -> float:
        """Return the percentage of anonymous visitors who were later identified as users, to one decimal."""
        return self._cached((community_id, "conversion_rate"), _conversion_rate)[0]

    def trend(self, community_id: str, granularity: str, start: str, end: str) -> list[Trend]:
        """Return each hour, day or ISO week of a range (`GRANULARITIES`), including those without visitors.

        A week that begins or ends outside the range counts only its days inside the range.
        """
        if granularity == HOURLY:
            return self._cached((community_id, HOURLY, start, end), _by_hour, self._clock, start, end)
        spans = report_query.spans(start, end, report_query.DAY if granularity == DAILY else report_query.WEEK)
        people = self._people_in(community_id, list(spans.values()))
        return [Trend(*pair) for pair in zip(spans, people, strict=True)]

    def _last(self, community_id: str, days: int) -> Visitors:
        return self.visitors(community_id, *_days_until(days, self._clock.today()))

    def _people_in(self, community_id: str, periods: list[Period]) -> list[People]:
        """Return the people in each period. In the cache key, the first period, the last period and the number of
        periods identify them.
        """
        key = (community_id, periods[0], periods[-1], len(periods))
        return self._cached(key, people_queries.people_in, periods)

    def _cached(self, key: tuple[Any, ...], operation: Callable[..., list[Row]], *args: Any) -> list[Row]:
        """Return the cached rows, or the rows from `operation`, which is called with a session, the scope (`key[0]`)
        and `args`.

        The version is read first, so that rows are never older than their version.
        """
        scope = Scope(key[0])
        version = self._database.read(people_queries.version, scope)
        if version is None:
            raise UnknownCommunity
        with self._lock:
            rows = self._cache.get(key, version)
        if rows is None:
            with out_of_turn():
                rows = self._shared((key, version), lambda: self._database.report(operation, scope, *args))
            with self._lock:
                self._cache.store(key, version, rows)
        return rows

    def _shared(self, key: Hashable, look_up: Callable[[], list[Row]]) -> list[Row]:
        """Let concurrent calls with the same key share one lookup."""
        with self._lock:
            lookup = self._lookups.get(key)
            is_first = lookup is None
            if lookup is None:
                lookup = self._lookups[key] = _Lookup()
        if is_first:
            try:
                lookup.rows = look_up()
            finally:
                del self._lookups[key]
                lookup.done.set()
        lookup.done.wait()
        if lookup.rows is None:  # it failed, and the caller that ran it gets the error
            raise LedgerUnavailable
        return lookup.rows


class SnapshotReports(Reports):
    """Reports from a session's snapshot, on the session's thread and without a cache."""

    def __init__(self, session: Any, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    def _cached(self, key: tuple[Any, ...], operation: Callable[..., list[Row]], *args: Any) -> list[Row]:
        return operation(self._session, Scope(key[0]), *args)


def _by_hour(session: Any, scope: Scope, clock: Clock, start: str, end: str) -> list[Trend]:
    hours = people_queries.people_by_hour(session, scope, clock.hours(start, end))
    return [Trend(clock.local(hour_s), people) for hour_s, people in hours]


def _conversion_rate(session: Any, scope: Scope) -> list[float]:
    return [people_queries.conversion_rate(session, scope)]


def _days_until(days: int, last: str) -> Period:
    return shifted(last, 1 - days), last
