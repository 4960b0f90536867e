"""Spans that are not in the database yet. A worker that shows live times asks the others for theirs.

Spans are absolute, so one that has been written since then counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from koyjabo.cluster.base import Cluster
from koyjabo.core.clock import Clock
from koyjabo.evidence.queries import Shown

KEPT_MS = 5_000
"""How long another worker's answer counts, ms. A worker that was killed sends no newer one."""


class Unwritten(NamedTuple):
    ended: list[Shown]
    running: list[Shown]


class UnwrittenSpans:
    """The spans of all workers. `own` returns the spans of visitors on this worker."""

    ASKED, ANSWERED = "spans_asked", "spans"
    """Subjects of messages: [asking worker, visitors], and [asking worker, answering worker, ended, running]."""

    def __init__(self, cluster: Cluster, clock: Clock, own: Callable[[Collection[str]], Unwritten]) -> None:
        self._bus = cluster.bus
        self._worker = cluster.workers.own_id
        self._clock = clock
        self._own = own
        self._answers: dict[str, tuple[int, Unwritten]] = {}  # by worker, with the elapsed time of their arrival

    def of(self, visitors: Collection[str]) -> Unwritten:
        """The spans of these visitors. Other workers' spans are as of the previous call. Never waits."""
        self._bus.send_to_workers(self.ASKED, [self._worker, sorted(visitors)], key=self._worker)
        since_ms, answers = self._clock.elapsed_ms() - KEPT_MS, self._answers.items()
        self._answers = {worker: (at_ms, spans) for worker, (at_ms, spans) in answers if at_ms > since_ms}
        ended, running = self._own(visitors)
        for _, spans in self._answers.values():
            ended, running = ended + spans.ended, running + spans.running
        return Unwritten(ended, running)

    def answer(self, subject: str, message: Any) -> None:
        asking, visitors = message
        self._bus.send_to_workers(self.ANSWERED, [asking, self._worker, *self._own(visitors)], key=asking)

    def receive(self, subject: str, message: Any) -> None:
        asking, worker, *spans = message
        if asking == self._worker:
            ended, running = ([Shown(*span) for span in part] for part in spans)
            self._answers[worker] = self._clock.elapsed_ms(), Unwritten(ended, running)
