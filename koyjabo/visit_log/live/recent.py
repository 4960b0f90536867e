"""A feed's copy of the ledger: the newest visits, the last hour by minute, and the pages opened last."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from koyjabo.analytics import timeline_queries
from koyjabo.analytics.timeline_queries import Visited
from koyjabo.clock import Clock
from koyjabo.models import SITE
from koyjabo.visit_log.live import feed_queries
from koyjabo.visit_log.live.feed_queries import LiveVisit, Opened
from koyjabo.visit_log.live.last_hour import LastHour, Minute
from koyjabo.visit_log.live.opened_pages import MOST_VISITORS, OpenedPages

NEWEST = 50
"""Visits that are kept for a new listener, and the most in one event: up to 500 a second, no visit is left out."""


class News(NamedTuple):
    """New rows of the ledger."""

    newest: list[LiveVisit]  # the newest first
    opened: list[Opened]
    minutes: Mapping[int, Minute]  # all of the last hour
    hours: Mapping[str, Any]  # [first visits, repeat visits] of the current hour, by its beginning
    days: Mapping[str, Any]  # the same of the current day


class Recent:
    def __init__(self, clock: Clock, window_ms: int) -> None:
        self.after: int | None = None  # the newest id that was taken in; None before the first read
        self.newest: deque[LiveVisit] = deque(maxlen=NEWEST)
        self.pages = OpenedPages(window_ms)
        self.minutes: Mapping[int, Minute] = {}
        self.hours: Mapping[str, Any] = {}
        self.days: Mapping[str, Any] = {}
        self._clock = clock
        self._window_ms = window_ms
        self._hour = LastHour(SITE)

    def read(self, session: Any) -> News:
        """A database operation, for `take` afterwards."""
        now_ms, after = self._clock.now_ms(), self.after or 0
        since_ms = now_ms - self._window_ms
        opened_after = after or feed_queries.before(session, since_ms)  # at first the ledger is not read whole
        day, hour_s = self._clock.bucket(now_ms)
        by_hour = timeline_queries.by_hour(session, SITE, hour_s, hour_s)
        by_day = timeline_queries.by_day(session, SITE, day, day)
        return News(
            feed_queries.newest(session, after, NEWEST),
            feed_queries.pages(session, opened_after, since_ms, MOST_VISITORS),
            self._hour.read(session, now_ms),
            {self._clock.local(at_s): _split(found) for at_s, found in by_hour.items()},
            {at: _split(found) for at, found in by_day.items()},
        )

    def take(self, news: News) -> None:
        self.newest.extendleft(reversed(news.newest))
        self.pages.add(news.opened)
        self.minutes, self.hours, self.days = news.minutes, news.hours, news.days
        self.after = news.newest[0].id if news.newest else self.after or 0


def _split(found: Visited) -> list[int]:
    return [found.new_visitors, found.visits - found.new_visitors]
