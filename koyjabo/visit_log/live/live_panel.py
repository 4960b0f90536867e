"""The room of the panel on this worker: its feed while it has members, and what makes the feed read again."""

from __future__ import annotations

from collections.abc import Callable

from koyjabo.database.executor import DatabaseExecutor
from koyjabo.realtime.events import PANEL_ROOM
from koyjabo.realtime.rooms import Rooms
from koyjabo.visit_log.live import feed_queries
from koyjabo.visit_log.live.feed import Feed
from koyjabo.visit_log.live.feed_queries import LiveVisit


class LivePanel:
    """Callers check the permission."""

    def __init__(self, rooms: Rooms, database: DatabaseExecutor, new_feed: Callable[[], Feed]) -> None:
        self._rooms = rooms
        self._database = database
        self._new_feed = new_feed

    def current(self) -> Feed:
        """The open feed of this worker, or a new one, which has to read. Raises LedgerUnavailable."""
        found = self._feed
        if found is None:
            found = self._new_feed()
            found.open()
        return found

    def newest(self, most: int) -> list[LiveVisit]:
        """The newest visits, the newest first. Raises LedgerUnavailable."""
        return self._database.read(feed_queries.newest, 0, most)

    def changed(self) -> None:
        """Visits or numbers of the site have changed, on this worker or another."""
        self._rooms.refresh(PANEL_ROOM)

    def reload(self) -> None:
        """A visitor was erased."""
        if feed := self._feed:
            feed.reload()
            self.changed()

    def user_changed(self, user_id: str) -> None:
        """A user may have been deleted."""
        if (feed := self._feed) and feed.has_user(user_id):
            self.reload()

    @property
    def _feed(self) -> Feed | None:
        room = self._rooms.find(PANEL_ROOM)
        return room.source if room is not None and isinstance(room.source, Feed) else None
