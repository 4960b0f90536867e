"""Matches visits with sockets of other workers through Redis (specification: Real time)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import redis

from koyjabo.cluster import scripts
from koyjabo.cluster.outbox import Outbox
from koyjabo.presence.visitors.visitor_sockets import Caller

MOST_OFFERED = 100
"""Offers kept for one caller. Many visitors share a caller where, say, a campus has one address and one browser."""


class RedisExchange:
    """Offers of all workers. Each is given to one `ask` and is valid for `window_s` seconds. No caller waits for Redis.

    An offer or an `ask` is lost while Redis is away, and when Redis answers later than its time limit. The visitor
    then stays active only through their own visits and heartbeats.
    """

    def __init__(self, client: redis.Redis, outbox: Outbox, window_s: int) -> None:
        self._offer = scripts.load(client, __file__, "offer")
        self._ask = scripts.load(client, __file__, "ask")
        self._outbox = outbox
        self._window_ms = window_s * 1000

    def offer(self, caller: Caller, visitor_id: str) -> None:
        """Publish that a visit of `caller` has no socket yet."""
        arguments = [visitor_id, self._window_ms, MOST_OFFERED]
        self._outbox.put_in_order(partial(self._call, self._offer, caller, arguments))

    def ask(self, caller: Caller, found: Callable[[str], None]) -> None:
        """Call `found`, from the outbox's task, with the last visitor offered for `caller`, if there is one."""
        self._outbox.put_in_order(lambda: self._take(caller, found))

    def _take(self, caller: Caller, found: Callable[[str], None]) -> None:
        visitor_id = self._call(self._ask, caller, [self._window_ms])
        if visitor_id is not None:
            found(visitor_id.decode())

    @staticmethod
    def _call(script: Any, caller: Caller, arguments: list[Any]) -> Any:
        return script([f"koyjabo:lonely:{caller.hex()}"], arguments)
