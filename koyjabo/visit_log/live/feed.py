"""The source of the panel's room: the changes since the last event, read from the ledger (decision 7).

Nothing of it goes over the bus. The same call that announces new numbers of the site tells the room that there is
something to read; so a lost message costs a second, until the next regular read, and no visit is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any

from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.counting.visits import Visits
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.presence.members.arrivals import ArrivalLog
from koyjabo.realtime.events import PanelUpdate
from koyjabo.realtime.room import RoomEvent
from koyjabo.visit_log.live import feed_queries, wire
from koyjabo.visit_log.live.feed_queries import LiveVisit
from koyjabo.visit_log.live.recent import Recent
from koyjabo.visit_log.live.wire import LONGEST_NAME, LONGEST_PAGE

MOST_COMMUNITIES = 20
"""The communities with arrivals or departures that are sent, those of the newest ones first."""

STATS = ("totalVisits", "todayVisits", "activeUsers", "uniqueVisitors", "epoch", "stale")


class Feed:
    """One worker's feed, as long as its room has members. Only `read` waits."""

    interval_s = 0.1
    is_relative = False

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, visits: Visits, arrivals: ArrivalLog, window_s: int
    ) -> None:
        self._database = database
        self._clock = clock
        self._visits = visits
        self._arrivals = arrivals
        self.window_ms = window_s * 1000
        self._recent = Recent(clock, self.window_ms)
        self._communities: dict[str, Any] = {}
        self._names: dict[str, str | None] = {}  # of communities, as they are sent; None: deleted
        self._reloads = self._reloaded = 0
        self._sent: dict[str, Mapping[str, Any]] = {}  # the parts as of the last event
        self._sent_id = 0
        self._is_whole_due = False
        self._revision = clock.now_ms()

    def open(self) -> None:
        """Read the present state, for the first member. Raises LedgerUnavailable."""
        self.read()
        self._sent, self._sent_id = self.parts(), self._newest_id

    def reload(self) -> None:
        """Read and send everything again: something that was sent has been erased."""
        self._reloads += 1

    def has_user(self, user_id: str) -> bool:
        return any(each.user_id == user_id for each in self._recent.newest)

    def read(self) -> None:
        """Take in the visits since the last call. Raises LedgerUnavailable."""
        reloads = self._reloads
        is_old = reloads != self._reloaded
        recent = Recent(self._clock, self.window_ms) if is_old else self._recent
        if recent.after is None or self._visits.site.snapshot.visits > recent.after:
            # The first one counts an hour, for which other reads must not wait.
            read = self._database.report if recent.after is None else self._database.read
            recent.take(read(recent.read))
        self._communities = self._read_communities()
        self._recent, self._reloaded, self._is_whole_due = recent, reloads, self._is_whole_due or is_old

    def first_event(self) -> RoomEvent:
        visits = [wire.visit(each) for each in self._recent.newest]
        return PanelUpdate(visits, self.parts(), self._revision, is_whole=True)

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        with suppress(LedgerUnavailable):  # the stats are then marked stale
            self.read()
        is_whole, self._is_whole_due = self._is_whole_due, False
        sent = {} if is_whole else self._sent
        new = list(takewhile(lambda each: is_whole or each.id > self._sent_id, self._recent.newest))
        parts = self.parts()
        changed = {name: found for name in parts if (found := wire.difference(sent.get(name, {}), parts[name]))}
        if not (new or changed):
            return []
        self._sent, self._sent_id = parts, self._newest_id
        self._revision = max(self._revision + 1, after + 1, self._clock.now_ms())
        return [PanelUpdate([wire.visit(each) for each in new], changed, self._revision, is_whole)]

    def merge(self, state: Any) -> None:
        """Does nothing: workers publish no state of this room."""

    @property
    def newest(self) -> Sequence[LiveVisit]:
        """The newest first."""
        return self._recent.newest

    @property
    def _newest_id(self) -> int:
        return self._recent.newest[0].id if self._recent.newest else 0

    def _read_communities(self) -> dict[str, Any]:
        found = self._arrivals.last_hour(MOST_COMMUNITIES)
        names = {scope: name for scope, name in self._names.items() if scope in found}
        if unknown := [scope for scope in found if scope not in names]:
            known = self._database.read(feed_queries.names, unknown)
            names |= {scope: wire.short(known[scope], LONGEST_NAME) if scope in known else None for scope in unknown}
        self._names = names
        return {
            scope: {"name": names[scope], **each._asdict()} for scope, each in found.items() if names[scope] is not None
        }

    def parts(self) -> dict[str, Mapping[str, Any]]:
        """The present values by key, of each part of the event."""
        recent, stats = self._recent, self._visits.newest().as_object()
        pages = recent.pages.count(self._clock.now_ms())
        return {
            "stats": {name: stats[name] for name in STATS if name in stats},
            "minutes": {str(minute): sum(each) for minute, each in recent.minutes.items()},
            "places": {wire.short(place, LONGEST_NAME): each["count"] for place, each in stats["locations"].items()},
            "pages": {wire.short(page, LONGEST_PAGE): visitors for page, visitors in pages.items()},
            "communities": self._communities,
        }
