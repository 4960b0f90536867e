"""A feed's copy of recent rows: the latest visits, the last hour by minute, and the most recently opened pages."""

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
"""Maximum number of visitors in memory, about 3 MB. If the active window has more, only the newest count."""

MOST_NAMED = 5
"""Maximum number of pages, and of locations, that are listed. The rest counts as Other."""

OTHER = "Other"
NO_PAGE = ""

NEWEST = 50
"""Maximum number of visits kept for a new member and sent in one event. Below 500 visits a second, none is left out."""


class OpenedPages:
    """The page that each recent visitor opened last. It is read from the ledger, because presence does not track pages.
    A visitor counts once, for the page of their last visit, until the active window after that visit has passed.
    """

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._last: OrderedDict[str, Opened] = OrderedDict()  # by visitor, oldest first

    def add(self, opened: Iterable[Opened]) -> None:
        """Add pages in the order of their visits."""
        for page in opened:
            self._last[page.visitor_id] = page
            self._last.move_to_end(page.visitor_id)
        while len(self._last) > MOST_VISITORS:
            self._last.popitem(last=False)

    def count(self, now_ms: int) -> dict[str, int]:
        """Number of visitors by page: the MOST_NAMED pages with the most visitors, then the rest as OTHER. Visits
        without a page are NO_PAGE.
        """
        while self._last and next(iter(self._last.values())).at_ms <= now_ms - self._window_ms:
            self._last.popitem(last=False)
        visitors = Counter(opened.page or NO_PAGE for opened in self._last.values())
        largest = dict(sorted(visitors.items(), key=lambda item: (-item[1], item[0]))[:MOST_NAMED])
        rest = visitors.total() - sum(largest.values())
        return {**largest, OTHER: rest} if rest else largest


class News(NamedTuple):
    """New rows of the ledger."""

    newest: list[LiveVisit]  # newest first
    opened: list[Opened]
    minutes: Mapping[int, Minute]  # all minutes of the last hour


class Recent:
    def __init__(self, clock: Clock, window_ms: int) -> None:
        self.after: int | None = None  # the newest id read; None before the first read
        self.newest: deque[LiveVisit] = deque(maxlen=NEWEST)
        self.pages = OpenedPages(window_ms)
        self.minutes: Mapping[int, Minute] = {}
        self._clock = clock
        self._window_ms = window_ms
        self._hour = LastHour(SITE)

    def read(self, session: Any) -> News:
        """Read new rows. This is a database operation; its result is for `take`."""
        now_ms, after = self._clock.now_ms(), self.after or 0
        since_ms = now_ms - self._window_ms
        # The first read does not start at the beginning of the ledger.
        opened_after = after or ids_before(session, since_ms)
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
