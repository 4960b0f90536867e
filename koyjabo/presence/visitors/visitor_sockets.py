"""Assigns open sockets to visitors: a visitor is active as long as their page is open (specification: Real time).

A socket that sends a visitorId belongs to that visitor. The original client sends none; its socket is matched, on a
best-effort basis, with a visit from the same address and browser. A wrong match can keep a visitor active a little
longer; it never changes a total.
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
from koyjabo.presence.visitors.active_visitors import ActiveVisitors

MAX_UNMATCHED = 10_000
"""Visits kept until their socket opens; beyond this number, the oldest are dropped."""

SECOND_ASK_MS = 3000
"""When to ask the other workers a second time: a visit may arrive there after its socket opened here."""

RENEW_BATCH = 256

TOO_MANY_TABS = "This visitor has too many pages open here. Close some, or reload one later."
RETRY_AFTER_S = 60

Fingerprint = bytes
"""Identifies a client by a salted hash of its address and User-Agent."""


class VisitMatcher(Protocol):
    """Matches visits and sockets that have no match on their own worker."""

    def offer(self, fingerprint: Fingerprint, visitor_id: str) -> None: ...

    def ask(self, fingerprint: Fingerprint, found: Callable[[str], None]) -> None:
        """Call `found` once, with a visitor offered for `fingerprint`, if there is one."""


class NoMatcher:
    """Matches nothing: there are no other workers."""

    def offer(self, fingerprint: Fingerprint, visitor_id: str) -> None:
        pass

    def ask(self, fingerprint: Fingerprint, found: Callable[[str], None]) -> None:
        pass


@dataclass(slots=True)
class Page:
    """A visitor with open sockets."""

    sockets: int
    renewed_ms: int
    registered: bool


class VisitorSockets:
    def __init__(
        self,
        active_visitors: ActiveVisitors,
        clock: Clock,
        window_s: int,
        secret: str,
        matcher: VisitMatcher,
        most_tabs: int = 0,
    ) -> None:
        """`most_tabs` is the maximum number of sockets of a visitor on this worker, 0 for no limit."""
        self._active_visitors = active_visitors
        self._clock = clock
        self._window_ms = window_s * 1000
        self._secret = secret
        self._matcher = matcher
        self._most_tabs = most_tabs
        self._sockets: dict[Hashable, tuple[Fingerprint, str | None]] = {}
        self._pages: dict[str, Page] = {}  # in the order they were last renewed
        self._unassigned: dict[Fingerprint, dict[Hashable, None]] = {}
        # visitor → fingerprint and time (elapsed ms)
        self._unmatched: OrderedDict[str, tuple[Fingerprint, int]] = OrderedDict()
        self._unmatched_of: dict[Fingerprint, dict[str, None]] = {}
        # (time, elapsed ms; …)
        self._second_asks: deque[tuple[int, Hashable, Fingerprint]] = deque(maxlen=MAX_UNMATCHED)
        self._lock = threading.RLock()

    def fingerprint(self, environ: Mapping[str, Any]) -> Fingerprint:
        """The key that matches visits with sockets. The salt changes daily: keys of two days cannot be linked."""
        client = f"{environ.get('REMOTE_ADDR')}\n{environ.get('HTTP_USER_AGENT')}".encode(errors="replace")
        return blake2b(client, digest_size=12, key=_salt(self._secret, self._clock.today())).digest()

    def opened(
        self,
        socket: Hashable,
        fingerprint: Fingerprint,
        visitor_id: str | None,
        registered: bool,
        is_limited: bool = False,
    ) -> None:
        """A socket was opened, by `visitor_id` if it says so; `registered` says whether they have registered a visit.

        One that is limited raises TooManyRequests when this visitor has as many as one may have.
        """
        with self._lock:
            if is_limited and visitor_id:
                self._check_tab_limit(visitor_id)
            self._sockets[socket] = (fingerprint, None)
            if visitor_id:
                self._assign(socket, visitor_id, registered)
            elif unmatched := self._newest_unmatched(fingerprint):
                self._assign(socket, unmatched, registered=True)
            else:
                self._unassigned.setdefault(fingerprint, {})[socket] = None
                self._matcher.ask(fingerprint, partial(self._assign_matched, socket))
                self._second_asks.append((self._clock.elapsed_ms() + SECOND_ASK_MS, socket, fingerprint))

    def visitor_of(self, socket: Hashable) -> str | None:
        """The visitor a socket is assigned to; None if there is none yet."""
        return self._sockets.get(socket, (b"", None))[1]

    def closed(self, socket: Hashable) -> None:
        """Remove a closed socket and touch its visitor a last time. Does nothing for an unknown socket."""
        with self._lock:
            fingerprint, visitor_id = self._sockets.pop(socket, (b"", None))
            self._remove_unassigned(fingerprint, socket)
            page = self._pages.get(visitor_id or "")
            if visitor_id is None or page is None:
                return
            page.sockets -= 1
            if page.registered:
                self._active_visitors.touch(SITE, visitor_id, None)
            if not page.sockets:
                del self._pages[visitor_id]
                if page.registered:
                    self._add_unmatched(fingerprint, visitor_id)

    def forget(self, visitor_id: str) -> None:
        """Unassign all sockets of a visitor. Idempotent."""
        with self._lock:
            self._drop_unmatched(visitor_id)
            if self._pages.pop(visitor_id, None) is not None:
                for socket, (fingerprint, assigned_to) in self._sockets.items():
                    if assigned_to == visitor_id:
                        self._sockets[socket] = (fingerprint, None)

    def renew(self) -> None:
        """Renew the leases of visitors with an open page, each at half its time, and drop unmatched visits that have
        expired."""
        while self._renew_batch():
            time.sleep(0)  # there may be thousands: let other tasks run in between
        with self._lock:
            self._drop_expired()
            now_ms = self._clock.elapsed_ms()
            while self._second_asks and self._second_asks[0][0] <= now_ms:
                _, socket, fingerprint = self._second_asks.popleft()
                if socket in self._unassigned.get(fingerprint, ()):
                    self._matcher.ask(fingerprint, partial(self._assign_matched, socket))

    def _renew_batch(self) -> bool:
        """Renew one batch. False when no more leases are due."""
        with self._lock:
            now_ms = self._clock.elapsed_ms()
            due = list(islice(takewhile(partial(self._is_renewal_due, now_ms), self._pages.items()), RENEW_BATCH))
            for visitor_id, page in due:
                page.renewed_ms = now_ms
                self._pages[visitor_id] = self._pages.pop(visitor_id)
                if page.registered:
                    self._active_visitors.touch(SITE, visitor_id, None)
            return len(due) == RENEW_BATCH

    def _is_renewal_due(self, now_ms: int, page_of: tuple[str, Page]) -> bool:
        return now_ms - page_of[1].renewed_ms >= self._window_ms // 2

    def visited(self, visitor_id: str, fingerprint: Fingerprint) -> None:
        """A visit has been committed."""
        with self._lock:
            page = self._pages.get(visitor_id)
            if page is not None:
                page.registered = True
            elif unassigned := self._unassigned.get(fingerprint):
                self._assign(next(reversed(unassigned)), visitor_id, registered=True)
            elif fingerprint:
                self._add_unmatched(fingerprint, visitor_id)
                self._matcher.offer(fingerprint, visitor_id)

    def _check_tab_limit(self, visitor_id: str) -> None:
        page = self._pages.get(visitor_id)
        if self._most_tabs and page is not None and page.sockets >= self._most_tabs:
            raise TooManyRequests(RETRY_AFTER_S, TOO_MANY_TABS)

    def _assign_matched(self, socket: Hashable, visitor_id: str) -> None:
        with self._lock:
            if self._sockets.get(socket, (b"", ""))[1] is None:
                self._assign(socket, visitor_id, registered=True)

    def _assign(self, socket: Hashable, visitor_id: str, registered: bool) -> None:
        fingerprint, _ = self._sockets[socket]
        self._sockets[socket] = (fingerprint, visitor_id)
        self._remove_unassigned(fingerprint, socket)
        self._drop_unmatched(visitor_id)
        page = self._pages.setdefault(visitor_id, Page(0, self._clock.elapsed_ms(), registered))
        page.sockets += 1
        page.registered |= registered
        if registered:
            self._active_visitors.touch(SITE, visitor_id, None)

    def _add_unmatched(self, fingerprint: Fingerprint, visitor_id: str) -> None:
        self._drop_unmatched(visitor_id)
        self._unmatched[visitor_id] = (fingerprint, self._clock.elapsed_ms())
        self._unmatched_of.setdefault(fingerprint, {})[visitor_id] = None
        if len(self._unmatched) > MAX_UNMATCHED:
            self._drop_unmatched(next(iter(self._unmatched)))

    def _newest_unmatched(self, fingerprint: Fingerprint) -> str | None:
        self._drop_expired()
        return next(reversed(self._unmatched_of.get(fingerprint, {})), None)

    def _drop_expired(self) -> None:
        expired_ms = self._clock.elapsed_ms() - self._window_ms
        while self._unmatched and next(iter(self._unmatched.values()))[1] <= expired_ms:
            self._drop_unmatched(next(iter(self._unmatched)))

    def _drop_unmatched(self, visitor_id: str) -> None:
        fingerprint, _ = self._unmatched.pop(visitor_id, (b"", 0))
        unmatched = self._unmatched_of.get(fingerprint, {})
        unmatched.pop(visitor_id, None)
        if not unmatched:
            self._unmatched_of.pop(fingerprint, None)

    def _remove_unassigned(self, fingerprint: Fingerprint, socket: Hashable) -> None:
        unassigned = self._unassigned.get(fingerprint, {})
        unassigned.pop(socket, None)
        if not unassigned:
            self._unassigned.pop(fingerprint, None)


@lru_cache(maxsize=1)
def _salt(secret: str, day: str) -> bytes:
    return blake2b(f"{secret} {day}".encode(), digest_size=16).digest()
