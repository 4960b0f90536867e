"""Who visited a community: by day, week and month, how that grows, and who turned out to be whom.

People are counted, not visits: users (`authenticated`) and visitors who are none (`anonymous`), each once however often
they come. Who came as both counts as a user. Days are those of TIMEZONE, and ranges include their last day.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple, TypeVar

from koyjabo.analytics import people_queries as people
from koyjabo.analytics import report_queries
from koyjabo.analytics.people_queries import Conversion
from koyjabo.analytics.report_queries import People, Period
from koyjabo.analytics.result_cache import ResultCache
from koyjabo.clock import Clock, shifted
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.errors import LedgerUnavailable, UnknownCommunity
from koyjabo.models import Scope

__all__ = ["GRANULARITIES", "Conversion", "Growth", "People", "Reports", "Trend", "Visitors"]

GRANULARITIES = HOURLY, DAILY, WEEKLY = ("hourly", "daily", "weekly")

WEEK, MONTH = 7, 30
"""Days of the weekly and the monthly report, today among them."""

MOST_KEPT = 10_000
"""Rows of answers that are kept; 2 MB. A day of a trend is a row, and so is a single number."""


Row = TypeVar("Row")


class Visitors(NamedTuple):
    """Different people from one day to another."""

    people: People
    start: str
    end: str


class Growth(NamedTuple):
    """Different people of the last days, and of as many before."""

    current: int
    previous: int
    days: int

    @property
    def rate(self) -> float:
        """Percent, two decimals. From nobody to somebody is 100, from nobody to nobody 0."""
        if self.previous:
            return round(100 * (self.current - self.previous) / self.previous, 2)
        return 100.0 if self.current else 0.0


class Trend(NamedTuple):
    """Different people of one period: a day, a week by its Monday, or an hour by its beginning."""

    period: str
    people: People


class Asking:
    """A question that is being looked up."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.answer: list[Any] | None = None


class Reports:
    """Every question raises UnknownCommunity for one that is gone, and LedgerUnavailable.

    Answers are kept until the community's next change, on whichever server that happens. `on_conversion` is called with
    each conversion when it is on disk.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, on_conversion: Callable[[Conversion], object]) -> None:
        self._on_conversion = on_conversion
        self._database = database
        self._clock = clock
        self._kept = ResultCache(MOST_KEPT)
        self._asking: dict[Hashable, Asking] = {}
        self._lock = threading.Lock()  # around it; nothing waits while it is held

    def convert(self, user_id: str, visitor_id: str) -> None:
        """This visitor is this user, who has just signed up, logged in or joined.

        Whatever they did anonymously becomes the user's, in every community where they were anonymous; once.
        """
        if self._database.read(people.anonymous_in, visitor_id):
            made = self._database.write(people.convert, user_id, visitor_id, self._clock.now_ms(), self._clock)
            for conversion in made:
                self._on_conversion(conversion)

    def attend(self, community_id: str, user_ids: list[str], at_ms: int) -> bool:
        """These members were here then: visitors of that day and hour. True when that was news."""
        return self._database.write(people.attend, community_id, user_ids, at_ms, self._clock)

    def visitors(self, community_id: str, start: str, end: str) -> Visitors:
        """Different people from the day `start` to the day `end`, both included."""
        (found,) = self._people_in(community_id, [(start, end)])
        return Visitors(found, start, end)

    def today(self, community_id: str) -> Visitors:
        return self._last(community_id, 1)

    def weekly(self, community_id: str) -> Visitors:
        """The last 7 days, today included."""
        return self._last(community_id, WEEK)

    def monthly(self, community_id: str) -> Visitors:
        """The last 30 days, today included."""
        return self._last(community_id, MONTH)

    def growth(self, community_id: str, days: int) -> Growth:
        """The last `days` days, today included, and the `days` before them."""
        start, end = _days_until(days, self._clock.today())
        before = _days_until(days, shifted(start, -1))
        previous, current = self._people_in(community_id, [before, (start, end)])
        return Growth(sum(current), sum(previous), days)

    def conversion_rate(self, community_id: str) -> float:
        """Percent, one decimal: of all who ever came anonymously, those who turned out to be users."""
        return self._answer((community_id, "conversion_rate"), _conversion_rate)[0]

    def trend(self, community_id: str, granularity: str, start: str, end: str) -> list[Trend]:
        """Each hour, day or ISO week of a range (`GRANULARITIES`), also those in which nobody came.

        A week that begins or ends outside the range counts as far as it lies within.
        """
        if granularity == HOURLY:
            return self._by_hour(community_id, start, end)
        periods = [(day, day) for day in _days(start, end)] if granularity == DAILY else list(_weeks(start, end))
        names = [_monday(first) if granularity == WEEKLY else first for first, _ in periods]
        return [Trend(*each) for each in zip(names, self._people_in(community_id, periods), strict=True)]

    def _by_hour(self, community_id: str, start: str, end: str) -> list[Trend]:
        return self._answer((community_id, HOURLY, start, end), _by_hour, self._clock, start, end)

    def _last(self, community_id: str, days: int) -> Visitors:
        return self.visitors(community_id, *_days_until(days, self._clock.today()))

    def _people_in(self, community_id: str, periods: list[Period]) -> list[People]:
        """Of each of these periods, which are told apart by the first, the last and their number."""
        question = (community_id, periods[0], periods[-1], len(periods))
        return self._answer(question, report_queries.people_in, periods)

    def _answer(self, question: tuple[Any, ...], operation: Callable[..., list[Row]], *args: Any) -> list[Row]:
        """The cached answer, or that of the operation, which gets a session, the scope and the arguments. The stamp is
        read before, so that an answer is never older than its stamp.
        """
        scope = Scope(question[0])
        stamp = self._database.read(report_queries.stamp, scope)
        if stamp is None:
            raise UnknownCommunity
        answer = self._kept.get(question, stamp)
        if answer is None:
            answer = self._once((question, stamp), lambda: self._database.report(operation, scope, *args))
            self._kept.store(question, stamp, answer)
        return answer

    def _once(self, key: Hashable, look: Callable[[], list[Row]]) -> list[Row]:
        """Those who ask the same at the same time are answered together."""
        with self._lock:
            asking = self._asking.get(key)
            begins = asking is None
            if asking is None:
                asking = self._asking[key] = Asking()
        if begins:
            try:
                asking.answer = look()
            finally:
                del self._asking[key]
                asking.done.set()
        asking.done.wait()
        if asking.answer is None:  # whoever looked has been told why
            raise LedgerUnavailable
        return asking.answer


def _by_hour(session: Any, scope: Scope, clock: Clock, start: str, end: str) -> list[Trend]:
    found = report_queries.people_by_hour(session, scope, clock.hours(start, end))
    return [Trend(clock.local(hour_s), people) for hour_s, people in found]


def _conversion_rate(session: Any, scope: Scope) -> list[float]:
    return [people.conversion_rate(session, scope)]


def _days_until(days: int, last: str) -> Period:
    return shifted(last, 1 - days), last


def _days(start: str, end: str) -> list[str]:
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    return [(first + timedelta(number)).isoformat() for number in range((last - first).days + 1)]


def _monday(day: str) -> str:
    return shifted(day, -date.fromisoformat(day).weekday())


def _weeks(start: str, end: str) -> Iterator[Period]:
    first = start
    while first <= end:
        following = shifted(_monday(first), WEEK)
        yield first, min(shifted(following, -1), end)
        first = following
