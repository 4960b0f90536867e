"""Rate limits per minute, by key. Uses are counted in this worker's memory, so that no request waits for a store."""

import time
from _thread import RLock
from collections.abc import Sequence
from heapq import nlargest
from operator import itemgetter
from typing import NamedTuple

from .client_address import levels

RATE_WINDOW_S, DAY_S = 60, 86_400

MAX_RATE_KEYS = 50_000
"""Maximum number of keys per rate; they take 5 MB. Further keys in the same minute are not limited: an attacker with
that many keys evades limits per key anyway, and must not also fill the memory.
"""


class Allowance(NamedTuple):
    """A key's remaining uses."""

    limit: int
    left: int
    resets_at_s: int  # since 1970, UTC
    is_exceeded: bool

    @property
    def retry_after_s(self) -> int:
        return max(1, self.resets_at_s - int(time.time()))


class Rate:
    """Allows each key `limit` uses a minute.

    All keys share one window. It starts with the first use after the previous window has ended. Keys are stored as
    Python's `hash`, whose secret differs in each process.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[int, int] = {}
        self._ends_at = 0.0  # monotonic s
        self._lock = RLock()  # a real one, as in `metrics`

    def use(self, *key: str, uses: int = 1) -> Allowance:
        return self._use([(hash(key), self._limit)], uses)

    def use_address(self, address: str, *key: str, uses: int = 1) -> Allowance:
        """Count uses for all networks of an address, each with the limit that `levels` gives it. If one of them has too
        few uses left, nothing is counted, so that a flood from one address does not use up its neighbours' limit.
        """
        return self._use([(hash((*key, network)), self._limit * times) for network, times in levels(address)], uses)

    def take_back(self, address: str, *key: str, uses: int = 1) -> None:
        """Undo a `use_address` from the current minute, or some of its uses."""
        self._uncount([hash((*key, network)) for network, _ in levels(address)], uses)

    def _use(self, names: Sequence[tuple[int, int]], uses: int) -> Allowance:
        """Count uses for all names, or for none if one of them has too few left. Returns the allowance of the name with
        the fewest uses left.
        """
        with self._lock:
            now = time.monotonic()
            if now >= self._ends_at:
                self._counts, self._ends_at = {}, now + self._window_s()
            left, limit = min([(limit - self._counts.get(name, 0), limit) for name, limit in names])
            is_exceeded = left < uses
            if not is_exceeded:
                self._count([name for name, _ in names], uses)
                left -= uses
            resets_at_s = int(time.time() + self._ends_at - now) + 1
        return Allowance(limit, left, resets_at_s, is_exceeded)

    def _window_s(self) -> float:
        """The length of a window that begins now."""
        return RATE_WINDOW_S

    def _count(self, names: Sequence[int], uses: int) -> None:
        for name in names:
            if name in self._counts or len(self._counts) < MAX_RATE_KEYS:
                self._counts[name] = self._counts.get(name, 0) + uses

    def undo(self, *key: str, uses: int = 1) -> None:
        """Undo a `use` from the current minute, or some of its uses."""
        self._uncount([hash(key)], uses)

    def _uncount(self, names: Sequence[int], uses: int) -> None:
        with self._lock:
            for name in names:
                if self._counts.get(name):
                    self._counts[name] = max(0, self._counts[name] - uses)


class DailyRate(Rate):
    """Like `Rate`, but per UTC day. A day can have very many addresses, so a full table drops the half with the fewest
    uses.
    """

    def _window_s(self) -> float:
        return DAY_S - time.time() % DAY_S

    def _count(self, names: Sequence[int], uses: int) -> None:
        if len(self._counts) > MAX_RATE_KEYS - len(names):
            self._counts = dict(nlargest(MAX_RATE_KEYS // 2, self._counts.items(), key=itemgetter(1)))
        super()._count(names, uses)


def share(limit: int, workers: int, fewest: int = 1) -> int:
    """The limit for one worker if all `workers` together allow `limit`; at least `fewest`."""
    return max(fewest, limit // workers)
