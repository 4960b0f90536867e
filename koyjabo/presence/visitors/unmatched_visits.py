"""Visits whose visitors have no socket yet, by client fingerprint."""

from collections import Counter, OrderedDict
from collections.abc import Callable

from koyjabo.base.core.clock import Clock

MAX_UNMATCHED_VISITS = 10_000
"""Maximum number of visits waiting for a socket."""

Fingerprint = bytes
"""A salted hash of a client's network (NETWORK_BYTES), then one of its address and User-Agent."""

NETWORK_BYTES = 8


class UnmatchedVisits:
    """Keeps each visitor's latest visit for `window_ms`. Not thread-safe. `on_dropped` is called with the number of
    visits that are dropped before this time, because more than MAX_UNMATCHED_VISITS are waiting.
    """

    def __init__(self, clock: Clock, window_ms: int, on_dropped: Callable[[int], object]) -> None:
        self._clock = clock
        self._window_ms = window_ms
        self._visits: OrderedDict[str, tuple[Fingerprint, int]] = OrderedDict()  # with its time, elapsed ms
        self._by_fingerprint: dict[Fingerprint, dict[str, bool]] = {}  # whether the visit's page was closed
        self._sizes: Counter[bytes] = Counter()  # visits by network
        self._on_dropped = on_dropped

    def __len__(self) -> int:
        return max(len(self._visits), len(self._by_fingerprint), len(self._sizes))

    def add(self, fingerprint: Fingerprint, visitor_id: str, is_closed: bool = False) -> None:
        self.drop(visitor_id)
        self._visits[visitor_id] = (fingerprint, self._clock.elapsed_ms())
        self._by_fingerprint.setdefault(fingerprint, {})[visitor_id] = is_closed
        self._sizes[fingerprint[:NETWORK_BYTES]] += 1
        if len(self._visits) > MAX_UNMATCHED_VISITS:
            self._drop_excess()

    def newest(self, fingerprint: Fingerprint) -> tuple[str | None, bool]:
        """Return the visitor who made a client's latest visit, and whether its page was closed."""
        self.drop_expired()
        return next(reversed(self._by_fingerprint.get(fingerprint, {}).items()), (None, False))

    def drop_expired(self) -> None:
        expired_ms = self._clock.elapsed_ms() - self._window_ms
        while self._visits and next(iter(self._visits.values()))[1] <= expired_ms:
            self.drop(next(iter(self._visits)))

    def drop(self, visitor_id: str) -> None:
        """Remove a visitor's visit. Idempotent."""
        if (visit := self._visits.pop(visitor_id, None)) is None:
            return
        fingerprint, _ = visit
        visitors = self._by_fingerprint.get(fingerprint, {})
        visitors.pop(visitor_id, None)
        if not visitors:
            self._by_fingerprint.pop(fingerprint, None)
        network = fingerprint[:NETWORK_BYTES]
        self._sizes[network] -= 1
        if not self._sizes[network]:
            del self._sizes[network]

    def _drop_excess(self) -> None:
        """Drop a fifth of the visits, the oldest ones of networks with more than an equal share. It drops so many at
        once, because sorting ten thousand networks takes a millisecond.
        """
        sizes = self._sizes.copy()
        left, share = MAX_UNMATCHED_VISITS * 4 // 5, 0
        excess = len(self._visits) - left
        for position, size in enumerate(sorted(sizes.values())):  # small networks leave their share to others
            share = left // (len(sizes) - position)
            if size > share:
                break
            left -= size
        dropped: list[str] = []
        for visitor_id, (fingerprint, _) in self._visits.items():
            network = fingerprint[:NETWORK_BYTES]
            if sizes[network] > share:
                sizes[network] -= 1
                dropped.append(visitor_id)
            if len(dropped) == excess:
                break
        for visitor_id in dropped:
            self.drop(visitor_id)
        self._on_dropped(len(dropped))
