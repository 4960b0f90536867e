"""How often something was done within a minute, by whom. In this worker's memory, so that nobody waits for it."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

MOST_KEYS = 50_000
"""Of one rate, which cost 5 MB. Whoever comes when so many have come within the minute is not counted: an attacker who
has so many names to choose from is limited by none of them, and shall not have the memory as well.
"""


class Allowance(NamedTuple):
    """What one has of a rate, after it was used."""

    limit: int
    left: int
    resets_at_s: int  # since 1970, UTC
    is_exceeded: bool

    @property
    def retry_after_s(self) -> int:
        return max(1, self.resets_at_s - int(time.time()))


class Rate:
    """At most `limit` a minute for each key, which nobody is told."""

    def __init__(self, limit: int) -> None:
        self._limit = RateLimitItemPerMinute(limit)
        self._limiter = FixedWindowRateLimiter(MinuteCounts())

    def use(self, *key: str) -> Allowance:
        is_within = self._limiter.hit(self._limit, *key)
        resets_at, left = self._limiter.get_window_stats(self._limit, *key)
        return Allowance(self._limit.amount, left, int(resets_at) + 1, not is_within)


def share(limit: int, workers: int, fewest: int = 1) -> int:
    """What one of `workers` may allow, so that all of them together allow `limit`; but `fewest` at least."""
    return max(fewest, limit // workers)


class MinuteCounts(Storage):
    """What `limits` keeps its counts in. Its own storage walks through all keys a hundred times a second, never says
    no to another one, and needs 370 bytes for each; this one begins anew each minute, and keeps a number for a number.

    Keys are told apart by Python's `hash`, whose secret is made anew in each process.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[int, int] = {}
        self._ends_at = 0.0  # monotonic s
        self._one_at_a_time = threading.Lock()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return ()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        with self._one_at_a_time:
            counts, name = self._present(expiry), hash(key)
            count = counts.get(name, 0) + amount
            if name in counts or len(counts) < MOST_KEYS:
                counts[name] = count
            return count

    def get(self, key: str) -> int:
        return self._counts.get(hash(key), 0)

    def get_expiry(self, key: str) -> float:
        return time.time() + self._ends_at - time.monotonic()

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        known, self._counts = len(self._counts), {}
        return known

    def clear(self, key: str) -> None:
        self._counts.pop(hash(key), None)

    def _present(self, length_s: int) -> dict[int, int]:
        now = time.monotonic()
        if now >= self._ends_at:
            self._counts, self._ends_at = {}, now + length_s
        return self._counts
