"""The room of all clients that follow the statistics of the site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from koyjabo.counting.visits import Visits
from koyjabo.realtime.events import VisitorUpdate
from koyjabo.realtime.milestone_news import MilestoneNews
from koyjabo.realtime.room import RoomEvent


class SiteRoom:
    """The source of the room `stats`; it is always open. Equal revisions mean equal values."""

    def __init__(self, visits: Visits, news: MilestoneNews, interval_s: float) -> None:
        self.interval_s = interval_s
        self._visits = visits
        self._news = news
        self._told = visits.newest()

    @property
    def is_relative(self) -> bool:
        """An event with a milestone tells the change since the previous event."""
        return self._news.is_pending

    def first_event(self) -> RoomEvent:
        """The newest value, or the last broadcast while a milestone has passed that the next one will announce."""
        newest = self._visits.newest()
        return VisitorUpdate(self._told if self._news.is_pending else newest)

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        stats = self._visits.newest()
        if stats.revision <= after:
            return []
        milestone = self._news.take(stats)
        self._told = stats
        return [VisitorUpdate(stats, milestone=milestone)]

    def merge(self, state: Any) -> None:
        self._visits.site.merge(state)
