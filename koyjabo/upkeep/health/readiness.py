"""Whether this worker can serve visitors, for `/readyz` and the warnings."""

import time
from typing import NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.database.timelines import TIMELINES
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.counting.unsaved_visits import COMMIT_LATE_S
from koyjabo.counting.visits import Visits

DATABASE_SILENT = "It does not respond."


class Ready(NamedTuple):
    ok: bool
    ms: float | None = None  # response time, or delay
    error: str | None = None  # one sentence, in English


class Readiness:
    """Checks this worker. Does not wait for Redis."""

    def __init__(self, base: Base) -> None:
        self._visits = base.services[Visits]
        self._lag_s = base.services[ObservabilityServices].lag_s
        self._cluster = base.cluster

    def checks(self) -> dict[str, Ready]:
        """Results by name: `database`, `writer`, `loop`, and `redis` if it is used. Never raises."""
        writer = self._visits.writer()
        waiting = f"{writer.waiting} visits are waiting for their commit, the oldest for {writer.oldest_s:.1f} s."
        checks = {
            "database": self._database(),
            "writer": _in_time(writer.oldest_s, waiting),  # late well before visitors get a 503, which takes 5 s
            "loop": _in_time(self._lag_s(), "The worker is overloaded."),
        }
        if writer.has_failed:
            checks["writer"] = Ready(False, error="The last commit failed.")
        responds = self._cluster.redis_responds
        if responds is not None:
            error = None if responds else DATABASE_SILENT
            if self._cluster.redis_refusal:
                error = "It refuses this server."
            checks["redis"] = Ready(error is None, error=error)
        return checks

    def _database(self) -> Ready:
        began = time.perf_counter()
        stale = self._visits.stats().stale
        took_ms = round((time.perf_counter() - began) * 1000, 1)
        return Ready(not stale, took_ms, (TIMELINES.refusal or DATABASE_SILENT) if stale else None)


def _in_time(delay_s: float, error: str) -> Ready:
    is_late = delay_s > COMMIT_LATE_S
    return Ready(not is_late, round(delay_s * 1000, 1), error if is_late else None)
