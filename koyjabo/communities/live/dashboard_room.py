"""What moderators look at: today's visitors and who is online, at once when it changes and every 10 s anyway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from koyjabo.clock import Clock
from koyjabo.counting.live_stats import newest_credible
from koyjabo.errors import LedgerUnavailable, UnknownCommunity
from koyjabo.realtime.events import DashboardUpdate, dashboard_room
from koyjabo.realtime.room import Event
from koyjabo.realtime.rooms import Rooms

BEAT_S = 10.0

Look = Callable[[str], Mapping[str, Any]]
"""The data of a community's dashboard as they are now; may wait."""


class Dashboard:
    """The source of one community's dashboards. `look` before anybody is greeted."""

    interval_s = 1.0
    is_relative = False

    def __init__(self, community_id: str, look: Look, clock: Clock) -> None:
        self.community_id = community_id
        self._look = look
        self._clock = clock
        self._data: Mapping[str, Any] = {}
        self._revision = 0

    def look(self) -> None:
        """Raises LedgerUnavailable when there is nothing to show yet; later it shows the last known."""
        self._see(again=False)

    def refresh(self) -> None:
        """Look, and say it again even if nothing has changed. Raises LedgerUnavailable, UnknownCommunity."""
        self._see(again=True)

    def greeting(self) -> Event:
        return DashboardUpdate(self._data, self._revision)

    def news(self, after: int) -> Sequence[Event]:
        self.look()
        return [self.greeting()] if self._revision > after else []

    def state(self) -> Any:
        return {"data": self._data, "revision": self._revision}

    def merge(self, state: Any) -> None:
        """Raises ValueError, or whatever comes first, for what no server of ours would say."""
        data, revision = state["data"], state["revision"]
        newest = newest_credible(self._clock, self._revision)
        if not (isinstance(data, dict) and type(revision) is int and revision <= newest):
            raise ValueError("not what a dashboard shows")
        if revision > self._revision:
            self._data, self._revision = data, revision

    def _see(self, again: bool) -> None:
        """While nothing can be seen, the last known stays; a community that is gone has nobody here in a moment.

        To say it again, something has to be seen.
        """
        try:
            data = self._look(self.community_id)
        except (LedgerUnavailable, UnknownCommunity):
            if again or not self._data:
                raise
            return
        if again or data != self._data:
            self._data = data
            self._revision = max(self._revision + 1, self._clock.now_ms())


class Beat(Protocol):
    """Decides which worker refreshes the dashboards, each time."""

    def ask(self, watched: Iterable[str], refresh: Callable[[Iterable[str]], None]) -> None:
        """Call `refresh`, now or soon, on one worker only, with the communities that are watched on any; once every
        BEAT_S, whoever asks how often. `watched` are those on this worker.
        """


class OwnBeat:
    """For a worker that is alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_ms = 0

    def ask(self, watched: Iterable[str], refresh: Callable[[Iterable[str]], None]) -> None:
        now_ms = self._clock.elapsed_ms()
        if now_ms >= self._next_ms:
            self._next_ms = now_ms + round(BEAT_S * 1000)
            refresh(watched)


class Dashboards:
    """Those that somebody looks at, on this worker."""

    def __init__(self, rooms: Rooms, look: Look, beat: Beat, clock: Clock) -> None:
        self._rooms = rooms
        self._look = look
        self._beat = beat
        self._clock = clock

    def seen(self, community_id: str) -> Dashboard:
        """A dashboard that shows what there is to see now. May wait."""
        dashboard = self._of(community_id)
        dashboard.look()
        return dashboard

    def changed(self, community_id: str) -> None:
        """Something that a dashboard shows may have changed; one that nobody looks at is no error."""
        self._rooms.shown(dashboard_room(community_id))

    def tick(self) -> None:
        """What is to be done every second: look at what others may have changed, and refresh when it is time."""
        watched = self._rooms.with_source(Dashboard)
        for room, _ in watched:
            room.changed()
        self._beat.ask([dashboard.community_id for _, dashboard in watched], self._refresh)

    def _refresh(self, communities: Iterable[str]) -> None:
        for community_id in communities:
            dashboard = self._of(community_id)
            try:
                dashboard.refresh()
            except UnknownCommunity:
                continue
            except LedgerUnavailable:
                return  # it would take each of them as long; the next beat tries again
            self._rooms.changed(dashboard_room(community_id), dashboard.state)

    def _of(self, community_id: str) -> Dashboard:
        """The one that somebody here looks at, or a new one."""
        room = self._rooms.find(dashboard_room(community_id))
        if room is not None and isinstance(room.source, Dashboard):
            return room.source
        return Dashboard(community_id, self._look, self._clock)
