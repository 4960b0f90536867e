"""The room of all clients that follow the site's stats. Its events also announce milestones."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.models import Scope
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.milestones import Milestones
from koyjabo.counting.stats import Stats
from koyjabo.counting.visits import Visits
from .events import VisitorUpdate
from .room import RoomEvent

FindGreatest = Callable[[Scope, int, Sequence[int]], int | None]
"""Returns the highest of these totals that a visit has reached in this epoch (ms). May wait. Raises
LedgerUnavailable.
"""


class MilestoneNews:
    """Finds the milestones between a room's last announced total and the current one."""

    def __init__(self, live_stats: LiveStats, milestones: Milestones, find: FindGreatest) -> None:
        self._live_stats = live_stats
        self._milestones = milestones
        self._find = find
        self._announced = live_stats.snapshot.epoch, live_stats.snapshot.total

    @property
    def is_pending(self) -> bool:
        """Whether the total has passed a milestone that has not been announced. Does not wait."""
        snapshot = self._live_stats.snapshot
        return bool(self._passed(snapshot.epoch, snapshot.total))

    def take(self, stats: Stats) -> int | None:
        """The milestone to announce with these stats, or None. May wait. While the database is unavailable, this is
        None, and the milestone is never announced.
        """
        try:
            with suppress(LedgerUnavailable):
                passed = self._passed(stats.epoch, stats.total)
                return self._find(self._live_stats.scope, stats.epoch, passed) if passed else None
            return None
        finally:
            self._announced = stats.epoch, stats.total  # set last, so that new members wait until now

    def _passed(self, epoch: int, total: int) -> Sequence[int]:
        announced_epoch, announced = self._announced
        return self._milestones.between(announced, total) if epoch == announced_epoch else ()


class SiteRoom:
    """The source of the room `stats`, which is always open. Equal revisions mean equal values."""

    def __init__(self, visits: Visits, news: MilestoneNews, interval_s: float) -> None:
        self.interval_s = interval_s
        self.caused_by_visits = False
        self._visits = visits
        self._news = news
        self._announced = visits.newest()

    @property
    def is_relative(self) -> bool:
        """Whether the next event has a milestone. Only members that have seen the previous total may receive it."""
        return self._news.is_pending

    def first_event(self) -> RoomEvent:
        """Return the latest value or, while a milestone is waiting for the next event, the value that was broadcast
        last.
        """
        newest = self._visits.newest()
        return VisitorUpdate(self._announced if self._news.is_pending else newest)

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        stats = self._visits.newest()
        if stats.revision <= after:
            return []
        milestone = self._news.take(stats)
        self.caused_by_visits = (stats.epoch, stats.total) != (self._announced.epoch, self._announced.total)
        self._announced = stats
        return [VisitorUpdate(stats, milestone=milestone)]

    def merge(self, state: Any) -> None:
        self._visits.site.merge(state)
