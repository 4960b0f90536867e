"""A feed's copy of the ledger: the newest visits, the last hour by minute, and the pages opened last."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from koyjabo.core.clock import Clock
from koyjabo.counting.last_hour import LastHour, Minute
from koyjabo.counting.queries import ids_before
from koyjabo.models import SITE
from koyjabo.visit_log.live import feed_queries
from koyjabo.visit_log.live.feed_queries import LiveVisit, Opened

MOST_VISITORS = 10_000
"""About 3 MB. Of more visitors in the window, the newest are counted."""

MOST_NAMED = 5
"""Pages and places; the others are counted as Other."""

OTHER = "Other"
NO_PAGE = ""

NEWEST = 50
"""Visits that are kept for a new listener, and the most in one event: up to 500 a second, no visit is left out."""


class OpenedPages:
    """The pages that the visitors of the last minutes opened last. Presence does not know pages, so the ledger says it.

    Each visitor counts once, at the page of their last visit, for the active window after it.
    """

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._last: OrderedDict[str, Opened] = OrderedDict()  # by visitor, the oldest first

    def add(self, opened: Iterable[Opened]) -> None:
        """In the order of their visits."""
        for page in opened:
            self._last[page.visitor_id] = page
            self._last.move_to_end(page.visitor_id)
        while len(self._last) > MOST_VISITORS:
            self._last.popitem(last=False)

    def count(self, now_ms: int) -> dict[str, int]:
        """Visitors by page: the MOST_NAMED largest, then the rest as OTHER. NO_PAGE are visits that named no page."""
        while self._last and next(iter(self._last.values())).at_ms <= now_ms - self._window_ms:
            self._last.popitem(last=False)
        visitors = Counter(opened.page or NO_PAGE for opened in self._last.values())
        largest = dict(sorted(visitors.items(), key=lambda item: (-item[1], item[0]))[:MOST_NAMED])
        rest = visitors.total() - sum(largest.values())
        return {**largest, OTHER: rest} if rest else largest


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
