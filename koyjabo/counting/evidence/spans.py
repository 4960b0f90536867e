"""The attended time of one visit: the union of its spans, and of the times that its heartbeats bridge."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

SPAN_KEPT_MS = 600_000
"""How long spans are kept after the latest one, ms. Earlier time is settled: nothing can be added to it any more."""

MAX_BRIDGE_MS = 60_000
"""The longest time between two heartbeats that counts as attended, ms."""

MAX_SPANS = 100
"""Maximum number of spans, and of heartbeats, kept for a visit. A page may be hidden and shown very often."""

Span = tuple[int, int]
"""(began, ended), ms since 1970 UTC"""


def union(spans: Iterable[Span]) -> list[Span]:
    """Merge spans, in order. Spans that touch become one."""
    merged: list[Span] = []
    for began, ended in sorted(spans):
        if merged and began <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(ended, merged[-1][1])
        elif began < ended:
            merged.append((began, ended))
    return merged


@dataclass(slots=True)
class AttendedTime:
    """A visit's attended time, with the fields of its row in `attendance`."""

    settled_ms: int
    settled_until_ms: int
    spans: list[Span]
    beats: dict[int, bool]  # heartbeats: the time, and whether the page was visible

    def total_ms(self) -> int:
        if self.beats:
            return self.settled_ms + self._unsettled_ms(self._end_ms())
        return self.settled_ms + sum([ended - began for began, ended in self.spans])

    def add(self, began_ms: int, ended_ms: int) -> None:
        """Add a span. Any part of it before `settled_until_ms` is ignored."""
        began_ms = max(began_ms, self.settled_until_ms)
        if began_ms < ended_ms:
            is_newest = not self.spans or began_ms > self.spans[-1][1]
            self.spans.append((began_ms, ended_ms))
            if not is_newest:
                self.spans = union(self.spans)

    def with_running(self, ended: Iterable[Span], began_ms: Collection[int]) -> tuple[int, int | None]:
        """Add spans that have ended. Returns the attended time until the first of the running spans began at
        `began_ms`, and when it began; None without running spans.
        """
        later = [(max(began, self.settled_until_ms), end) for began, end in ended if end > self.settled_until_ms]
        self.spans = union([*self.spans, *later])
        if not began_ms:
            return self.total_ms(), None
        since_ms = max(self.settled_until_ms, min(began_ms))
        return self.settled_ms + self._unsettled_ms(since_ms), since_ms

    def restart_beats(self) -> None:
        """Keep the time that heartbeats have bridged, and let them bridge nothing more, after a change of the clock."""
        for began_ms, ended_ms in self._bridged():
            self.add(began_ms, ended_ms)
        self.beats.clear()

    def settle(self, kept_ms: int) -> None:
        """Settle the time that is too old to be kept: SPAN_KEPT_MS before the newest span, and before `kept_ms`,
        because the newest span may be from before the wall clock was set.
        """
        until_ms = min(self._end_ms() - SPAN_KEPT_MS, kept_ms)
        if len(self.spans) > MAX_SPANS:
            until_ms = max(until_ms, self.spans[-MAX_SPANS][0])
        if len(self.beats) > MAX_SPANS:
            until_ms = max(until_ms, sorted(self.beats)[-MAX_SPANS])
        if until_ms > self.settled_until_ms:
            self.settled_ms += self._unsettled_ms(until_ms)
            self.settled_until_ms = until_ms
            self.spans = [(max(began, until_ms), ended) for began, ended in self.spans if ended > until_ms]
            # The last heartbeats before that moment bridge the time after it.
            self.beats = {at_ms: visible for at_ms, visible in self.beats.items() if at_ms > until_ms - MAX_BRIDGE_MS}

    def _end_ms(self) -> int:
        end_ms = self.spans[-1][1] if self.spans else self.settled_until_ms
        return max(end_ms, *self.beats) if self.beats else end_ms

    def _unsettled_ms(self, until_ms: int) -> int:
        """The attended time between `settled_until_ms` and `until_ms`."""
        after_ms, spans = self.settled_until_ms, self.spans
        if self.beats:
            spans = union([*spans, *self._bridged()])
        return sum(
            min(ended, until_ms) - max(began, after_ms)
            for began, ended in spans
            if ended > after_ms and began < until_ms
        )

    def _bridged(self) -> list[Span]:
        """The times that heartbeats bridge."""
        pairs = pairwise(sorted(self.beats))
        return [(at, min(following, at + MAX_BRIDGE_MS)) for at, following in pairs if self.beats[at]]
