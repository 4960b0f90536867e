"""Moderators' dashboards: today's visitors, the people online, and the last hour. Sent on changes and every 10 s."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koyjabo.base.core.clock import Clock, newest_credible
from koyjabo.base.core.errors import LedgerUnavailable, UnknownCommunity
from koyjabo.base.models import Scope
from koyjabo.realtime.events import DashboardUpdate, dashboard_room
from koyjabo.realtime.room import RoomEvent, RoomSource
from koyjabo.realtime.rooms import Rooms
from .dashboard_leader import DashboardLeader


@dataclass(frozen=True, slots=True)
class ReportRooms:
    """The rooms whose sources are in `reports`."""

    view: Callable[[Scope, str, Mapping[str, Any]], tuple[str, Callable[[], RoomSource]]]
    """Returns the room for the view that a user's message names, and a function that opens the room."""

    dashboard: Callable[[str], Mapping[str, Any]]
    """Returns the current data of a community's dashboard. May wait."""

    own_dashboard: Callable[[str], Mapping[str, Any]]
    """Returns the data that differs between workers. Changes to it send no event. Must not wait."""

    people_version: Callable[[], int]
    """Changes whenever other people are named as online, also if the data leaves them out."""


class Dashboard:
    """The source of one community's dashboards. Call `read` before `first_event`."""

    interval_s = 1.0
    caused_by_visits = False
    is_relative = False

    def __init__(self, community_id: str, reports: ReportRooms, clock: Clock) -> None:
        self.community_id = community_id
        self._reports = reports
        self._clock = clock
        self._data: Mapping[str, Any] = {}
        self._version = self._revision = 0

    def read(self, again: bool = False) -> None:
        """Update the data. After an error, the last data is kept. Raises LedgerUnavailable or UnknownCommunity if there
        is none yet. With `again`, raises them in any case, and the data is published even if unchanged.
        """
        version = self._reports.people_version()
        try:
            data = self._reports.dashboard(self.community_id)
        except (LedgerUnavailable, UnknownCommunity):
            if again or not self._data:
                raise
            return  # a deleted community loses its participants soon
        if again or (data, version) != (self._data, self._version):
            self._data, self._version = data, version
            self._revision = max(self._revision + 1, self._clock.now_ms())

    @property
    def data(self) -> dict[str, Any]:
        return {**self._data, **self._reports.own_dashboard(self.community_id)}

    def first_event(self) -> RoomEvent:
        return DashboardUpdate(self.data, self._revision, self._clock.time_of(self._revision))

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        self.read()
        return [self.first_event()] if self._revision > after else []

    def state(self) -> Any:
        return {"data": self._data, "revision": self._revision}

    def merge(self, state: Any) -> None:
        """Accept a newer state from another worker. Raises ValueError, or the first error, if it is malformed."""
        data, revision = state["data"], state["revision"]
        newest = newest_credible(self._clock, self._revision)
        if not (isinstance(data, dict) and type(revision) is int and revision <= newest):
            raise ValueError("not the data of a dashboard")
        if revision > self._revision:
            self._data, self._revision = data, revision


class Dashboards:
    """The open dashboards on this worker. `reports` returns the sources that `reports` has added to the services."""

    def __init__(self, rooms: Rooms, leader: DashboardLeader, clock: Clock, reports: Callable[[], ReportRooms]) -> None:
        self.reports = reports
        self._rooms = rooms
        self._leader = leader
        self._clock = clock

    def current(self, community_id: str) -> Dashboard:
        """A dashboard with current data. May wait."""
        dashboard = self._dashboard_of(community_id)
        dashboard.read()
        return dashboard

    def changed(self, community_id: str) -> None:
        """Re-read a dashboard after its data may have changed. Does nothing if it is not open."""
        self._rooms.refresh(dashboard_room(community_id))

    def tick(self) -> None:
        """Read changes from other workers, and refresh the dashboards if this worker is elected. Call this every
        second.
        """
        watched = self._rooms.with_source(Dashboard)
        for room, _ in watched:
            room.changed()
        self._leader.refresh_if_due([dashboard.community_id for _, dashboard in watched], self._refresh)

    def _refresh(self, communities: Iterable[str]) -> None:
        for community_id in communities:
            dashboard = self._dashboard_of(community_id)
            try:
                dashboard.read(again=True)
            except UnknownCommunity:
                continue
            except LedgerUnavailable:
                return  # the others would wait just as long; the next interval tries again
            self._rooms.changed(dashboard_room(community_id), dashboard.state)

    def _dashboard_of(self, community_id: str) -> Dashboard:
        """The open dashboard of a community on this worker, or a new one."""
        room = self._rooms.find(dashboard_room(community_id))
        if room is not None and isinstance(room.source, Dashboard):
            return room.source
        return Dashboard(community_id, self.reports(), self._clock)
