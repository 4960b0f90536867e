"""The rooms that show statistics: of the site and its panel, and of a community together with its dashboards."""

from __future__ import annotations

from koyjabo.communities.live.dashboard_room import Dashboards
from koyjabo.communities.live.member_room import STATS
from koyjabo.counting.live_stats import LiveStats
from koyjabo.models import SITE
from koyjabo.realtime.events import PANEL_ROOM, STATS_ROOM, visitors_room
from koyjabo.realtime.rooms import Rooms


class StatsRooms:
    def __init__(self, rooms: Rooms, dashboards: Dashboards) -> None:
        self._rooms = rooms
        self._dashboards = dashboards

    def changed(self, live_stats: LiveStats) -> None:
        """The numbers of a scope have changed on this worker, which tells the others."""
        if live_stats.scope == SITE:
            self._rooms.changed(STATS_ROOM, live_stats.state)
            self._rooms.refresh(PANEL_ROOM)
        else:
            self._rooms.changed(visitors_room(live_stats.scope), lambda: {STATS: live_stats.state()}, STATS)
            self._dashboards.changed(live_stats.scope)
