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

    @property
    def is_relative(self) -> bool:
        """An event with a milestone says what has happened since the one before."""
        return self._news.is_pending

    def first_event(self) -> RoomEvent:
        return VisitorUpdate(self._visits.newest())

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        stats = self._visits.newest()
        return [VisitorUpdate(stats, milestone=self._news.take(stats))] if stats.revision > after else []

    def merge(self, state: Any) -> None:
        self._visits.site.merge(state)
