"""Publishes changes in the rooms of communities and of their dashboards."""

from koyjabo.base.models import SITE, Scope
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.visits import Visits
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.realtime.events import members_online_room, visitors_room
from koyjabo.realtime.rooms import Rooms
from .dashboards import Dashboards
from .member_room import ONLINE_STATE, STATS_STATE, MemberRoom


class RoomUpdates:
    """Publishes changes of a community's stats, and of the people online in it."""

    def __init__(self, rooms: Rooms, members: OnlineMembers, visits: Visits, dashboards: Dashboards) -> None:
        self._rooms = rooms
        self._members = members
        self._visits = visits
        self._dashboards = dashboards

    def stats_changed(self, live_stats: LiveStats) -> None:
        """Publish a community's stats after they have changed on this worker. Does nothing for the site."""
        if live_stats.scope != SITE:
            self._rooms.changed(visitors_room(live_stats.scope), lambda: {STATS_STATE: live_stats.state()}, STATS_STATE)
            self._dashboards.changed(live_stats.scope)

    def count_changed(self, scope: Scope) -> None:
        """Publish the number of people online after it has changed on any worker."""
        self._rooms.changed(
            visitors_room(scope),
            lambda: {ONLINE_STATE: list(self._members.online(scope))},
            ONLINE_STATE,
            is_presence=True,
        )
        self._rooms.refresh(members_online_room(scope))
        self._dashboards.changed(scope)

    def catch_up(self, name: str) -> None:
        """Read what other workers may have published in a member room before this one subscribed to it. May wait."""
        room = self._rooms.find(name)
        if room is not None and isinstance(room.source, MemberRoom):
            self._visits.refresh(room.source.live_stats)
            room.changed()

    def tick(self) -> None:
        """Refresh dashboards and member rooms. Call it every second."""
        self._dashboards.tick()
        rooms = self._rooms.with_source(MemberRoom)
        for room, _ in rooms:
            room.changed()
        for _, source in rooms:
            if not self._visits.refresh(source.live_stats):
                break  # the database is down, and each further read would take a second
