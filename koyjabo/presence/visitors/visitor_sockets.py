"""Which open socket is whose: a visitor is active for as long as their page is open (specification: Real time).

A page that says its visitorId is taken at its word. The original client never does; its socket is paired, as well as
can be told, with a visit from the same address and browser. A wrong pair can make somebody active a little longer;
it can never change a total.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import islice, takewhile
from typing import Any, Protocol

from koyjabo.clock import Clock
from koyjabo.errors import TooManyRequests
from koyjabo.models import SITE
from koyjabo.presence.visitors.active_visitors import Presence

MOST_LONELY = 10_000
"""Visits remembered because their socket may still come; the oldest give way."""

ASK_AGAIN_MS = 3000
"""After a socket has opened on one worker, its visit may still arrive on another."""

PAGES_IN_A_ROW = 256

TOO_MANY_TABS = "This visitor has too many pages open here. Close some, or reload one later."
CLOSED_SOON_S = 60

Caller = bytes
"""Who is at the other end: a salted hash of address and User-Agent."""


class Exchange(Protocol):
    """Visits and sockets that found nobody on their own worker."""

    def offer(self, caller: Caller, visitor_id: str) -> None: ...

    def ask(self, caller: Caller, found: Callable[[str], None]) -> None:
        """Call `found` with a visitor that was offered, once, if there is one."""


class NobodyElse:
    """There are no other workers."""

    def offer(self, caller: Caller, visitor_id: str) -> None:
        pass

    def ask(self, caller: Caller, found: Callable[[str], None]) -> None:
        pass


@dataclass(slots=True)
class Page:
    """A visitor with open sockets."""

    sockets: int
    renewed_ms: int
    registered: bool


class Pairing:
    def __init__(
        self,
        presence: Presence,
        clock: Clock,
        window_s: int,
        secret: str,
        exchange: Exchange,
        most_tabs: int = 0,
    ) -> None:
        """`most_tabs` is how many sockets a visitor may have here, 0 for no limit."""
        self._presence = presence
        self._clock = clock
        self._window_ms = window_s * 1000
        self._secret = secret
        self._exchange = exchange
        self._most_tabs = most_tabs
        self._sockets: dict[Hashable, tuple[Caller, str | None]] = {}
        self._pages: dict[str, Page] = {}  # the longest since it was renewed comes first
        self._waiting: dict[Caller, dict[Hashable, None]] = {}
        self._lonely: OrderedDict[str, tuple[Caller, int]] = OrderedDict()  # visitor → who, and when, elapsed ms
        self._lonely_of: dict[Caller, dict[str, None]] = {}
        self._ask_again: deque[tuple[int, Hashable, Caller]] = deque(maxlen=MOST_LONELY)  # (when, elapsed ms, …)
        self._lock = threading.RLock()

    def caller(self, environ: Mapping[str, Any]) -> Caller:
        """The key by which a visit finds its socket. Salted by the day, so that it says nothing tomorrow."""
        who = f"{environ.get('REMOTE_ADDR')}\n{environ.get('HTTP_USER_AGENT')}".encode(errors="replace")
        return blake2b(who, digest_size=12, key=_salt(self._secret, self._clock.today())).digest()

    def opened(
        self, socket: Hashable, caller: Caller, visitor_id: str | None, registered: bool, is_limited: bool = False
    ) -> None:
        """A socket was opened, by `visitor_id` if it says so; `registered` says whether they have registered a visit.

        One that is limited raises TooManyRequests when this visitor has as many as one may have.
        """
        with self._lock:
            if is_limited and visitor_id:
                self._require_room(visitor_id)
            self._sockets[socket] = (caller, None)
            if visitor_id:
                self._pair(socket, visitor_id, registered)
            elif lonely := self._newest_lonely(caller):
                self._pair(socket, lonely, registered=True)
            else:
                self._waiting.setdefault(caller, {})[socket] = None
                self._exchange.ask(caller, partial(self._found, socket))
                self._ask_again.append((self._clock.elapsed_ms() + ASK_AGAIN_MS, socket, caller))

    def visitor_of(self, socket: Hashable) -> str | None:
        """Whose it is, as far as that is known by now."""
        return self._sockets.get(socket, (b"", None))[1]

    def closed(self, socket: Hashable) -> None:
        """A socket is gone; one that was never opened is no error. Its visitor was here until now."""
        with self._lock:
            caller, visitor_id = self._sockets.pop(socket, (b"", None))
            self._stop_waiting(caller, socket)
            page = self._pages.get(visitor_id or "")
            if visitor_id is None or page is None:
                return
            page.sockets -= 1
            if page.registered:
                self._presence.touch(SITE, visitor_id, None)
            if not page.sockets:
                del self._pages[visitor_id]
                if page.registered:
                    self._remember(caller, visitor_id)

    def forget(self, visitor_id: str) -> None:
        """The sockets of a visitor are nobody's from now on."""
        with self._lock:
            self._forget(visitor_id)
            if self._pages.pop(visitor_id, None) is not None:
                for socket, (caller, whose) in self._sockets.items():
                    if whose == visitor_id:
                        self._sockets[socket] = (caller, None)

    def renew(self) -> None:
        """Renew the leases of those whose page is open, each at half its time; forget visits that nobody came for."""
        while self._renew_some():
            time.sleep(0)  # there may be thousands: others have their turn in between
        with self._lock:
            self._drop_late()
            now_ms = self._clock.elapsed_ms()
            while self._ask_again and self._ask_again[0][0] <= now_ms:
                _, socket, caller = self._ask_again.popleft()
                if socket in self._waiting.get(caller, ()):
                    self._exchange.ask(caller, partial(self._found, socket))

    def _renew_some(self) -> bool:
        """False when there are no more that are due."""
        with self._lock:
            now_ms = self._clock.elapsed_ms()
            due = list(islice(takewhile(partial(self._is_due, now_ms), self._pages.items()), PAGES_IN_A_ROW))
            for visitor_id, page in due:
                page.renewed_ms = now_ms
                self._pages[visitor_id] = self._pages.pop(visitor_id)
                if page.registered:
                    self._presence.touch(SITE, visitor_id, None)
            return len(due) == PAGES_IN_A_ROW

    def _is_due(self, now_ms: int, page_of: tuple[str, Page]) -> bool:
        return now_ms - page_of[1].renewed_ms >= self._window_ms // 2

    def visited(self, visitor_id: str, caller: Caller) -> None:
        """A visit has been committed."""
        with self._lock:
            page = self._pages.get(visitor_id)
            if page is not None:
                page.registered = True
            elif waiting := self._waiting.get(caller):
                self._pair(next(reversed(waiting)), visitor_id, registered=True)
            elif caller:
                self._remember(caller, visitor_id)
                self._exchange.offer(caller, visitor_id)

    def _require_room(self, visitor_id: str) -> None:
        page = self._pages.get(visitor_id)
        if self._most_tabs and page is not None and page.sockets >= self._most_tabs:
            raise TooManyRequests(CLOSED_SOON_S, TOO_MANY_TABS)

    def _found(self, socket: Hashable, visitor_id: str) -> None:
        with self._lock:
            if self._sockets.get(socket, (b"", ""))[1] is None:
                self._pair(socket, visitor_id, registered=True)

    def _pair(self, socket: Hashable, visitor_id: str, registered: bool) -> None:
        caller, _ = self._sockets[socket]
        self._sockets[socket] = (caller, visitor_id)
        self._stop_waiting(caller, socket)
        self._forget(visitor_id)
        page = self._pages.setdefault(visitor_id, Page(0, self._clock.elapsed_ms(), registered))
        page.sockets += 1
        page.registered |= registered
        if registered:
            self._presence.touch(SITE, visitor_id, None)

    def _remember(self, caller: Caller, visitor_id: str) -> None:
        self._forget(visitor_id)
        self._lonely[visitor_id] = (caller, self._clock.elapsed_ms())
        self._lonely_of.setdefault(caller, {})[visitor_id] = None
        if len(self._lonely) > MOST_LONELY:
            self._forget(next(iter(self._lonely)))

    def _newest_lonely(self, caller: Caller) -> str | None:
        self._drop_late()
        return next(reversed(self._lonely_of.get(caller, {})), None)

    def _drop_late(self) -> None:
        late_ms = self._clock.elapsed_ms() - self._window_ms
        while self._lonely and next(iter(self._lonely.values()))[1] <= late_ms:
            self._forget(next(iter(self._lonely)))

    def _forget(self, visitor_id: str) -> None:
        caller, _ = self._lonely.pop(visitor_id, (b"", 0))
        lonely = self._lonely_of.get(caller, {})
        lonely.pop(visitor_id, None)
        if not lonely:
            self._lonely_of.pop(caller, None)

    def _stop_waiting(self, caller: Caller, socket: Hashable) -> None:
        waiting = self._waiting.get(caller, {})
        waiting.pop(socket, None)
        if not waiting:
            self._waiting.pop(caller, None)


@lru_cache(maxsize=1)
def _salt(secret: str, day: str) -> bytes:
    return blake2b(f"{secret} {day}".encode(), digest_size=16).digest()
