"""What is counted and measured, joined with what it is about: neither storage nor realtime knows of Prometheus."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from koyjabo.application.backends import Others
from koyjabo.communities.live.revocation import Seating
from koyjabo.counting.ledger import Ledger
from koyjabo.counting.visits import Visits
from koyjabo.observability.gauges import (
    BUILD,
    COMMUNITIES,
    CONNECTIONS,
    DATABASE,
    LAG,
    OLDEST,
    REDIS,
    WAITING,
    WORKERS,
    Gauges,
    Values,
    build,
)
from koyjabo.observability.metrics import FOLDER, OTHER, PLACE, Metrics
from koyjabo.observability.reconnections import Comebacks
from koyjabo.observability.socket_log import Traffic
from koyjabo.realtime import socket_counts
from koyjabo.realtime.fanout import LocalFanout

MOST_COMMUNITIES = 50


class Lag:
    """How late the pulse is that should beat every `interval_s`: as late as everybody who waits for the loop."""

    def __init__(self, interval_s: float) -> None:
        self.seconds = 0.0
        self._interval_s = interval_s
        self._due: float | None = None  # monotonic s; under another WSGI server the pulse begins with the first socket

    def beat(self) -> None:
        now = time.monotonic()
        self.seconds = max(0.0, now - self._due) if self._due is not None else 0.0
        self._due = now + self._interval_s


class Watch:
    """Everything that looks on. `tell` is to be called every second."""

    def __init__(self, secret: str, interval_s: float) -> None:
        self.lag = Lag(interval_s)
        self._gauges = Gauges(FOLDER, PLACE)
        self.metrics = Metrics(self._gauges)
        self.traffic = Traffic(self.metrics, Comebacks(FOLDER, secret))

    def over(self, others: Others, ledger: Ledger, visits: Visits, seating: Seating) -> None:
        """Look at these from now on."""
        others.fanout.on_sent, others.fanout.on_told = self.traffic.sent, self.traffic.told
        ledger.on_batch = self.metrics.committed
        self._gauges.look = lambda: _values(others.fanout, visits, seating, others.redis_answers, self.lag)

    def tell(self) -> None:
        self.lag.beat()
        self._gauges.tell()


def _values(
    fanout: LocalFanout, visits: Visits, seating: Seating, redis_answers: Callable[[], bool] | None, lag: Lag
) -> Values:
    writer = visits.writer()
    redis = {} if redis_answers is None else {REDIS.name: {"": float(redis_answers())}}
    return {
        WORKERS.name: {"": 1},
        CONNECTIONS.name: socket_counts.sockets(fanout),
        COMMUNITIES.name: _largest(seating.census()),
        WAITING.name: {"": writer.waiting},
        OLDEST.name: {"": writer.oldest_s},
        LAG.name: {"": lag.seconds},
        DATABASE.name: {"": float(not visits.newest().stale)},
        **redis,
        BUILD.name: {build(): 1},
    }


def _largest(counts: Counter[str]) -> dict[str, int]:
    found = dict(counts.most_common(MOST_COMMUNITIES))
    rest = counts.total() - sum(found.values())
    return {**found, OTHER: rest} if rest else found
