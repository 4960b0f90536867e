"""The pages whose site sockets are open on this worker, and how long each one has been visible.

All spans on a worker share one timeline: the wall clock at startup, continued by the monotonic clock. Two tabs of a
visit therefore count once even if they are on two workers. If the wall clock is set, the timeline follows it, because a
worker that starts later begins with the new time. When the clock is set back, time that already has a span counts only
once.

A socket that sends `visible` will name its visitor, because clients that do not name one do not send it. Until then,
what it sent is kept for that visitor, and a guess gets no time from it.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.presence.visitors.visitor_sockets import OpenSocket
from .spans import SPAN_KEPT_MS
from .timeline import SetBack, Shown, Timeline

CLOCK_STEP_MS = 1000
"""The timeline follows the wall clock if it was set by more than this, ms."""

WRITE_AFTER_MS = 270_000
"""How often an open page's time is written, ms. Including the time since the last pong, a crash loses up to 5
minutes.
"""

MAX_SEARCHED_PAGES = 10_000
"""Maximum number of pages that `running` reads, which takes 5 ms."""


class OpenPage:
    """A page with an open socket. There may be 100,000, so it has no timer and few fields."""

    __slots__ = ("acted", "began_ms", "came_first", "is_named", "looked_at_ms", "source", "visible", "visit_id")

    def __init__(self, source: Any, visit_id: str | None) -> None:
        self.source = source
        self.visit_id = visit_id  # named by the client, or found in the database for the running span
        self.is_named = visit_id is not None
        self.visible = self.came_first = False
        self.acted = False  # there was input that was not passed on yet
        self.began_ms = self.looked_at_ms = 0  # elapsed; the unwritten part of the span starts at `began_ms`


class Due(NamedTuple):
    """The running span of a page, to be written."""

    socket: Hashable
    page: OpenPage
    began_ms: int  # elapsed
    shown: Shown


class OpenPages:
    """Calls `on_ended` with each span that has ended or input, and its address. `owner_of` finds the visitor of a
    socket. `newest_visit` returns the id of the newest visit.
    """

    def __init__(
        self,
        clock: Clock,
        owner_of: Callable[[Hashable], OpenSocket],
        on_ended: Callable[[Shown, str], None],
        newest_visit: Callable[[], int],
    ) -> None:
        self._clock = clock
        self._owner_of = owner_of
        self._on_ended = on_ended
        self._newest_visit = newest_visit
        self._pages: dict[Hashable, OpenPage] = {}  # in the order of `looked_at_ms`
        self._unnamed: set[Hashable] = set()  # sockets that sent `visible`, and have not named their visitor
        self.line_ms = clock.now_ms() - clock.elapsed_ms()  # how far the timeline is ahead of the monotonic clock
        self._earlier_lines: deque[tuple[int, int]] = deque()  # (elapsed ms when it stopped being used, its `line_ms`)
        self._set_back = SetBack()
        self._again: dict[Hashable, None] = {}  # sockets whose pages could not be written
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._pages)

    def opened(self, socket: Hashable, source: Any, visit_id: str | None) -> None:
        """Record an opened socket, whose page counts as visible. `visit_id` is the visit that the client names.

        `silent_ms` of the source is the time since its last frame or pong. Other servers' connections do not have it.
        """
        with self._lock:
            page = self._pages[socket] = OpenPage(source, visit_id)
            self._begin(socket, page)
            page.looked_at_ms = page.began_ms

    def named(self, socket: Hashable, visit_id: str | None) -> None:
        """Note that the client has named its visitor, and perhaps its visit. Replaces a guess."""
        with self._lock:
            self._unnamed.discard(socket)
            if page := self._pages.get(socket):
                page.visit_id, page.is_named, page.came_first = visit_id, visit_id is not None, False
                if page.acted and not page.visible:
                    self._act(socket, page, visit_id)

    def show(self, socket: Hashable, visible: bool, acted: bool = False, visit_id: str | None = None) -> None:
        """Note that a page was shown or hidden. `acted` belongs to `visit_id`, or else to the visit of the span."""
        with self._lock:
            page = self._pages.get(socket)
            if page is None:
                return
            if not self._owner_of(socket).is_named:
                self._unnamed.add(socket)
            if visible and not page.visible:
                self._begin(socket, page)
            is_own = visit_id in (None, page.visit_id)
            page.acted |= acted and is_own
            if page.visible and not visible:
                self._end(socket, page)
            if acted and (not is_own or (page.acted and not page.visible)):
                self._act(socket, page, visit_id)

    def closed(self, socket: Hashable) -> None:
        """End the span of a closed socket. Call it while its visitor is still known."""
        with self._lock:
            page = self._pages.pop(socket, None)
            if page is not None and page.visible:
                self._end(socket, page)
            self._unnamed.discard(socket)

    def now_ms(self) -> int:
        """The current time on the timeline."""
        return self._clock.elapsed_ms() + self.line_ms

    def timeline(self) -> Timeline:
        with self._lock:
            at_ms = self._clock.elapsed_ms() - SPAN_KEPT_MS
            while self._earlier_lines and self._earlier_lines[0][0] <= at_ms:
                self._earlier_lines.popleft()
            earliest_ms = min([self.line_ms, *[line_ms for _, line_ms in self._earlier_lines]])
            return Timeline(self.now_ms(), at_ms + earliest_ms, self._set_back)

    def follow_clock(self) -> None:
        """Move the timeline if the wall clock was set. Ends the running spans, and begins new ones."""
        with self._lock:
            ahead_ms = self._clock.now_ms() - self.now_ms()
            if abs(ahead_ms) > CLOCK_STEP_MS:
                for socket, page in self._pages.items():
                    if page.visible and (shown := self._shown(socket, page)):
                        self._pass_on(socket, page, shown)
                        page.began_ms += shown.ended_ms - shown.began_ms
                self._earlier_lines.append((self._clock.elapsed_ms(), self.line_ms))
                self.line_ms += ahead_ms
                if ahead_ms < 0:
                    self._set_back = SetBack(self.now_ms(), -ahead_ms, self._newest_visit())

    def due(self, most: int, after_ms: int = WRITE_AFTER_MS) -> list[Due]:
        """The running spans of up to `most` pages that have not been checked for `after_ms`."""
        with self._lock:
            again = list(islice(self._again, most))
            for socket in again:
                del self._again[socket]
            pages = [(socket, self._pages[socket]) for socket in again if socket in self._pages]
            pages += self._oldest(most, self._clock.elapsed_ms() - after_ms)
            shown = [(socket, page, self._shown(socket, page)) for socket, page in pages if page.visible]
            return [Due(socket, page, page.began_ms, part) for socket, page, part in shown if part]

    def running(self, visitors: Collection[str]) -> list[Shown]:
        """The running spans of these visitors, among the MAX_SEARCHED_PAGES pages that were most recently opened or
        checked.
        """
        with self._lock:
            pages = list(islice(reversed(self._pages.items()), MAX_SEARCHED_PAGES))
        own = [(socket, page) for socket, page in pages if self._owner_of(socket).visitor_id in visitors]
        spans = [self._shown(socket, page) for socket, page in own if page.visible]
        return [shown for shown in spans if shown is not None]

    def put_back(self, due: Iterable[Due]) -> None:
        """Make spans that could not be written due again."""
        self._again.update((socket, None) for socket, *_ in due)

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

    def _oldest(self, most: int, before_ms: int) -> Iterator[tuple[Hashable, OpenPage]]:
        """The pages that have not been checked since `before_ms`, elapsed. Moves them to the end of the order."""
        now_ms = self._clock.elapsed_ms()
        for _ in range(min(most, len(self._pages))):
            socket, page = next(iter(self._pages.items()))
            if page.looked_at_ms > before_ms:
                return
            self._pages[socket] = self._pages.pop(socket)
            page.looked_at_ms = now_ms
            yield socket, page

    def _begin(self, socket: Hashable, page: OpenPage) -> None:
        page.began_ms, page.visible = self._clock.elapsed_ms(), True
        page.came_first = self._owner_of(socket).counted_id is None
        if not page.is_named:
            page.visit_id = None

    def _end(self, socket: Hashable, page: OpenPage) -> None:
        shown = self._shown(socket, page)
        page.visible = False
        if shown is not None:
            self._pass_on(socket, page, shown)

    def _act(self, socket: Hashable, page: OpenPage, visit_id: str | None) -> None:
        """Report an input outside running spans. Until the client has named its visitor, keep the input."""
        owner, now_ms = self._owner_of(socket), self.now_ms()
        if owner.is_named and owner.visitor_id is not None:
            shown = Shown(owner.visitor_id, visit_id or page.visit_id, now_ms, now_ms, acted=True)
            self._pass_on(socket, page, shown)
        else:
            page.acted = True

    def _pass_on(self, socket: Hashable, page: OpenPage, shown: Shown) -> None:
        page.acted &= not (shown.acted and shown.visit_id == page.visit_id)
        if shown.acted or shown.ended_ms > shown.began_ms:
            self._on_ended(shown, self._owner_of(socket).address)

    def _shown(self, socket: Hashable, page: OpenPage) -> Shown | None:
        """The running span up to the last sign of life; None if the visitor is not known."""
        owner = self._owner_of(socket)
        if owner.counted_id is None or socket in self._unnamed:
            return None
        silent_ms: int = getattr(page.source, "silent_ms", 0)
        began_ms, came_first = page.began_ms + self.line_ms, page.came_first and not owner.is_named
        ended_ms = max(began_ms, self.now_ms() - silent_ms)
        return Shown(owner.counted_id, page.visit_id, began_ms, ended_ms, acted=page.acted, came_first=came_first)
