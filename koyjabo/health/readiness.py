"""Checks whether this worker can serve visitors, for `/readyz` and the Health page."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from koyjabo.cluster.base import Base
from koyjabo.counting.outage import LATE_S
from koyjabo.counting.services import CountingServices
from koyjabo.counting.visits import Visits
from koyjabo.database.timelines import TIMELINES
from koyjabo.observability.services import ObservabilityServices


class Ready(NamedTuple):
    ok: bool
    ms: float | None = None  # response time, or delay
    error: str | None = None  # one sentence, in English


class Readiness:
    """Checks this worker. `lag_s` returns the last measured event loop delay. `redis_responds` returns whether Redis
    responded to the last regular call, about a second ago, so that no request has to wait for Redis; None without
    Redis.
    """

    def __init__(self, visits: Visits, lag_s: Callable[[], float], redis_responds: Callable[[], bool] | None) -> None:
        self._visits = visits
        self._lag_s = lag_s
        self._redis_responds = redis_responds

    def checks(self) -> dict[str, Ready]:
        """Results by name: `database`, `writer`, `loop`, and `redis` if it is used. Never raises."""
        checks = {"database": self._database(), "writer": self._writer(), "loop": self._loop()}
        if self._redis_responds is not None:
            responds = self._redis_responds()
            checks["redis"] = Ready(responds, error=None if responds else "It does not respond.")
        return checks

    @property
    def refuses_old_primary(self) -> bool:
        """Whether the last database server reached was refused as an old primary (`database.timelines`)."""
        return bool(TIMELINES.refusal)

    def _database(self) -> Ready:
        began = time.perf_counter()
        stale = self._visits.stats().stale
        took_ms = round((time.perf_counter() - began) * 1000, 1)
        return Ready(not stale, took_ms, (TIMELINES.refusal or "It does not respond.") if stale else None)

    def _writer(self) -> Ready:
        """Check the commit queue. This fails well before visitors get a 503, which happens after 5 s."""
        writer = self._visits.writer()
        if writer.has_failed:
            return Ready(False, error="The last commit failed.")
        late = writer.oldest_s > LATE_S
        error = f"{writer.waiting} visits are waiting for their commit, the oldest for {writer.oldest_s:.1f} s."
        return Ready(not late, round(writer.oldest_s * 1000, 1), error if late else None)

    def _loop(self) -> Ready:
        lag_s = self._lag_s()
        late = lag_s > LATE_S
        return Ready(not late, round(lag_s * 1000, 1), "The worker is overloaded." if late else None)


def build(base: Base) -> Readiness:
    observability = base.services[ObservabilityServices]
    return Readiness(base.services[CountingServices].visits, observability.lag_s, observability.redis_responds)
