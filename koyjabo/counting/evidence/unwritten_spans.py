"""Spans that are not in the database yet, collected from all workers."""

from collections import Counter
from collections.abc import Callable, Collection
from types import NoneType
from typing import Any, NamedTuple

from koyjabo.base.cluster.base import Cluster
from koyjabo.base.core.clock import Clock
from .timeline import Shown

RESPONSE_VALID_MS = 5_000
"""How long another worker's response counts, ms. A worker that was killed sends no newer one."""

MAX_SENT_SPANS = 500
"""Maximum number of ended spans, and of running ones, in a response, divided among the visitors. A worker has more only
while it cannot write them.
"""

SHOWN_TYPES = ((str,), (str, NoneType), (int,), (int,), (bool,), (bool, NoneType), (bool,), (bool,))
"""Types of the fields of `Shown`."""


class Unwritten(NamedTuple):
    ended: list[Shown]
    running: list[Shown]


class UnwrittenSpans:
    """`own` returns the spans of visitors on this worker."""

    REQUEST, RESPONSE = "spans_asked", "spans"
    """Subjects of messages: [asking worker, visitors], and [asking worker, answering worker, ended, running]."""

    def __init__(self, cluster: Cluster, clock: Clock, own: Callable[[Collection[str]], Unwritten]) -> None:
        self._bus = cluster.bus
        self._worker = cluster.workers.own_id
        self._clock = clock
        self._own = own
        self._responses: dict[str, tuple[int, Unwritten]] = {}  # by worker, with the elapsed time of their arrival

    def of(self, visitors: Collection[str]) -> Unwritten:
        """The spans of these visitors. Other workers' spans are as of the previous call. Never waits."""
        if not visitors:
            return Unwritten([], [])
        self._bus.send_to_workers(self.REQUEST, [self._worker, sorted(visitors)], key=self._worker)
        ended, running = self._own(visitors)
        for _, spans in self._newest().values():
            ended, running = ended + spans.ended, running + spans.running
        return Unwritten(ended, running)

    def answer(self, subject: str, message: Any) -> None:
        asking, visitors = message
        spans = [_newest(part, MAX_SENT_SPANS // max(1, len(visitors)) or 1) for part in self._own(visitors)]
        self._bus.send_to_workers(self.RESPONSE, [asking, self._worker, *spans], key=asking)

    def receive(self, subject: str, message: Any) -> None:
        """Keep another worker's spans. Raises ValueError."""
        asking, worker, ended, running = message
        if asking == self._worker:
            spans = Unwritten([_shown(span) for span in ended], [_shown(span) for span in running])
            self._responses = {**self._newest(), worker: (self._clock.elapsed_ms(), spans)}

    def _newest(self) -> dict[str, tuple[int, Unwritten]]:
        """The responses that still count. Another thread may replace the dictionary, but never changes it."""
        since_ms = self._clock.elapsed_ms() - RESPONSE_VALID_MS
        return {worker: (at_ms, spans) for worker, (at_ms, spans) in self._responses.items() if at_ms > since_ms}


def _newest(spans: list[Shown], most: int) -> list[Shown]:
    """Up to `most` spans of each visitor, the newest ones."""
    counts: Counter[str] = Counter()
    newest = []
    for shown in reversed(spans):
        counts[shown.visitor_id] += 1
        if counts[shown.visitor_id] <= most:
            newest.append(shown)
    return newest


def _shown(fields: list[Any]) -> Shown:
    """A span from a message. Raises ValueError."""
    for value, types in zip(fields, SHOWN_TYPES, strict=True):
        if not isinstance(value, types):
            raise ValueError("not a span")
    return Shown(*fields)
