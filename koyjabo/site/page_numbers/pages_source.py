"""Reads the numbers of all watched pages at once, for the clients that watch them."""

import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from koyjabo.base.core.errors import LedgerUnavailable, StillCounting
from koyjabo.realtime.room import RoomEvent
from .page_numbers import HIDDEN_VIEWS, MAX_PATHS, PageNumbers
from .page_reading import PageViews
from .page_update import PageUpdate


class PagesSource:
    """The values of all watched pages."""

    caused_by_visits = True

    def __init__(self, numbers: PageNumbers, interval_s: float) -> None:
        self.interval_s = interval_s
        self.numbers = numbers
        self.watched: Counter[str] = Counter()
        """How many clients watch each page."""
        self.sent: dict[str, PageViews | None] = {}
        """What was last sent of each watched page; None if clients got different values, so that it is sent again."""
        numbers.watch(self.watched)

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        """Return an event for each path whose page may have changed. May block."""
        with suppress(LedgerUnavailable, StillCounting):  # the next call tries again
            changed = self.numbers.take_changed() if self.numbers.is_on else self._shown()
            return self._events(changed) if changed else []
        return []

    def _shown(self) -> Collection[str]:
        """The watched pages whose clients have numbers."""
        return [page for page in self.watched if self.sent.get(page) != HIDDEN_VIEWS]

    def merge(self, state: Any) -> None:
        """Do nothing: the values are read from the database."""

    def _events(self, changed: Collection[str]) -> Sequence[RoomEvent]:
        """The events of these pages. Other tasks run between parts of the reading."""
        sent, events, pages = self.sent, [], list(changed)
        for start in range(0, len(pages), MAX_PATHS):
            try:
                counts = self.numbers.read(pages[start : start + MAX_PATHS])
            except (LedgerUnavailable, StillCounting):
                self.numbers.put_back(pages[start:])
                break
            for page in pages[start : start + MAX_PATHS]:
                views = counts.pages[page]
                if page in self.watched and sent.get(page) != views:
                    sent[page] = views
                    events.append(PageUpdate([(page, page)], counts))
            time.sleep(0)
        return events
