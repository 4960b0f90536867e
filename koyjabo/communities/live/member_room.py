"""What the members of a community who are online hear: how many they are, and the community's numbers.

An event is derived from the count that was last sent to the room: whatever happened meanwhile, those who add ±1 and
those who take the count are both right (specification: promise 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from koyjabo.clock import Clock
from koyjabo.counting.live_stats import Numbers, newest_credible
from koyjabo.presence.members.online_members import Holds, Online
from koyjabo.realtime.events import CountChanged, VisitorUpdate
from koyjabo.realtime.room import SHORTEST_INTERVAL_S, Event

ONLINE, STATS = "online", "stats"
"""The parts of what workers tell each other of a community."""


class Gathering:
    """The source of one community's room, for as long as somebody is in it."""

    interval_s = SHORTEST_INTERVAL_S
    is_relative = True

    def __init__(self, numbers: Numbers, holds: Holds, clock: Clock) -> None:
        self.numbers = numbers
        self._holds = holds
        self._clock = clock
        self._told = holds.online(numbers.scope).count
        self._told_visits = _visits(numbers)
        # Of the newest event: both kinds share one clock, and whoever comes back to the room knows what it was.
        self._revision = max(clock.now_ms(), numbers.newest().revision)

    def greeting(self) -> Event:
        return self._count(change=0)

    def news(self, after: int) -> Sequence[Event]:
        self._revision = max(self._revision, after)
        return [*self._news_of_count(), *self._news_of_visits()]

    def merge(self, state: Any) -> None:
        """Raises ValueError, or whatever comes first, for what no server of ours would say."""
        if ONLINE in state:
            self._holds.learn(self.numbers.scope, self._checked(state[ONLINE]))
        if STATS in state:
            self.numbers.merge(state[STATS])

    def _checked(self, said: Any) -> Online:
        online = Online._make(said)
        known = self._holds.online(self.numbers.scope).version
        newest = newest_credible(self._clock, max(self._revision, known))
        if not (
            type(online.version) is type(online.count) is int
            and type(online.is_guess) is bool
            and online.version <= newest
            and online.count >= 0
        ):
            raise ValueError("not how many are online")
        return online

    def _news_of_count(self) -> Sequence[Event]:
        count = self._holds.online(self.numbers.scope).count
        change, self._told = count - self._told, count
        if not change:
            return []
        self._revision = max(self._revision + 1, self._clock.now_ms())
        return [self._count(change)]

    def _news_of_visits(self) -> Sequence[Event]:
        visits = _visits(self.numbers)
        if visits == self._told_visits:
            return []
        self._told_visits = visits
        stats = self.numbers.newest(after=self._revision)
        self._revision = stats.revision
        return [VisitorUpdate(stats, self.numbers.scope)]

    def _count(self, change: int) -> Event:
        return CountChanged(self.numbers.scope, self._told, change, self._revision)


def _visits(numbers: Numbers) -> tuple[int, int, int]:
    """What changes with a visit, and with nothing else."""
    figures = numbers.figures
    return figures.epoch, figures.visits, figures.total
