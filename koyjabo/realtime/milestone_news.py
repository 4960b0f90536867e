"""Which milestone the next event of a room has (specification: Milestones).

Each worker finds that out by itself: from the total that it last sent to the room, the total that it sends now, and the
rows that visits have written with the latter. So neither a lost message nor a killed worker loses a milestone, and none
comes twice (decision 7).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.milestones import Milestones
from koyjabo.counting.stats import Stats
from koyjabo.models import Scope

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
