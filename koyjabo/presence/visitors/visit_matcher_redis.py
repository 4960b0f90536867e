"""Matches visits with sockets on other workers through Redis (specification: Real time)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from koyjabo.base.cluster import redis_client
from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_client import RedisClient, Script
from .unmatched_visits import Fingerprint
from .visit_matcher import VisitMatcher

MAX_OFFERED_VISITS = 100
"""Maximum number of offers per fingerprint. Visitors share a fingerprint if, for instance, they use the same browser on
a campus with a single address.
"""


class RedisVisitMatcher(VisitMatcher):
    """Matches visits and sockets across all workers. An offer is given to only one `ask`, and is valid for `window_s`
    seconds. No caller waits for Redis.

    If Redis is unavailable or responds too late, an offer or an `ask` is lost. The visitor then stays active only
    through their own visits and heartbeats.
    """

    def __init__(self, client: RedisClient, outbox: RedisOutbox, window_s: int) -> None:
        self._offer = redis_client.load(client, __file__, "offer")
        self._ask = redis_client.load(client, __file__, "ask")
        self._outbox = outbox
        self._window_ms = window_s * 1000

    def offer(self, fingerprint: Fingerprint, visitor_id: str) -> None:
        arguments = [visitor_id, self._window_ms, MAX_OFFERED_VISITS]
        self._outbox.send_in_order(partial(self._call, self._offer, fingerprint, arguments))

    def ask(self, fingerprint: Fingerprint, matched: Callable[[str], None]) -> None:
        def take() -> None:  # in the outbox's task
            visitor_id = self._call(self._ask, fingerprint, [self._window_ms])
            if visitor_id is not None:
                matched(visitor_id.decode())

        self._outbox.send_in_order(take)

    @staticmethod
    def _call(script: Script, fingerprint: Fingerprint, arguments: list[Any]) -> Any:
        return script([f"koyjabo:lonely:{fingerprint.hex()}"], arguments)
