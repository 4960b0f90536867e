"""Which worker refreshes the dashboards: whoever takes the lease of a beat. A dead one has taken none of the next."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from functools import partial

import redis

from koyjabo.clock import Clock
from koyjabo.cluster import scripts
from koyjabo.cluster.outbox import Outbox
from koyjabo.communities.live.dashboard_room import BEAT_S, OwnBeat
from koyjabo.runtime import Runtime

KEEP_S = 5.0
"""How long a dashboard counts as watched after a worker has said so, which it does every second."""

KEYS = ("koyjabo:dashboards:watched", "koyjabo:dashboards:beat")


class RedisBeat:
    """While Redis is away each worker refreshes its own."""

    def __init__(self, client: redis.Redis, outbox: Outbox, runtime: Runtime, clock: Clock) -> None:
        self._script = scripts.load(client, __file__, "beat")
        self._outbox = outbox
        self._runtime = runtime
        self._worker = uuid.uuid4().hex
        self._own = OwnBeat(clock)

    def ask(self, watched: Iterable[str], refresh: Callable[[Iterable[str]], None]) -> None:
        self._outbox.put("beat", partial(self._ask, tuple(watched), refresh))
        if not self._outbox.reachable:
            self._own.ask(watched, refresh)

    def _ask(self, watched: tuple[str, ...], refresh: Callable[[Iterable[str]], None]) -> None:
        times = (self._worker, round(BEAT_S * 1000), round(KEEP_S * 1000))
        everywhere = self._script(KEYS, (*times, *watched))
        if everywhere is not None:  # the database is asked now: others who use the outbox must not wait for that
            self._runtime.start_task(lambda: refresh([each.decode() for each in everywhere]))
