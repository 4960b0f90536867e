"""The panel's room on this worker, and its source: changes since the last event, read from the ledger.

Only unwritten spans are sent over the bus. The message that announces new numbers for the site also makes the room read
again. If it is lost, visits appear a second later, with the next regular read.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from itertools import islice, takewhile
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.urls import shown
from koyjabo.base.models import SITE
from koyjabo.base.network import user_agents
from koyjabo.base.network.geolocation import largest
from koyjabo.counting.evidence.attendance import AttendanceWriter
from koyjabo.counting.last_hour import LastHour, Minute
from koyjabo.counting.queries import ids_before
from koyjabo.counting.services import CountingServices
from koyjabo.presence.services import PresenceServices
from koyjabo.realtime.events import PANEL_ROOM, PanelUpdate
from koyjabo.realtime.room import RoomEvent, changes
from koyjabo.realtime.services import RealtimeServices
from . import feed_queries
from .attended_times import READ_MS, LiveTime, times_of
from .feed_queries import LiveRow, Measured, Opened

MAX_VISITORS = 10_000
"""Maximum number of visitors in memory, about 3 MB. If the active window has more, only the newest count."""

MAX_NAMED = 5
"""Maximum number of pages, and of locations, that are listed. The rest counts as Other."""

OTHER = "Other"
NO_PAGE = ""

NEWEST = 50
"""Maximum number of visits kept for a new member and sent in one event. Below 500 visits a second, none is left out."""


News = tuple[Sequence[LiveRow], list[Opened], Mapping[int, Minute]]
"""New visits, newest first, the pages that were opened, and all minutes of the last hour."""


class Recent:
    def __init__(self, clock: Clock, window_ms: int) -> None:
        self.after: int | None = None  # the newest id read; None before the first read
        self.newest: deque[LiveRow] = deque(maxlen=NEWEST)
        self.minutes: Mapping[int, Minute] = {}
        # The page that each recent visitor opened last, with its time, oldest first. It is read from the ledger,
        # because presence does not track pages.
        self._opened: OrderedDict[str, tuple[str | None, int]] = OrderedDict()
        self._clock = clock
        self._window_ms = window_ms
        self._hour = LastHour(SITE)

    def read(self, session: Any) -> News:
        """Read new rows. This is a database operation; its result is for `take`."""
        now_ms, after = self._clock.now_ms(), self.after or 0
        since_ms = now_ms - self._window_ms
        # The first read does not start at the beginning of the ledger.
        opened_after = after or ids_before(session, since_ms)
        opened = feed_queries.pages(session, opened_after, since_ms, MAX_VISITORS)
        return feed_queries.newest(session, after, NEWEST), opened, self._hour.read(session, now_ms)

    def take(self, news: News) -> None:
        newest, opened, self.minutes = news
        self.newest.extendleft(reversed(newest))
        for visitor_id, page, at_ms in opened:
            self._opened[visitor_id] = page, at_ms
            self._opened.move_to_end(visitor_id)
        while len(self._opened) > MAX_VISITORS:
            self._opened.popitem(last=False)
        self.after = newest[0].id if newest else self.after or 0

    def pages(self) -> dict[str, int]:
        """Number of visitors by page: the MAX_NAMED pages with the most visitors, then the rest as OTHER. Visits
        without a page are NO_PAGE. A visitor counts once, for the page of their last visit, until the active window
        after that visit has passed.
        """
        since_ms = self._clock.now_ms() - self._window_ms
        while self._opened and next(iter(self._opened.values()))[1] <= since_ms:
            self._opened.popitem(last=False)
        visitors = Counter(shown(page or NO_PAGE) for page, _ in self._opened.values())
        named = dict(sorted(visitors.items(), key=lambda item: (-item[1], item[0]))[:MAX_NAMED])
        rest = visitors.total() - sum(named.values())
        return {**named, OTHER: rest} if rest else named


LONGEST_PAGE, LONGEST_NAME = 300, 150
"""Maximum length as JSON, bytes, so that a visit with two names, a location and a page takes less than 1 KB."""

ESCAPED, ESCAPED_PAIR = 6, 12
"""Length of a character in ASCII JSON, bytes: one or two escapes such as `\u0995`."""

MAX_ROWS = 15
"""Number of visits on the Live page."""

MAX_COMMUNITIES = 5
"""Maximum number of communities with arrivals or departures in an event, latest changes first."""

STATS = ("totalVisits", "todayVisits", "activeUsers", "uniqueVisitors", "epoch", "stale")


class Feed:
    """This worker's feed while its room has members. Only `read` waits."""

    interval_s = 0.1
    caused_by_visits = False
    is_relative = False

    def __init__(self, base: Base) -> None:
        self._database, self._clock = base.database, base.clock
        self._visits, self._arrivals = base.services[CountingServices].visits, base.services[PresenceServices].arrivals
        self._attendance = base.services[AttendanceWriter]
        self.window_ms = base.settings.active_window_seconds * 1000
        self._recent = Recent(self._clock, self.window_ms)
        self._times: Mapping[str, LiveTime] = {}
        self._times_read_ms: int | None = None  # from `Clock.elapsed_ms`
        self._measured: list[Measured] = []
        self._communities: dict[str, Any] = {}
        self._names: dict[str, dict[str, str] | None] = {}  # names of communities as sent; None: deleted
        self._reloads = self._reloaded = 0
        self._sent: dict[str, Mapping[str, Any]] = {}  # the parts as of the last event
        self._sent_id = 0
        self._is_whole_due = False
        self._revision = self._clock.now_ms()

    def open(self) -> None:
        """Read the current state for the first member. Raises LedgerUnavailable."""
        self.read()
        self._sent, self._sent_id = self.parts(), self._newest_id

    def reload(self) -> None:
        """Read and send everything again, for example because data already sent was erased."""
        self._reloads += 1

    def has_user(self, user_id: str) -> bool:
        return any(visit.user_id == user_id for visit in self._recent.newest)

    def read(self) -> None:
        """Read the visits since the last call. Raises LedgerUnavailable."""
        reloads = self._reloads
        is_old = reloads != self._reloaded
        recent = Recent(self._clock, self.window_ms) if is_old else self._recent
        if recent.after is None or self._visits.site.snapshot.visits > recent.after:
            # The first read counts a whole hour, and must not delay other reads.
            read = self._database.report if recent.after is None else self._database.read
            recent.take(read(recent.read))
        if is_old:
            self._names = {}
        self._read_communities()
        now_ms = self._clock.elapsed_ms()
        if self._times_read_ms is None or now_ms - self._times_read_ms >= READ_MS:
            ids = [visit.id for visit in islice(recent.newest, MAX_ROWS)]
            self._measured, self._times_read_ms = self._database.read(feed_queries.measured, ids), now_ms
            self._times = times_of(self._measured, self._attendance)
        self._recent, self._reloaded, self._is_whole_due = recent, reloads, self._is_whole_due or is_old

    def first_event(self) -> RoomEvent:
        visits = [_visit(visit) for visit in self._recent.newest]
        return PanelUpdate(visits, self.parts(), self._revision, is_whole=True)

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        try:
            self.read()
        except LedgerUnavailable:  # the stats are then marked stale
            # Otherwise, the time of a page that was hidden since then would run on.
            self._times = times_of(self._measured, self._attendance)
        is_whole, self._is_whole_due = self._is_whole_due, False
        sent = {} if is_whole else self._sent
        visits = list(takewhile(lambda visit: is_whole or visit.id > self._sent_id, self._recent.newest))
        parts = self.parts()
        changed = {}
        for name, part in parts.items():
            before = sent.get(name, {})
            removed = {key: None for key in before if key not in part}
            if new := {**changes(before, part), **removed}:
                changed[name] = new
        if not (visits or changed):
            return []
        self._sent, self._sent_id = parts, self._newest_id
        self._revision = max(self._revision + 1, after + 1, self._clock.now_ms())
        return [PanelUpdate([_visit(visit) for visit in visits], changed, self._revision, is_whole)]

    def merge(self, state: Any) -> None:
        """Do nothing: workers do not publish this room's state."""

    @property
    def newest(self) -> Sequence[LiveRow]:
        """The latest visits, newest first."""
        return self._recent.newest

    @property
    def _newest_id(self) -> int:
        return self._recent.newest[0].id if self._recent.newest else 0

    def _read_communities(self) -> None:
        scopes = self._arrivals.last_hour(MAX_COMMUNITIES)
        names = {scope: name for scope, name in self._names.items() if scope in scopes}
        if unknown := [scope for scope in scopes if scope not in names]:
            read = self._database.read(feed_queries.names, unknown)
            names |= {scope: _names(*read[scope]) if scope in read else None for scope in unknown}
        self._names = names
        self._communities = {
            scope: {**name, **traffic._asdict()}
            for scope, traffic in scopes.items()
            if (name := names[scope]) is not None
        }

    def parts(self) -> dict[str, Mapping[str, Any]]:
        """The current values by key, for each part of the event."""
        recent, stats = self._recent, self._visits.newest().as_object()
        places = largest({place: active["count"] for place, active in stats["locations"].items()}, MAX_NAMED)
        by_size = sorted(places.items(), key=lambda item: (item[0] == OTHER, -item[1], item[0]))
        return {
            "stats": {name: stats[name] for name in STATS if name in stats},
            "minutes": {str(minute): sum(visits) for minute, visits in recent.minutes.items()},
            "places": {_short(place, LONGEST_NAME): active for place, active in by_size},
            "pages": {_short(page, LONGEST_PAGE): visitors for page, visitors in recent.pages().items()},
            "communities": self._communities,
            "attended": self._times,
        }


class LivePanel:
    """Keeps the feed open while its room has members, and makes it read again when needed. Callers check the
    permission.
    """

    def __init__(self, base: Base) -> None:
        self._base, self._rooms = base, base.services[RealtimeServices].rooms

    def current(self) -> Feed:
        """This worker's open feed, or a new one after its first read. Raises LedgerUnavailable."""
        feed = self._feed
        if feed is None:
            feed = Feed(self._base)
            feed.open()
        return feed

    def changed(self) -> None:
        """Refresh the feed after the site's visits or numbers have changed on any worker."""
        self._rooms.refresh_panel()

    def reload(self) -> None:
        """Read everything again. Pages then replace what they show, for example of a visitor who was erased."""
        if feed := self._feed:
            feed.reload()
            self.changed()

    def user_changed(self, user_id: str) -> None:
        """Read everything again if this user, who may have been deleted, is in the feed."""
        if (feed := self._feed) and feed.has_user(user_id):
            self.reload()

    @property
    def _feed(self) -> Feed | None:
        room = self._rooms.find(PANEL_ROOM)
        return room.source if room is not None and isinstance(room.source, Feed) else None


def _visit(visit: LiveRow) -> dict[str, Any]:
    browser = user_agents.of(visit.user_agent or "")
    return {
        "id": visit.id,
        "ordinal": visit.ordinal,
        "at": visit.at_ms,
        "place": _short(visit.place, LONGEST_NAME),
        "page": _short(shown(visit.page or ""), LONGEST_PAGE),
        "browser": browser.name,
        "system": browser.system,
        **({"bot": True} if visit.is_bot else {}),
        **_named("community", visit.community_id, visit.community, visit.community_bn),
        **_named("user", visit.user_id, visit.user),
    }


def _short(text: str, most: int) -> str:
    """Truncate a text to `most` bytes of JSON, with … at the end."""
    size = 0
    for at, character in enumerate(text):
        if " " <= character <= "~":
            size += 2 if character in '"\\' else 1
        else:
            size += ESCAPED if character <= "\uffff" else ESCAPED_PAIR
        if size > most:
            return text[:at] + "…"
    return text


def _named(kind: str, its_id: str | None, name: str | None, name_bn: str | None = "") -> dict[str, dict[str, str]]:
    return {kind: {"id": its_id, **_names(name, name_bn)}} if its_id else {}


def _names(name: str | None, name_bn: str | None) -> dict[str, str]:
    names = {"name": _short(name or "", LONGEST_NAME), "nameBn": _short(name_bn or "", LONGEST_NAME)}
    return names if name_bn else {"name": names["name"]}
