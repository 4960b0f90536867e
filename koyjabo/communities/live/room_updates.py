"""Publishes changes in the rooms of the site, the panel, communities and their dashboards."""

from __future__ import annotations

from koyjabo.communities.live.dashboard_room import Dashboards
from koyjabo.communities.live.member_room import ONLINE, STATS, MemberRoom
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.visits import Visits
from koyjabo.models import SITE, Scope
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.realtime.events import STATS_ROOM, visitors_room
from koyjabo.realtime.rooms import Rooms


class RoomUpdates:
    def __init__(self, rooms: Rooms, members: OnlineMembers, visits: Visits, dashboards: Dashboards) -> None:
        self._rooms = rooms
        self._members = members
        self._visits = visits
        self._dashboards = dashboards

    def stats_changed(self, live_stats: LiveStats) -> None:
        """Publish a scope's stats after they have changed on this worker."""
        if live_stats.scope == SITE:
            self._rooms.changed(STATS_ROOM, live_stats.state)
            self._rooms.refresh_panel()
        else:
            self._rooms.changed(visitors_room(live_stats.scope), lambda: {STATS: live_stats.state()}, STATS)
            self._dashboards.changed(live_stats.scope)

    def count_changed(self, scope: Scope) -> None:
        """Publish the number of people online after it has changed on any worker."""
        self._rooms.changed(
            visitors_room(scope), lambda: {ONLINE: list(self._members.online(scope))}, ONLINE, is_presence=True
        )
        self._dashboards.changed(scope)

    def catch_up(self, name: str) -> None:
        """Read what other workers may have published in a room before this one subscribed to it. May wait."""
        room = self._rooms.find(name)
        if name == STATS_ROOM:
            self._visits.stats()
            self._rooms.refresh_panel()
        elif room is not None and isinstance(room.source, MemberRoom):
            self._visits.refresh(room.source.live_stats)
        self._rooms.refresh(name)

    def tick(self) -> None:
        """Refresh dashboards and member rooms. Call it every second."""
        self._dashboards.tick()
        rooms = self._rooms.with_source(MemberRoom)
        for room, _ in rooms:
            room.changed()
        for _, source in rooms:
            if not self._visits.refresh(source.live_stats):
                break  # the database is down, and each further read would take a second
