"""Rate limits per minute and key. Counted in this worker's memory, so that no request waits for a store."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

WINDOW_S = 60

MOST_KEYS = 50_000
"""The most keys of one rate, which take 5 MB. Further keys of the same minute are not counted: an attacker with that
many keys evades any limit by key, and must not fill the memory as well.
"""


class Allowance(NamedTuple):
    """The remaining uses of a key, after one use."""

    limit: int
    left: int
    resets_at_s: int  # since 1970, UTC
    is_exceeded: bool

    @property
    def retry_after_s(self) -> int:
        return max(1, self.resets_at_s - int(time.time()))


class Rate:
    """Allows `limit` uses a minute for each key, in fixed windows: the first use after a window starts the next one
    for all keys.

    Stores keys by Python's `hash`, whose secret differs in each process.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[int, int] = {}
        self._ends_at = 0.0  # monotonic s
        self._lock = threading.Lock()

    def use(self, *key: str) -> Allowance:
        name = hash(key)
        with self._lock:
            now = time.monotonic()
            if now >= self._ends_at:
                self._counts, self._ends_at = {}, now + WINDOW_S
            count = self._counts.get(name, 0) + 1
            if name in self._counts or len(self._counts) < MOST_KEYS:
                self._counts[name] = count
            resets_at_s = int(time.time() + self._ends_at - now) + 1
        return Allowance(self._limit, max(0, self._limit - count), resets_at_s, count > self._limit)


def share(limit: int, workers: int, fewest: int = 1) -> int:
    """The limit of each worker, so that all `workers` together allow `limit`; at least `fewest`."""
    return max(fewest, limit // workers)
