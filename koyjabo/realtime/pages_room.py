"""The clients that watch the numbers of pages. Each path has its own room in the fan-out, so that a view wakes only
those who watch its page. They share one source, which reads all changed pages at once.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from koyjabo.base.core.errors import LedgerUnavailable, StillCounting
from koyjabo.counting.page_numbers.page_numbers import NOT_SHOWN, PageNumbers
from koyjabo.counting.page_reading import PageViews
from .events import PAGE, PageUpdate
from .room import Room, RoomEvent
from .sinks import Member

Paths = Sequence[tuple[str, str]]
"""Paths as they were sent, each with its page."""


class PagesSource:
    """The values of all watched pages."""

    is_relative = False
    caused_by_visits = True

    def __init__(self, numbers: PageNumbers, interval_s: float) -> None:
        self.interval_s = interval_s
        self.numbers = numbers
        self.watched: dict[str, dict[str, int]] = {}
        """How many clients watch each path, by page."""
        self.sent: dict[str, PageViews | None] = {}
        """What was last sent of each watched page; None if clients got different values, so that it is sent again."""
        numbers.watch(self.watched)

    def first_event(self) -> RoomEvent:
        raise NotImplementedError  # each client watches its own pages

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        """Return an event for each path whose page may have changed. May block."""
        with suppress(LedgerUnavailable, StillCounting):  # the next call tries again
            changed = self.numbers.take_changed() if self.numbers.is_on else self._shown()
            return self._events(changed) if changed else []
        return []

    def _shown(self) -> Collection[str]:
        """The watched pages whose clients have numbers."""
        return [page for page in self.watched if self.sent.get(page) != NOT_SHOWN]

    def merge(self, state: Any) -> None:
        """Do nothing: the values are read from the database."""

    def _events(self, changed: Collection[str]) -> Sequence[RoomEvent]:
        sent = self.sent
        try:
            counts = self.numbers.read(changed)
        except (LedgerUnavailable, StillCounting):
            self.numbers.put_back(changed)
            raise
        events = []
        for page in changed:
            views = counts.pages[page]
            if page in self.watched and sent.get(page) != views:
                sent[page] = views
                events += [PageUpdate([(path, page)], counts) for path in list(self.watched[page])]
        return events


class PagesRoom(Room):
    """The clients that watch pages, and what each of them watches."""

    source: PagesSource

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._paths: dict[Member, dict[str, str]] = {}

    @property
    def is_empty(self) -> bool:
        return not self._paths

    def watch(self, member: Member, paths: Paths, adds: bool = False) -> dict[str, Any] | None:
        """Make a member watch these pages, and send it their numbers. It stops watching earlier pages unless `adds`.
        Returns what was sent, or None for a Socket.IO client that has disconnected. If the member may have
        disconnected during the call, call `leave` afterwards. Raises PageNumbersOff, StillCounting and
        LedgerUnavailable; the member then watches the same pages as before, or nothing if the list is empty.
        """
        numbers, sent = self.source.numbers, self.source.sent
        numbers.require_on()
        if not paths and not adds:
            self.leave(member)
        self._hear()
        pages = {page for _, page in paths}
        with self._lock:
            self._add(paths, 1)  # before reading, so that no later view is missed
        try:
            counts = numbers.read(pages)
            event = PageUpdate(paths, counts)
            with self._lock:
                if not adds:
                    self.leave(member)
                value, rooms = event.as_object(), {PAGE + path for path, _ in paths}
                if not self._fanout.admit_to_all(rooms, member, event.type, value, event.revision):
                    return None
                if paths:
                    watched = self._paths.setdefault(member, {})
                    added = [(path, page) for path, page in paths if path not in watched]
                    watched.update(added)
                    self._add(added, 1)
                    for page in pages:
                        views = counts.pages[page]
                        sent[page] = views if sent.get(page, views) == views else None
        finally:
            with self._lock:
                self._add(paths, -1)
        numbers.put_back(pages)  # what has changed between the reading and the admission
        self.changed()
        return value

    def leave(self, member: Member) -> None:
        """Make a member watch nothing. Idempotent."""
        with self._lock:
            watched = self._paths.pop(member, {})
            self._add([*watched.items()], -1)
            for path in watched:
                self._fanout.dismiss(PAGE + path, member)

    def send_again(self) -> None:
        """Send all pages again, after their revision has increased."""
        self.source.sent = {}  # a reading from before writes to the earlier one
        self.changed()

    def _add(self, paths: Paths, by: int) -> None:
        """Count clients that begin or stop to watch paths."""
        watched = self.source.watched
        for path, page in paths:
            of_page = watched.setdefault(page, {})
            of_page[path] = of_page.get(path, 0) + by
            if not of_page[path]:
                del of_page[path]
            if not of_page:
                del watched[page]
                self.source.sent.pop(page, None)

    def _room_of(self, event: RoomEvent) -> str:
        assert isinstance(event, PageUpdate)
        ((path, _),) = event.paths
        return PAGE + path
