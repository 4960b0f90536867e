"""Runs touch.lua: sends touches to Redis, and parses the responses."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from koyjabo.base.cluster import redis_client
from koyjabo.base.cluster.redis_client import RedisClient
from koyjabo.base.models import Scope
from koyjabo.base.network.location_names import OTHER_LOCATIONS, UNKNOWN_LOCATION, largest
from .active_visitors import ActiveCount
from .visitor_mirror import Touch

MAX_TOUCHES = 1000
"""Maximum number of visitors touched, and of visitors expired, per call. Redis is blocked during a call."""

KEEP_FOR_WINDOWS = 2
"""How many windows the keys in Redis live after the last change, so that no active visitor is lost."""


class ActiveReply(NamedTuple):
    version: int
    born: int  # when this data set was created, ms; 0 if there is none
    active: int
    unknown: int
    unswept: int  # 1 if more leases have expired, and the count still includes their visitors
    largest: list[bytes]

    def to_count(self) -> ActiveCount:
        """The count by location. Visitors at locations that are missing from the response count as `Other`."""
        names, minus_visitors = self.largest[::2], self.largest[1::2]
        places = {name.decode(): -int(visitors) for name, visitors in zip(names, minus_visitors, strict=True)}
        places[UNKNOWN_LOCATION] = self.unknown
        places[OTHER_LOCATIONS] = places.get(OTHER_LOCATIONS, 0) + max(0, self.active - sum(places.values()))
        return ActiveCount(self.version, largest(places))


class TouchScript:
    def __init__(self, client: RedisClient, window_ms: int) -> None:
        self._script = redis_client.load(client, __file__, "touch")
        self._keep_ms = KEEP_FOR_WINDOWS * window_ms

    def __call__(self, scope: Scope, newest_version: int, batch: Iterable[Touch], expired_ms: int) -> ActiveReply:
        """Touch, expire and read in one atomic step. Touches at `expired_ms` or earlier are skipped, because their
        leases have expired. `newest_version` is the highest version that this worker has seen; Redis continues from it
        if it has lost its own. Raises redis.RedisError.
        """
        visitors: list[Any] = []
        for touch in batch:
            if touch.seen_ms > expired_ms:
                visitors += (touch.visitor_id, touch.place or "", touch.seen_ms - expired_ms)
        return self._call(scope, newest_version, visitors)

    def end(self, scope: Scope, visitor_id: str) -> None:
        """End a visitor's lease. Any worker may call this. Raises redis.RedisError."""
        self._call(scope, 0, [visitor_id, "", 0])

    def _call(self, scope: Scope, newest_version: int, visitors: list[Any]) -> ActiveReply:
        return ActiveReply(
            *self._script(
                touch_keys_of(scope), [newest_version, self._keep_ms, MAX_TOUCHES, UNKNOWN_LOCATION, *visitors]
            )
        )


def touch_keys_of(scope: Scope) -> list[str]:
    return [f"koyjabo:active:{{{scope}}}:{name}" for name in ("visitors", "places", "counts", "state")]
