"""The room of the open panel pages: the site's stats, and requests to load everything again."""

from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.counting.visits import Visits
from .events import PanelUpdate
from .room import RoomEvent

HIDDEN_STATS = ("totalVisitors", "locations", "revision", "timestamp")
"""The fields of the stats object that no panel page shows. The panel's pages follow all others."""


class PanelRoom:
    """The source of the panel's room. Call `Rooms.refresh_panel` after changes."""

    interval_s = 0.1
    caused_by_visits = False
    is_relative = False

    def __init__(self, visits: Visits, clock: Clock) -> None:
        self._visits, self._clock = visits, clock
        self._sent = self._stats()
        self._revision = clock.now_ms()
        self._is_whole_due = False

    def reload(self) -> None:
        """Make pages request again what they show."""
        self._is_whole_due = True

    def first_event(self) -> RoomEvent:
        return self._update(self._stats(), is_whole=True)

    def events_after(self, after: int) -> list[RoomEvent]:
        stats, is_whole = self._stats(), self._is_whole_due
        if stats == self._sent and not is_whole:
            return []
        self._sent, self._is_whole_due = stats, False
        self._revision = max(self._revision + 1, after + 1, self._clock.now_ms())
        return [self._update(stats, is_whole)]

    def merge(self, state: Any) -> None:
        """Do nothing: the room follows the site's stats."""

    def _update(self, stats: dict[str, Any], is_whole: bool) -> RoomEvent:
        return PanelUpdate(stats, self._revision, is_whole, self._clock.time_of(self._revision))

    def _stats(self) -> dict[str, Any]:
        stats = self._visits.newest().as_object()
        return {name: value for name, value in stats.items() if name not in HIDDEN_STATS}
