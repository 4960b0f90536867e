"""Pushes the site's stats to the room `stats` and to the panel."""

from koyjabo.base.models import SITE
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.visits import Visits
from .events import STATS_ROOM
from .rooms import Rooms


class SitePush:
    """Broadcasts the site's stats after changes on any worker."""

    def __init__(self, rooms: Rooms, visits: Visits) -> None:
        self._rooms = rooms
        self._visits = visits

    def stats_changed(self, live_stats: LiveStats) -> None:
        """Publish the site's stats after they have changed on this worker. Does nothing for other scopes."""
        if live_stats.scope == SITE:
            self._rooms.changed(STATS_ROOM, live_stats.state)
            self._rooms.refresh_panel()

    def active_changed(self, _: object) -> None:
        """Publish the site's stats after its active visitors have changed."""
        self.stats_changed(self._visits.site)

    def received(self, _: object, state: object) -> None:
        """Refresh the panel after another worker has published the site's stats."""
        self._rooms.refresh_panel()

    def catch_up(self, name: str) -> None:
        """Read what other workers may have published in a room before this one subscribed to it. May wait."""
        if name == STATS_ROOM:
            self._visits.stats()
            self._rooms.refresh_panel()
        self._rooms.refresh(name)
