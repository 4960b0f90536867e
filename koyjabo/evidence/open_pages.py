"""The pages whose site sockets are open on this worker, and how long each one has been visible.

All spans on a worker share one timeline: the wall clock at startup, continued by the monotonic clock. Two tabs of a
visit therefore count once even if they are on two workers. If the wall clock is set, the timeline follows it, because a
worker that starts later begins with the new time. When the clock is set back, time that already has a span counts only
once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from koyjabo.core.clock import Clock
from koyjabo.evidence.queries import Shown
from koyjabo.evidence.spans import KEPT_MS
from koyjabo.presence.visitors.visitor_sockets import OpenSocket

STEP_MS = 1000
"""The timeline follows the wall clock if it was set by more than this, ms."""

WRITE_AFTER_MS = 270_000
"""How often an open page's time is written, ms. Including the time since the last pong, a crash loses up to 5
minutes.
"""


MOST_SEARCHED = 10_000
"""Maximum number of pages that `running` reads, which takes 5 ms."""


class SitePage:
    """A page with an open socket. There may be 100,000, so it has no timer and few fields."""

    __slots__ = ("acted", "began_ms", "came_first", "is_named", "looked_at_ms", "source", "visible", "visit_id")

    def __init__(self, source: Any, visit_id: str | None) -> None:
        self.source = source
        self.visit_id = visit_id  # named by the client, or found in the database for the running span
        self.is_named = visit_id is not None
        self.visible = self.acted = self.came_first = False
        self.began_ms = self.looked_at_ms = 0  # elapsed; the unwritten part of the span starts at `began_ms`


class Due(NamedTuple):
    """The running span of a page, to be written."""

    socket: Hashable
    page: SitePage
    began_ms: int  # elapsed
    shown: Shown


class OpenPages:
    """Calls `on_ended` with each span that has ended. `owner_of` finds the visitor of a socket."""

    def __init__(
        self, clock: Clock, owner_of: Callable[[Hashable], OpenSocket], on_ended: Callable[[Shown], None]
    ) -> None:
        self._clock = clock
        self._owner_of = owner_of
        self._on_ended = on_ended
        self._pages: dict[Hashable, SitePage] = {}  # in the order of `looked_at_ms`
        self._line_ms = clock.now_ms() - clock.elapsed_ms()  # how far the timeline is ahead of the monotonic clock
        self._earlier_lines: deque[tuple[int, int]] = deque()  # (elapsed ms when it stopped being used, its `_line_ms`)
        self._again: deque[Hashable] = deque()  # sockets whose pages could not be written
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._pages)

    def opened(self, socket: Hashable, source: Any, visit_id: str | None) -> None:
        """Record an opened socket, whose page counts as visible. `visit_id` is the visit that the client names.

        `source.silent_ms` is the time since the last frame or pong. Other servers' connections do not have it.
        """
        with self._lock:
            page = self._pages[socket] = SitePage(source, visit_id)
            self._begin(socket, page)
            page.looked_at_ms = page.began_ms

    def named(self, socket: Hashable, visit_id: str | None) -> None:
        """Note that the client has named its visitor, and perhaps its visit. Replaces a guess."""
        with self._lock:
            if page := self._pages.get(socket):
                page.visit_id, page.is_named, page.came_first = visit_id, visit_id is not None, False
                if page.acted and not page.visible:
                    page.acted = False
                    self._act(socket, page, visit_id)

    def show(self, socket: Hashable, visible: bool, acted: bool = False, visit_id: str | None = None) -> None:
        """Note that a page was shown or hidden. `acted` belongs to `visit_id`, or else to the visit of the span."""
        with self._lock:
            page = self._pages.get(socket)
            if page is None:
                return
            was_visible = page.visible
            if visible and not was_visible:
                self._begin(socket, page)
            page.acted |= acted and visit_id is None and page.visible
            if was_visible and not visible:
                self._end(socket, page)
            if acted and (visit_id is not None or not (visible or was_visible)):
                self._act(socket, page, visit_id)

    def closed(self, socket: Hashable) -> None:
        """End the span of a closed socket. Call it while its visitor is still known."""
        with self._lock:
            page = self._pages.pop(socket, None)
            if page is not None and page.visible:
                self._end(socket, page)

    def now_ms(self) -> int:
        """The current time on the timeline."""
        return self._clock.elapsed_ms() + self._line_ms

    def kept_ms(self) -> int:
        """The time ten minutes ago, on the timeline as it was then."""
        with self._lock:
            at_ms = self._clock.elapsed_ms() - KEPT_MS
            while self._earlier_lines and self._earlier_lines[0][0] <= at_ms:
                self._earlier_lines.popleft()
            return at_ms + (self._earlier_lines[0][1] if self._earlier_lines else self._line_ms)

    def follow_clock(self) -> None:
        """Move the timeline if the wall clock was set. Ends the running spans, and begins new ones."""
        with self._lock:
            ahead_ms = self._clock.now_ms() - self.now_ms()
            if abs(ahead_ms) > STEP_MS:
                for socket, page in self._pages.items():
                    if page.visible and (shown := self._shown(socket, page)):
                        self._on_ended(shown)
                        page.began_ms += shown.ended_ms - shown.began_ms
                        page.acted = False
                self._earlier_lines.append((self._clock.elapsed_ms(), self._line_ms))
                self._line_ms += ahead_ms

    def due(self, most: int, after_ms: int = WRITE_AFTER_MS) -> list[Due]:
        """The running spans of up to `most` pages that have not been checked for `after_ms`."""
        with self._lock:
            again = [self._again.popleft() for _ in range(min(most, len(self._again)))]
            pages = [(socket, self._pages[socket]) for socket in again if socket in self._pages]
            pages += self._oldest(most, self._clock.elapsed_ms() - after_ms)
            shown = [(socket, page, self._shown(socket, page)) for socket, page in pages if page.visible]
            return [Due(socket, page, page.began_ms, part) for socket, page, part in shown if part]

    def running(self, visitors: Collection[str]) -> list[Shown]:
        """The running spans of these visitors, among the MOST_SEARCHED pages that were most recently opened or
        checked.
        """
        with self._lock:
            pages = list(islice(reversed(self._pages.items()), MOST_SEARCHED))
        own = [(socket, page) for socket, page in pages if self._owner_of(socket).visitor_id in visitors]
        spans = [self._shown(socket, page) for socket, page in own if page.visible]
        return [shown for shown in spans if shown is not None]

    def put_back(self, due: Iterable[Due]) -> None:
        """Make spans that could not be written due again."""
        self._again.extend(socket for socket, *_ in due)

    def written(self, due: Due, visit_id: str | None) -> None:
        """Move the start of a page's span to the end of what has been written. `visit_id` is its visit, or None if
        there is none.
        """
        _, page, began_ms, shown = due
        with self._lock:
            if not page.visible or page.began_ms != began_ms:
                return  # it has ended, and will be written as a whole
            if visit_id is not None:
                page.began_ms += shown.ended_ms - shown.began_ms
                page.acted, page.came_first = page.acted and not shown.acted, False
            if not page.is_named:
                page.visit_id = visit_id

    def _oldest(self, most: int, before_ms: int) -> Iterator[tuple[Hashable, SitePage]]:
        """The pages that have not been checked since `before_ms`, elapsed. Moves them to the end of the order."""
        now_ms = self._clock.elapsed_ms()
        for _ in range(min(most, len(self._pages))):
            socket, page = next(iter(self._pages.items()))
            if page.looked_at_ms > before_ms:
                return
            self._pages[socket] = self._pages.pop(socket)
            page.looked_at_ms = now_ms
            yield socket, page

    def _begin(self, socket: Hashable, page: SitePage) -> None:
        page.began_ms, page.visible = self._clock.elapsed_ms(), True
        page.came_first = self._owner_of(socket).counted_id is None
        if not page.is_named:
            page.visit_id = None

    def _end(self, socket: Hashable, page: SitePage) -> None:
        shown = self._shown(socket, page)
        page.visible = False
        page.acted &= shown is None  # kept until the visitor is known
        if shown is not None and (shown.acted or shown.ended_ms > shown.began_ms):
            self._on_ended(shown)

    def _act(self, socket: Hashable, page: SitePage, visit_id: str | None) -> None:
        """Write an input that belongs to no running span, or keep it until the visitor is known."""
        visitor_id, now_ms = self._owner_of(socket).counted_id, self.now_ms()
        if visitor_id is None:
            page.acted = True
        else:
            self._on_ended(Shown(visitor_id, visit_id or page.visit_id, now_ms, now_ms, acted=True))

    def _shown(self, socket: Hashable, page: SitePage) -> Shown | None:
        """The running span up to the last sign of life; None if the visitor is not known."""
        owner = self._owner_of(socket)
        if owner.counted_id is None:
            return None
        silent_ms: int = getattr(page.source, "silent_ms", 0)
        began_ms, came_first = page.began_ms + self._line_ms, page.came_first and not owner.is_named
        ended_ms = max(began_ms, self.now_ms() - silent_ms)
        return Shown(owner.counted_id, page.visit_id, began_ms, ended_ms, page.acted, None, came_first)
