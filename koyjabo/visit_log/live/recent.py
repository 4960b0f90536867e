"""A feed's copy of the ledger: the newest visits, the last hour by minute, and the pages opened last."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from koyjabo.core.clock import Clock
from koyjabo.counting.last_hour import LastHour, Minute
from koyjabo.counting.queries import ids_before
from koyjabo.models import SITE
from koyjabo.visit_log.live import feed_queries
from koyjabo.visit_log.live.feed_queries import LiveVisit, Opened
from koyjabo.visit_log.live.opened_pages import MOST_VISITORS, OpenedPages

NEWEST = 50
"""Visits that are kept for a new listener, and the most in one event: up to 500 a second, no visit is left out."""


class News(NamedTuple):
    """New rows of the ledger."""

    newest: list[LiveVisit]  # the newest first
    opened: list[Opened]
    minutes: Mapping[int, Minute]  # all of the last hour


class Recent:
    def __init__(self, clock: Clock, window_ms: int) -> None:
        self.after: int | None = None  # the newest id that was taken in; None before the first read
        self.newest: deque[LiveVisit] = deque(maxlen=NEWEST)
        self.pages = OpenedPages(window_ms)
        self.minutes: Mapping[int, Minute] = {}
        self._clock = clock
        self._window_ms = window_ms
        self._hour = LastHour(SITE)

    def read(self, session: Any) -> News:
        """A database operation, for `take` afterwards."""
        now_ms, after = self._clock.now_ms(), self.after or 0
        since_ms = now_ms - self._window_ms
        opened_after = after or ids_before(session, since_ms)  # at first the ledger is not read whole
        return News(
            feed_queries.newest(session, after, NEWEST),
            feed_queries.pages(session, opened_after, since_ms, MOST_VISITORS),
            self._hour.read(session, now_ms),
        )

    def take(self, news: News) -> None:
        self.newest.extendleft(reversed(news.newest))
        self.pages.add(news.opened)
        self.minutes = news.minutes
        self.after = news.newest[0].id if news.newest else self.after or 0
