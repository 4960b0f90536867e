"""Counts page views and events, which reports measure in addition to visits. An event counts on the day it happened, if
its visit passes the filters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from functools import cached_property
from typing import Any

from koyjabo.core.clock import Clock
from koyjabo.reports.live.live import Live
from koyjabo.reports.log.state_queries import Reading
from koyjabo.reports.query.periods import DAY, HOUR, period_of
from koyjabo.reports.query.report_query import Question, Value
from koyjabo.reports.query.sum_keys import EVENT, VIEWED_PAGE
from koyjabo.reports.rolled_up.folded_queries import FoldedEvents


class EventCounts:
    """The counts for one question, from stored rows and the sums of rolled-up days."""

    def __init__(self, session: Reading, clock: Clock, live: Live, question: Question) -> None:
        self._session, self._clock, self._live, self._question = session, clock, live, question
        before = live.folded_before
        self._folded = FoldedEvents(session, clock, question, before) if question.first < before else None

    def by(self, dimension: str, key: str) -> Counter[Any]:
        """Count the events of a dimension by DAY, by the start of the hour in s (page views only), or by VALUE,
        excluding `other`.
        """
        # Copy, because the live counts are reused.
        counts = Counter(self._live.events_by(self._session, self._question, dimension, key))
        return counts + self._sums.by(dimension, key) if self._sums else counts

    def other(self, dimension: str) -> int:
        """Return the number of events whose value is no longer known."""
        return self._sums.other(dimension) if self._sums else 0

    def complete(self, dimension: str, values: Collection[Value]) -> set[Value]:
        """Return the values whose counts are complete."""
        return self._sums.complete(dimension, values) if self._sums else set(values)

    @cached_property
    def unknown_hours(self) -> set[int]:
        """Starts of hours (s) with an unknown number of events: their visits have no rows, so the filters cannot be
        evaluated.
        """
        hours = self._live.unknown_hours(self._session, self._question)
        return hours | self._folded.hours() if self._folded and not self._sums else hours

    def totals(self) -> tuple[int | None, int | None]:
        """Return the numbers of page view events and of other events; None for both if they are not known."""
        if self.unknown_hours:
            return None, None
        views, events = (self.by(dimension, DAY).total() for dimension in (VIEWED_PAGE, EVENT))
        return views, events

    def views(self, granularity: str) -> tuple[Counter[str], set[str]]:
        """Return the number of page view events by period name, and the periods where this number is unknown."""
        local, unknown = self._clock.local, self.unknown_hours
        if granularity == HOUR:
            by_hour = self.by(VIEWED_PAGE, HOUR).items()
            return Counter({local(hour_s): count for hour_s, count in by_hour}), set(map(local, unknown))
        by_period: Counter[str] = Counter()
        for day, count in self.by(VIEWED_PAGE, DAY).items():
            by_period[period_of(day, granularity)] += count
        return by_period, {period_of(local(hour_s)[:10], granularity) for hour_s in unknown}

    @property
    def _sums(self) -> FoldedEvents | None:
        return None if self._question.filters else self._folded
