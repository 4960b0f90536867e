"""The pages that the visitors of the last minutes opened last. Presence does not know pages, so the ledger says it."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable

from koyjabo.visit_log.live.feed_queries import Opened

MOST_VISITORS = 10_000
"""About 3 MB. Of more visitors in the window, the newest are counted."""

MOST_PAGES = 10
OTHER = "Other"
NO_PAGE = ""


class OpenedPages:
    """Each visitor counts once, at the page of their last visit, for the active window after it."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._last: OrderedDict[str, Opened] = OrderedDict()  # by visitor, the oldest first

    def add(self, opened: Iterable[Opened]) -> None:
        """In the order of their visits."""
        for each in opened:
            self._last[each.visitor_id] = each
            self._last.move_to_end(each.visitor_id)
        while len(self._last) > MOST_VISITORS:
            self._last.popitem(last=False)

    def count(self, now_ms: int) -> dict[str, int]:
        """Visitors by page: the MOST_PAGES largest, then the rest as OTHER. NO_PAGE are visits that named no page."""
        while self._last and next(iter(self._last.values())).at_ms <= now_ms - self._window_ms:
            self._last.popitem(last=False)
        counted = Counter(each.page or NO_PAGE for each in self._last.values())
        found = dict(sorted(counted.items(), key=lambda each: (-each[1], each[0]))[:MOST_PAGES])
        rest = counted.total() - sum(found.values())
        return {**found, OTHER: rest} if rest else found
