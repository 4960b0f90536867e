"""Runs touch.lua: sends touches to Redis and parses its answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from koyjabo.cluster import redis_client
from koyjabo.cluster.redis_client import RedisClient
from koyjabo.models import Scope
from koyjabo.network.geolocation import OTHER, UNKNOWN, largest
from koyjabo.presence.visitors.active_visitors import ActiveCount
from koyjabo.presence.visitors.redis_mirror import Touch

BATCH = 1000
"""The most visitors that one call touches, and the most it expires. Redis serves no other client during a call."""

KEEP_FOR_WINDOWS = 2
"""Expiry of the keys in Redis after the last change, in windows. Longer than one, so that no active visitor is lost."""


class ActiveAnswer(NamedTuple):
    version: int
    born: int  # when this data set was created, ms; 0 when there is none
    active: int
    unknown: int
    unswept: int  # 1 when more leases have expired: the count still includes their visitors
    largest: list[bytes]

    def to_count(self) -> ActiveCount:
        """The count by place. Visitors who are in none of the places of the answer count as `Other`."""
        names, minus_visitors = self.largest[::2], self.largest[1::2]
        places = {name.decode(): -int(visitors) for name, visitors in zip(names, minus_visitors, strict=True)}
        places[UNKNOWN] = self.unknown
        places[OTHER] = places.get(OTHER, 0) + max(0, self.active - sum(places.values()))
        return ActiveCount(self.version, largest(places))


class TouchScript:
    def __init__(self, client: RedisClient, window_ms: int) -> None:
        self._script = redis_client.load(client, __file__, "touch")
        self._keep_ms = KEEP_FOR_WINDOWS * window_ms

    def __call__(self, scope: Scope, newest_version: int, batch: Iterable[Touch], expired_ms: int) -> ActiveAnswer:
        """Touch, expire and read in one atomic step. Skips visitors last seen at `expired_ms` or earlier: their leases
        have expired.

        `newest_version` is the greatest this worker has seen: Redis continues from it if it has lost its own. Raises
        redis.RedisError.
        """
        visitors: list[Any] = []
        for touch in batch:
            if touch.seen_ms > expired_ms:
                visitors += (touch.visitor_id, touch.place or "", touch.seen_ms - expired_ms)
        return self._call(scope, newest_version, visitors)

    def end(self, scope: Scope, visitor_id: str) -> None:
        """End the lease of a visitor, from any worker. Raises redis.RedisError."""
        self._call(scope, 0, [visitor_id, "", 0])

    def _call(self, scope: Scope, newest_version: int, visitors: list[Any]) -> ActiveAnswer:
        return ActiveAnswer(*self._script(keys_of(scope), [newest_version, self._keep_ms, BATCH, UNKNOWN, *visitors]))


def keys_of(scope: Scope) -> list[str]:
    return [f"koyjabo:active:{{{scope}}}:{name}" for name in ("visitors", "places", "counts", "state")]
