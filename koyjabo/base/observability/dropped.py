"""What this worker has dropped because too much was waiting: counted in the metrics, and shown by Health for a day."""

from koyjabo.base.cluster.workers import Drop
from koyjabo.base.core.clock import Clock
from .metrics import Metrics

SHOWN_MS = 86_400_000
"""How long Health shows a kind after the last time, ms."""


class Dropped:
    """Things whose loss an operator should know about."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._drops: dict[str, tuple[Drop, int]] = {}  # by kind, with the elapsed time of the last one, ms

    def add(self, kind: str, number: int = 1) -> None:
        """Record that things were dropped. `kind` is one of DROPPED_KINDS, and Health has words for it."""
        self._metrics.dropped(kind, number)
        earlier = {drop.kind: drop for drop in self.lately()}.get(kind, Drop(kind, 0, self._clock.now_ms()))
        self._drops[kind] = earlier._replace(number=earlier.number + number), self._clock.elapsed_ms()

    def lately(self) -> tuple[Drop, ...]:
        """What was dropped without a day's pause since then."""
        shown_ms = self._clock.elapsed_ms() - SHOWN_MS
        return tuple(drop for drop, last_ms in self._drops.values() if last_ms > shown_ms)
