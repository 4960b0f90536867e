"""How touches are told to Redis, and what it answers: touch.lua from Python's side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import redis

from koyjabo.cluster import scripts
from koyjabo.models import Scope
from koyjabo.network.geolocation import OTHER, UNKNOWN, largest
from koyjabo.presence.visitors.active_visitors import Census
from koyjabo.presence.visitors.redis_mirror import Touch

BATCH = 1000
"""Visitors that one call touches, and sweeps, at most: Redis serves nobody else meanwhile."""

KEEP_FOR_WINDOWS = 2
"""What is left in Redis after the last visitor is gone goes by itself, and never before they are."""


class Answer(NamedTuple):
    version: int
    born: int  # ms: which data these are; 0 when there are none
    active: int
    unknown: int
    unswept: int  # 1 when there are more to sweep: the count is not yet that of who is active
    largest: list[bytes]

    def census(self) -> Census:
        """Whoever is active and not in one of the places told is in another one."""
        names, minus_visitors = self.largest[::2], self.largest[1::2]
        places = {name.decode(): -int(visitors) for name, visitors in zip(names, minus_visitors, strict=True)}
        places[UNKNOWN] = self.unknown
        places[OTHER] = places.get(OTHER, 0) + max(0, self.active - sum(places.values()))
        return Census(self.version, largest(places))


class TouchScript:
    def __init__(self, client: redis.Redis, window_ms: int) -> None:
        self._script = scripts.load(client, __file__, "touch")
        self._keep_ms = KEEP_FOR_WINDOWS * window_ms

    def __call__(self, scope: Scope, newest_version: int, batch: Iterable[Touch], gone_ms: int) -> Answer:
        """Touch, sweep and read, in one step. Those who were seen last at `gone_ms` have just gone.

        `newest_version` is the greatest one known here: Redis goes on from there, should it have lost its own. Raises
        redis.RedisError.
        """
        visitors: list[Any] = []
        for touch in batch:
            if touch.seen_ms > gone_ms:
                visitors += (touch.visitor_id, touch.place or "", touch.seen_ms - gone_ms)
        return self._call(scope, newest_version, visitors)

    def end(self, scope: Scope, visitor_id: str) -> None:
        """End the lease of a visitor, whoever gave it. Raises redis.RedisError."""
        self._call(scope, 0, [visitor_id, "", 0])

    def _call(self, scope: Scope, newest_version: int, visitors: list[Any]) -> Answer:
        keys = [f"koyjabo:active:{scope}:{name}" for name in ("visitors", "places", "counts", "state")]
        return Answer(*self._script(keys, [newest_version, self._keep_ms, BATCH, UNKNOWN, *visitors]))
