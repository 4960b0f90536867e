"""The room of a community's online members. Its events contain the number of members online and the community's stats.

Each count event also contains the change since the last count sent to the room, so a client that adds up the changes
and a client that uses the count agree (specification: promise 4).
"""

from collections.abc import Sequence
from typing import Any

from koyjabo.base.core.clock import Clock, newest_credible
from koyjabo.counting.live_stats import LiveStats
from koyjabo.presence.members.online_members import Online, OnlineMembers
from koyjabo.realtime.events import CountChanged, VisitorUpdate
from koyjabo.realtime.room import MIN_INTERVAL_S, RoomEvent
from koyjabo.realtime.site_room import MilestoneNews

ONLINE_STATE, STATS_STATE = "online", "stats"
"""The two parts of a community's state that workers exchange."""


class MemberRoom:
    """The source of one community's room, as long as it has participants."""

    interval_s = MIN_INTERVAL_S
    is_relative = True
    caused_by_visits = True

    def __init__(self, live_stats: LiveStats, members: OnlineMembers, clock: Clock, news: MilestoneNews) -> None:
        self.live_stats = live_stats
        self._members = members
        self._news = news
        self._clock = clock
        self._last_count = members.online(live_stats.scope).count
        self._last_visits = _visits(live_stats)
        # The revision of the latest event. Both kinds of events share one clock. Returning clients send the last
        # revision they received.
        self._revision = max(clock.now_ms(), live_stats.stats().revision)

    def first_event(self) -> RoomEvent:
        return self._count(change=0)

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        self._revision = max(self._revision, after)
        return [*self._news_of_count(), *self._news_of_visits()]

    def merge(self, state: Any) -> None:
        """Accept a newer state from another worker. Raises ValueError, or the first error, if it is malformed."""
        if ONLINE_STATE in state:
            self._members.apply_remote(self.live_stats.scope, self._checked(state[ONLINE_STATE]))
        if STATS_STATE in state:
            self.live_stats.merge(state[STATS_STATE])

    def _checked(self, state: Any) -> Online:
        online = Online._make(state)
        known = self._members.online(self.live_stats.scope).version
        newest = newest_credible(self._clock, max(self._revision, known))
        if not (
            type(online.version) is type(online.count) is int
            and type(online.is_estimate) is bool
            and online.version <= newest
            and online.count >= 0
        ):
            raise ValueError("not a count of people online")
        return online

    def _news_of_count(self) -> Sequence[RoomEvent]:
        count = self._members.online(self.live_stats.scope).count
        change, self._last_count = count - self._last_count, count
        if not change:
            return []
        self._revision = max(self._revision + 1, self._clock.now_ms())
        return [self._count(change)]

    def _news_of_visits(self) -> Sequence[RoomEvent]:
        visits = _visits(self.live_stats)
        if visits == self._last_visits:
            return []
        self._last_visits = visits
        stats = self.live_stats.stats(after=self._revision)
        self._revision = stats.revision
        return [VisitorUpdate(stats, self.live_stats.scope, self._news.take(stats))]

    def _count(self, change: int) -> RoomEvent:
        at_ms = self._clock.time_of(self._revision)
        return CountChanged(self.live_stats.scope, self._last_count, change, self._revision, at_ms)


def _visits(live_stats: LiveStats) -> tuple[int, int, int]:
    """The numbers that change only with a visit."""
    snapshot = live_stats.snapshot
    return snapshot.epoch, snapshot.visits, snapshot.total
