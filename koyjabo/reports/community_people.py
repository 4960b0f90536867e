"""Reports on the people who visited a community, by hour, day, week and month, with growth and conversions.

They count people, not visits: users (`authenticated`) and other visitors (`anonymous`), each once per period. A person
who came as both counts as a user. Days are in TIMEZONE, and ranges include their last day.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.core.errors import UnknownCommunity
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import Scope
from koyjabo.columns.query import periods
from . import conversion_queries, people_count_queries, people_queries
from .people_count_queries import People, Period
from .people_queries import VisitorConversion
from .query import granularities

BY_HOUR, BY_DAY = "hourly", "daily"
TREND_GRANULARITIES = (BY_HOUR, BY_DAY, "weekly")

DAYS_PER_WEEK, DAYS_PER_MONTH = 7, 30
"""Number of days in the weekly and the monthly report, including today."""

Result = TypeVar("Result")


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


class Reports:
    """Reports on the people in communities. Methods raise UnknownCommunity for a deleted or archived community, and
    LedgerUnavailable. `on_conversion` is called with each conversion once it is committed.
    """

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, on_conversion: Callable[[VisitorConversion], object]
    ) -> None:
        self._on_conversion = on_conversion
        self._database = database
        self._clock = clock

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
        (people,) = self._read(people_count_queries.people_in, community_id, [(start, end)])
        return Visitors(people, start, end)

    def today(self, community_id: str) -> Visitors:
        return self._last(community_id, 1)

    def weekly(self, community_id: str) -> Visitors:
        """Return the people who visited in the last 7 days, including today."""
        return self._last(community_id, DAYS_PER_WEEK)

    def monthly(self, community_id: str) -> Visitors:
        """Return the people who visited in the last 30 days, including today."""
        return self._last(community_id, DAYS_PER_MONTH)

    def growth(self, community_id: str, days: int) -> Growth:
        """Compare the last `days` days, including today, with the `days` days before that."""
        start, end = _days_until(days, self._clock.today())
        before = _days_until(days, shifted(start, -1))
        previous, current = self._read(people_count_queries.people_in, community_id, [before, (start, end)])
        first_day = self._read(people_count_queries.first_day, community_id)
        is_comparable = sum(previous) > 0 and first_day is not None and first_day <= before[0]
        return Growth(sum(current), sum(previous), days, is_comparable)

    def conversion_rate(self, community_id: str) -> float:
        """Return the percentage of anonymous visitors who were later identified as users, to one decimal."""
        return self._read(conversion_queries.conversion_rate, community_id)

    def trend(self, community_id: str, granularity: str, start: str, end: str) -> list[Trend]:
        """Return each hour, day or ISO week of a range (`GRANULARITIES`), including those without visitors.

        A week that begins or ends outside the range counts only its days inside the range.
        """
        if granularity == BY_HOUR:
            hours = self._read(people_count_queries.people_by_hour, community_id, self._clock.hours(start, end))
            return [Trend(self._clock.local(hour_s), people) for hour_s, people in hours]
        spans = granularities.spans(start, end, periods.DAY if granularity == BY_DAY else periods.WEEK)
        people = self._read(people_count_queries.people_in, community_id, list(spans.values()))
        return [Trend(*pair) for pair in zip(spans, people, strict=True)]

    def _last(self, community_id: str, days: int) -> Visitors:
        return self.visitors(community_id, *_days_until(days, self._clock.today()))

    def _read(self, operation: Callable[..., Result], community_id: str, *args: Any) -> Result:
        """Return the result of `operation`, which is called with a session, the scope and `args`."""
        scope = Scope(community_id)

        def read(session: Any) -> Result:
            if not people_count_queries.exists(session, scope):
                raise UnknownCommunity
            return operation(session, scope, *args)

        return self._database.report(read)


class SnapshotReports(Reports):
    """Reports from a session's snapshot, on the session's thread."""

    def __init__(self, session: Any, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    def _read(self, operation: Callable[..., Result], community_id: str, *args: Any) -> Result:
        return operation(self._session, Scope(community_id), *args)


def _days_until(days: int, last: str) -> Period:
    return shifted(last, 1 - days), last
