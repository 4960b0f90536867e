"""The room of all clients that follow the statistics of the site, and the milestones that its events name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.milestones import Milestones
from koyjabo.counting.stats import Stats
from koyjabo.counting.visits import Visits
from koyjabo.models import Scope
from koyjabo.realtime.events import VisitorUpdate
from koyjabo.realtime.room import RoomEvent

FindGreatest = Callable[[Scope, int, Sequence[int]], int | None]
"""The greatest of these totals that a visit has reached in this epoch (ms). May wait; raises LedgerUnavailable."""


class MilestoneNews:
    """Of one room, which has been told of the present total."""

    def __init__(self, live_stats: LiveStats, milestones: Milestones, find: FindGreatest) -> None:
        self._live_stats = live_stats
        self._milestones = milestones
        self._find = find
        self._told = live_stats.snapshot.epoch, live_stats.snapshot.total

    @property
    def is_pending(self) -> bool:
        """Whether the total has passed a milestone of which the room has not been told. Does not wait."""
        snapshot = self._live_stats.snapshot
        return bool(self._passed(snapshot.epoch, snapshot.total))

    def take(self, stats: Stats) -> int | None:
        """The milestone of the event with these stats. May wait. None without the database: it is then never told."""
        try:
            with suppress(LedgerUnavailable):
                passed = self._passed(stats.epoch, stats.total)
                return self._find(self._live_stats.scope, stats.epoch, passed) if passed else None
            return None
        finally:
            self._told = stats.epoch, stats.total  # only now: until then, new members have to wait

    def _passed(self, epoch: int, total: int) -> Sequence[int]:
        told_epoch, told = self._told
        return self._milestones.between(told, total) if epoch == told_epoch else ()


class SiteRoom:
    """The source of the room `stats`; it is always open. Equal revisions mean equal values."""

    def __init__(self, visits: Visits, news: MilestoneNews, interval_s: float) -> None:
        self.interval_s = interval_s
        self.tells_visits = False
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
        self.tells_visits = (stats.epoch, stats.total) != (self._told.epoch, self._told.total)
        self._told = stats
        return [VisitorUpdate(stats, milestone=milestone)]

    def merge(self, state: Any) -> None:
        self._visits.site.merge(state)
