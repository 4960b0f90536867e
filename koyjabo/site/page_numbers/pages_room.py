"""The clients that watch the numbers of pages. Each page has its own room in the fan-out, so that a view wakes only
those who watch it. They share one source, which reads all changed pages at once.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from koyjabo.base.core.errors import TooManyRequests
from koyjabo.base.network.client_address import AddressCounter
from koyjabo.base.network.rate_limiter import RATE_WINDOW_S
from koyjabo.realtime.room import EventRoom, RoomEvent
from koyjabo.realtime.sinks import Member
from .page_reading import PageViews
from .page_update import PAGE_ROOM, SPELLED_PAGE_ROOM, PageUpdate
from .pages_source import PagesSource
from .watched import Paths, Watched

MAX_WATCHED_PATHS, MAX_BYTES_OF_PATHS = 50_000, 5_000_000
"""Paths that all connections of one address may watch, and the bytes of these paths, per worker (docs/limits.md)."""

TOO_MANY_WATCHED_PATHS = "This address watches too many pages. Close other connections, or send shorter lists."


class PageTexts(NamedTuple):
    """Texts of a watched page that its clients share. Some versions of Python 3.12 would keep them for ever after
    `sys.intern`.
    """

    page: str
    room: str
    spelled_room: str


class PagesRoom(EventRoom):
    """The clients that watch pages, and what each of them watches."""

    source: PagesSource

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._watching: dict[Member, Watched] = {}
        self._texts: dict[str, PageTexts] = {}  # by page
        self._paths, self._bytes = AddressCounter(), AddressCounter()

    @property
    def is_empty(self) -> bool:
        return not self._watching

    def watch(self, member: Member, paths: Paths, adds: bool = False, address: str = "") -> dict[str, Any] | None:
        """Make a member watch these pages instead of those that it watched before, or `adds` them, and send it their
        numbers. Returns what was sent, or None for a Socket.IO client that has disconnected. If the member may have
        disconnected during the call, call `leave` afterwards. Raises PageNumbersOff, StillCounting, LedgerUnavailable,
        and TooManyRequests if its address watches too much; the member then watches the same pages as before, or
        nothing if the list is empty.
        """
        numbers = self.source.numbers
        numbers.require_on()
        if not paths and not adds:
            self.leave(member)
        self._hear()
        sent = Watched.of(paths, address)
        with self._lock:
            self._require_space(sent, Watched() if adds else self._watching.get(member, Watched()))
            self._add(sent)  # before reading, so that no later view is missed
        try:
            counts = numbers.read(sent.pages)
            with self._lock:
                value = self._admit(member, PageUpdate(paths, counts), sent, adds)
                changed = self._different(sent.pages, counts.pages) if value else []
        finally:
            with self._lock:
                self._remove(sent)
        numbers.put_back(changed)  # between the reading and the admission
        if value:
            self.changed()
        return value

    def _admit(self, member: Member, event: PageUpdate, sent: Watched, adds: bool) -> dict[str, Any] | None:
        """Send a member its first numbers, and the later ones from now on. The caller holds the lock."""
        watched = self._watching.get(member, Watched())
        old = watched.part(sent.pages) if adds else watched
        shared = [(path, self._texts[page].page) for path, page in event.paths]
        new = Watched.of(shared, sent.address, old if adds else None)
        for room in self._rooms(old):
            self._fanout.dismiss(room, member)
        value = event.as_object()
        if not self._fanout.admit_to_all(self._rooms(new), member, event.type, value, event.revision):
            self.leave(member)
            return None
        if new.pages:
            self._watching[member] = watched.with_part(new, old) if adds and watched.pages else new
            self._add(new)
            self._remove(old)
        return value

    def leave(self, member: Member) -> None:
        """Make a member watch nothing. Idempotent."""
        with self._lock:
            if watched := self._watching.pop(member, None):
                for room in self._rooms(watched):
                    self._fanout.dismiss(room, member)
                self._remove(watched)

    def send_again(self) -> None:
        """Send all pages again, after their revision has increased."""
        self.source.sent = {}  # a reading from before writes to the earlier one
        self.changed()

    def _require_space(self, new: Watched, old: Watched) -> None:
        """Raise TooManyRequests if the member's address would watch too much."""
        has_paths = self._paths.has_room(new.address, MAX_WATCHED_PATHS, new.paths - old.paths)
        has_bytes = self._bytes.has_room(new.address, MAX_BYTES_OF_PATHS, new.size - old.size)
        if new.address and not (has_paths and has_bytes):
            raise TooManyRequests(RATE_WINDOW_S, TOO_MANY_WATCHED_PATHS)

    def _different(self, pages: Collection[str], counts: Mapping[str, PageViews]) -> list[str]:
        """The pages whose other clients have last received different numbers. They are sent again."""
        sent, different = self.source.sent, []
        for page in pages:
            if sent.setdefault(page, counts[page]) != counts[page]:
                sent[page] = None
                different.append(page)
        return different

    def _rooms(self, watched: Watched) -> list[str]:
        """The fan-out's rooms of a client's pages."""
        texts = self._texts
        return [texts[page].spelled_room if spelled else texts[page].room for page, spelled in watched.pages.items()]

    def _add(self, watched: Watched) -> None:
        """Count a client's pages."""
        for page in watched.pages:
            if page not in self._texts:
                self._texts[page] = PageTexts(page, PAGE_ROOM + page, SPELLED_PAGE_ROOM + page)
        self.source.watched.update(watched.pages.keys())
        self._paths.add(watched.address, watched.paths)
        self._bytes.add(watched.address, watched.size)

    def _remove(self, watched: Watched) -> None:
        """Undo `_add`."""
        counts = self.source.watched
        for page in watched.pages:
            counts[page] -= 1
            if not counts[page]:
                del counts[page]
                self.source.sent.pop(page, None)
                del self._texts[page]
        self._paths.remove(watched.address, watched.paths)
        self._bytes.remove(watched.address, watched.size)

    def _send(self, event: RoomEvent) -> None:
        assert isinstance(event, PageUpdate)
        ((_, page),) = event.paths
        if self._fanout.member_count(PAGE_ROOM + page):
            self._send_to(PAGE_ROOM + page, event)
        values: dict[str, str] = {}  # JSON by spelling: many clients have the same one

        def own(sink: Any) -> str:
            spelled = self._watching[sink].pages[page]
            return values.get(spelled) or values.setdefault(spelled, event.as_json(spelled))

        self._fanout.send_own(SPELLED_PAGE_ROOM + page, event.type, event.revision, own)
