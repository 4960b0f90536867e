"""The attended time of one visit: the union of its spans, and of the times that its heartbeats bridge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

KEPT_MS = 600_000
"""How long spans are kept after the newest one, ms. Earlier time is settled: nothing can be added to it any more."""

BRIDGED_MS = 60_000
"""The longest time between two heartbeats that counts as attended, ms."""

MOST_SPANS = 100
"""Maximum number of spans, and of heartbeats, that a visit keeps. A page may be hidden and shown very often."""

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


def within(spans: Iterable[Span], began_ms: int, ended_ms: int) -> list[Span]:
    """The parts of `spans` between two moments."""
    return [(max(a, began_ms), min(b, ended_ms)) for a, b in spans if b > began_ms and a < ended_ms]


@dataclass(slots=True)
class AttendedTime:
    """The fields of a row of `attendance`."""

    settled_ms: int
    settled_until_ms: int
    spans: list[Span]
    beats: dict[int, bool]  # heartbeats: the time, and whether the page was visible

    def attended_ms(self) -> int:
        return self.settled_ms + self._total_ms(self._end_ms())

    def add(self, began_ms: int, ended_ms: int) -> None:
        """Add a span. The part of it that is before `settled_until_ms` is ignored."""
        began_ms = max(began_ms, self.settled_until_ms)
        if began_ms < ended_ms:
            self.spans = union([*self.spans, (began_ms, ended_ms)])

    def beat(self, at_ms: int, visible: bool) -> None:
        self.beats[at_ms] = visible

    def settle(self) -> None:
        """Settle the time that is too old to be kept."""
        until_ms = self._end_ms() - KEPT_MS
        if len(self.spans) > MOST_SPANS:
            until_ms = max(until_ms, self.spans[-MOST_SPANS][0])
        if len(self.beats) > MOST_SPANS:
            until_ms = max(until_ms, sorted(self.beats)[-MOST_SPANS])
        if until_ms > self.settled_until_ms:
            self.settled_ms += self._total_ms(until_ms)
            self.settled_until_ms = until_ms
            self.spans = within(self.spans, until_ms, self._end_ms())
            # The last ones before that moment bridge the time after it.
            self.beats = {at_ms: visible for at_ms, visible in self.beats.items() if at_ms > until_ms - BRIDGED_MS}

    def _end_ms(self) -> int:
        return max(self.spans[-1][1] if self.spans else 0, *self.beats, self.settled_until_ms)

    def _total_ms(self, until_ms: int) -> int:
        """The attended time between `settled_until_ms` and `until_ms`."""
        spans = union([*self.spans, *self._bridged()]) if self.beats else self.spans
        return sum(ended - began for began, ended in within(spans, self.settled_until_ms, until_ms))

    def _bridged(self) -> list[Span]:
        beats = sorted(self.beats)
        return [(at, min(following, at + BRIDGED_MS)) for at, following in pairwise(beats) if self.beats[at]]
