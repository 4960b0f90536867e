"""The worker registry without Redis: it contains this worker only."""

from __future__ import annotations

from koyjabo.cluster.workers import Worker


class MemoryWorkers:
    def __init__(self) -> None:
        self.redis_ms: float | None = None
        self._own: list[Worker] = []

    def report(self, worker: Worker) -> None:
        self._own = [worker]

    def live(self) -> list[Worker]:
        return list(self._own)
