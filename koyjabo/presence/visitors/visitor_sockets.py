"""Assigns open sockets to visitors, because a visitor is active as long as their page is open (specification: Real
time).

A socket that sends a visitorId belongs to that visitor. The original client sends none, so its socket is matched with a
visit from the same address and browser, if there is one. A wrong match can keep a visitor active a little longer, but
never changes a total.
"""

import time
from _thread import RLock
from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import islice, takewhile
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidMessage, TooManyRequests
from koyjabo.base.models import SITE
from koyjabo.base.network.client_address import customer, limit_key
from .active_visitors import ActiveVisitors
from .unmatched_visits import NETWORK_BYTES, Fingerprint, UnmatchedVisits
from .visit_matcher import VisitMatcher

SECOND_ASK_MS = 3000
"""Delay before other workers get the request again, ms: a visit may reach them after its socket has opened here."""

RENEW_BATCH = 256

TOO_MANY_TABS = "This visitor has too many pages open here. Close some, or reload one later."
NAMED_ALREADY = "This socket already has a visitor; open another socket for another visitor."
TABS_RETRY_AFTER_S = 60


class OpenSocket(NamedTuple):
    fingerprint: Fingerprint
    address: str = ""  # the key for its tab limit; "" if it has none
    place: str | None = None
    visitor_id: str | None = None
    is_anonymous: bool = False  # requested in the handshake
    derived_id: str | None = None  # the visitor without an id that the handshake may come from
    is_named: bool = False  # the client has sent the visitor's id; otherwise the visitor is guessed or unknown
    is_doubtful: bool = False  # guessed from a page that was closed, which another person may have had

    @property
    def counted_id(self) -> str | None:
        """The visitor whose attended time is measured by this socket."""
        return None if self.is_doubtful else self.visitor_id


CLOSED_SOCKET = OpenSocket(b"")


@dataclass(slots=True)
class SocketOwner:
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
        max_tabs: int = 0,
        on_dropped: Callable[[int], object] = lambda number: None,
    ) -> None:
        """`max_tabs` is the maximum number of sockets per visitor and address on this worker; 0 means no limit.
        `on_dropped` is called with the number of visits that are dropped before they are matched.
        """
        self._active_visitors = active_visitors
        self._clock = clock
        self._window_ms = window_s * 1000
        self._secret = secret
        self._matcher = matcher
        self._max_tabs = max_tabs
        self._sockets: dict[Hashable, OpenSocket] = {}
        self._tabs: Counter[tuple[str, str]] = Counter()  # sockets by visitor and address
        self._owners: dict[str, SocketOwner] = {}  # in the order they were last renewed
        self._unassigned: dict[Fingerprint, dict[Hashable, None]] = {}  # or assigned to a doubtful guess
        self._unmatched = UnmatchedVisits(clock, self._window_ms, on_dropped)
        # Each entry starts with a timestamp in elapsed ms. It is removed after SECOND_ASK_MS.
        self._second_asks: deque[tuple[int, Hashable, Fingerprint]] = deque()
        self._lock = RLock()  # a real one, as in `metrics`; must not be held while waiting

    def fingerprint(self, environ: Mapping[str, Any]) -> Fingerprint:
        """The key for matching visits with sockets. Its salt changes daily, so keys from different days cannot be
        linked.
        """
        client = f"{environ.get('REMOTE_ADDR')}\n{environ.get('HTTP_USER_AGENT')}".encode(errors="replace")
        salt = _salt(self._secret, self._clock.today())
        return _network(limit_key(environ), salt) + blake2b(client, digest_size=12, key=salt).digest()

    def opened(
        self,
        socket: Hashable,
        fingerprint: Fingerprint,
        visitor_id: str | None,
        registered: bool,
        address: str = "",
        place: str | None = None,
        is_anonymous: bool = False,
        derived_id: str | None = None,
    ) -> None:
        """Record an opened socket. `visitor_id` is the id it sent; `registered` says whether that visitor has a visit.

        Raises TooManyRequests if this visitor has too many sockets at `address`; "" has no limit.
        """
        with self._lock:
            if visitor_id:
                self._check_tab_limit(visitor_id, address)
            is_named = visitor_id is not None
            self._sockets[socket] = OpenSocket(
                fingerprint=fingerprint,
                address=address,
                place=place,
                is_anonymous=is_anonymous,
                derived_id=derived_id,
                is_named=is_named,
            )
            if visitor_id:
                self._assign(socket, visitor_id, registered)
                return
            guess, is_doubtful = self._unmatched.newest(fingerprint)
            if guess is not None:
                self._assign(socket, guess, registered=True, is_doubtful=is_doubtful)
            if guess is None or is_doubtful:
                self._unassigned.setdefault(fingerprint, {})[socket] = None
                self._matcher.ask(fingerprint, partial(self._assign_matched, socket))
                self._second_asks.append((self._clock.elapsed_ms() + SECOND_ASK_MS, socket, fingerprint))

    def named(self, socket: Hashable, visitor_id: str, registered: bool, is_shared: bool = False) -> None:
        """Assign an open socket to the visitor that it has named, replacing a guess. Does nothing for a closed socket.
        A visitor who may be many people (`is_shared`) has no tab limit. Raises TooManyRequests like `opened`, and
        InvalidMessage if the socket has already named a visitor.
        """
        with self._lock:
            known = self._sockets.get(socket)
            if known is None:
                return
            if known.is_named:
                raise InvalidMessage(NAMED_ALREADY)
            is_same = known.visitor_id == visitor_id
            is_doubtful = known.is_doubtful and not is_same
            self._sockets[socket] = known._replace(is_named=True, is_doubtful=is_doubtful)
            self._remove_unassigned(known.fingerprint, socket)
            if not is_same:
                address = "" if is_shared else known.address
                self._check_tab_limit(visitor_id, address)
                self._unassign(socket)
                self._sockets[socket] = self._sockets[socket]._replace(address=address)
                self._assign(socket, visitor_id, registered)

    def known(self, socket: Hashable) -> OpenSocket:
        return self._sockets.get(socket, CLOSED_SOCKET)

    def visitor_of(self, socket: Hashable) -> str | None:
        """Return the visitor that a socket is assigned to, or None if there is none yet."""
        return self._sockets.get(socket, CLOSED_SOCKET).visitor_id

    def closed(self, socket: Hashable) -> None:
        """Remove a closed socket, and touch its visitor one last time. Does nothing for an unknown socket."""
        with self._lock:
            self._unassign(socket)
            self._sockets.pop(socket, None)

    def forget(self, visitor_id: str) -> None:
        """Unassign all of a visitor's sockets. Idempotent."""
        with self._lock:
            self._unmatched.drop(visitor_id)
            if self._owners.pop(visitor_id, None) is not None:
                for socket, known in self._sockets.items():
                    if known.visitor_id == visitor_id:
                        self._forget_tab(known)
                        self._sockets[socket] = known._replace(visitor_id=None)

    def renew(self) -> None:
        """Renew the leases of visitors with an open page once half their time has passed. Also drops visits that have
        waited too long for a socket.
        """
        while self._renew_batch():
            time.sleep(0)  # there may be thousands, so let other tasks run in between
        with self._lock:
            self._unmatched.drop_expired()
            now_ms = self._clock.elapsed_ms()
            while self._second_asks and self._second_asks[0][0] <= now_ms:
                _, socket, fingerprint = self._second_asks.popleft()
                if socket in self._unassigned.get(fingerprint, ()):
                    self._matcher.ask(fingerprint, partial(self._assign_matched, socket))

    def _renew_batch(self) -> bool:
        """Renew one batch. Returns False if no more leases are due."""
        with self._lock:
            now_ms = self._clock.elapsed_ms()
            before_ms = now_ms - self._window_ms // 2
            due = takewhile(lambda renewed: renewed[1].renewed_ms <= before_ms, self._owners.items())
            batch = list(islice(due, RENEW_BATCH))
            for visitor_id, owner in batch:
                owner.renewed_ms = now_ms
                self._owners[visitor_id] = self._owners.pop(visitor_id)
                if owner.registered:
                    self._active_visitors.touch(SITE, visitor_id, None)
            return len(batch) == RENEW_BATCH

    def visited(self, visitor_id: str, fingerprint: Fingerprint) -> None:
        """Note that a visit was committed, and match it with a socket."""
        with self._lock:
            owner = self._owners.get(visitor_id)
            socket = next(reversed(self._unassigned.get(fingerprint, {})), None)
            is_only = owner is not None and owner.sockets == 1 and self.visitor_of(socket) == visitor_id
            if owner is not None:
                owner.registered = True
            if socket is not None and (owner is None or is_only):
                self._unassign(socket)  # from a doubtful guess
                self._assign(socket, visitor_id, registered=True)
            elif owner is None and fingerprint:
                self._unmatched.add(fingerprint, visitor_id)
                self._matcher.offer(fingerprint, visitor_id)

    def _check_tab_limit(self, visitor_id: str, address: str) -> None:
        if address and self._max_tabs and self._tabs[visitor_id, address] >= self._max_tabs:
            raise TooManyRequests(TABS_RETRY_AFTER_S, TOO_MANY_TABS)

    def _assign_matched(self, socket: Hashable, visitor_id: str) -> None:
        with self._lock:
            known = self._sockets.get(socket)
            if known is not None and (known.visitor_id is None or known.is_doubtful):
                self._unassign(socket)
                self._assign(socket, visitor_id, registered=True)

    def _assign(self, socket: Hashable, visitor_id: str, registered: bool, is_doubtful: bool = False) -> None:
        known = self._sockets[socket]._replace(visitor_id=visitor_id, is_doubtful=is_doubtful)
        self._sockets[socket] = known
        if known.address and self._max_tabs:
            self._tabs[visitor_id, known.address] += 1
        self._remove_unassigned(known.fingerprint, socket)
        self._unmatched.drop(visitor_id)
        owner = self._owners.setdefault(visitor_id, SocketOwner(0, self._clock.elapsed_ms(), registered))
        owner.sockets += 1
        owner.registered |= registered
        if registered:
            self._active_visitors.touch(SITE, visitor_id, None)

    def _unassign(self, socket: Hashable) -> None:
        """Remove a socket from its visitor, and touch the visitor one last time. The visitor's next visit can be
        matched again.
        """
        known = self._sockets.get(socket, CLOSED_SOCKET)
        self._remove_unassigned(known.fingerprint, socket)
        self._forget_tab(known)
        owner = self._owners.get(known.visitor_id or "")
        if known.visitor_id is None or owner is None:
            return
        owner.sockets -= 1
        if owner.registered:
            self._active_visitors.touch(SITE, known.visitor_id, None)
        if not owner.sockets:
            del self._owners[known.visitor_id]
            if owner.registered:
                self._unmatched.add(known.fingerprint, known.visitor_id, is_closed=True)

    def _forget_tab(self, known: OpenSocket) -> None:
        key = known.visitor_id or "", known.address
        if key in self._tabs:
            self._tabs[key] -= 1
            if not self._tabs[key]:
                del self._tabs[key]

    def _remove_unassigned(self, fingerprint: Fingerprint, socket: Hashable) -> None:
        unassigned = self._unassigned.get(fingerprint, {})
        unassigned.pop(socket, None)
        if not unassigned:
            self._unassigned.pop(fingerprint, None)


@lru_cache(maxsize=4096)
def _network(address: str, salt: bytes) -> bytes:
    return blake2b(customer(address).encode(), digest_size=NETWORK_BYTES, key=salt).digest()


@lru_cache(maxsize=1)
def _salt(secret: str, day: str) -> bytes:
    return blake2b(f"{secret} {day}".encode(), digest_size=16).digest()
