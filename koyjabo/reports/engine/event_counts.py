"""Page views and events, the second measure of a question: what both of their sources promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from koyjabo.core.clock import Clock
from koyjabo.reports.events.event_plan import EVENT, VIEWED_PAGE
from koyjabo.reports.query.periods import DAY, HOUR, period_of
from koyjabo.reports.query.report_query import Value

VALUE = "value"
"""A key beside DAY and HOUR."""


class EventCounts:
    """Of one question. Events count on their own day, with the visits to which they belong."""

    def by(self, dimension: str, key: str) -> Counter[Any]:
        """How many events that the dimension counts there were, by DAY, by the start of the hour in s (page views
        alone), or by VALUE, without those of `other`.
        """
        raise NotImplementedError

    def other(self, dimension: str) -> int:
        """How many have a value that is not known any more."""
        return 0

    def complete(self, dimension: str, values: Collection[Value]) -> set[Value]:
        """Those of the values whose counts lack nothing."""
        return set(values)

    def unknown_hours(self) -> set[int]:
        """The beginnings of hours, s, of which it is not known how many events there were."""
        return set()

    def totals(self) -> tuple[int | None, int | None]:
        """Page views that are events, and other events; None if they are not known."""
        if self.unknown_hours():
            return None, None
        views, events = (sum(self.by(dimension, DAY).values()) for dimension in (VIEWED_PAGE, EVENT))
        return views, events

    def views(self, granularity: str, clock: Clock) -> tuple[Counter[str], set[str]]:
        """Page views that are events, by the name of the period, and the periods of which they are not known."""
        unknown = self.unknown_hours()
        if granularity == HOUR:
            by_hour = self.by(VIEWED_PAGE, HOUR).items()
            return Counter({clock.local(hour_s): count for hour_s, count in by_hour}), set(map(clock.local, unknown))
        found: Counter[str] = Counter()
        for day, count in self.by(VIEWED_PAGE, DAY).items():
            found[period_of(day, granularity)] += count
        return found, {period_of(clock.local(hour_s)[:10], granularity) for hour_s in unknown}
