"""The newest spans of time in which one member was connected, and the time that a reported span adds to them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from koyjabo.core.clock import Clock, shifted

KEEP_MS = 10 * 60_000
"""Spans are kept until they are this much older than the newest one. Time before them is not added, because it may have
been added already; workers report every minute.
"""

Span = tuple[int, int]
"""From and to, ms since 1970-01-01 UTC"""


class MemberTime:
    """`spans` and `days` are JSON, as stored (`models.MemberSpans`)."""

    def __init__(self, spans: str = "[]", days: str = "[]") -> None:
        self._spans: list[Span] = [(began_ms, ended_ms) for began_ms, ended_ms in json.loads(spans)]
        self._days: list[str] = json.loads(days)

    @property
    def spans(self) -> str:
        return json.dumps(self._spans)

    @property
    def days(self) -> str:
        return json.dumps(self._days)

    def add(self, began_ms: int, ended_ms: int, clock: Clock) -> dict[str, int]:
        """Add a span. Returns how much of it was not added before, ms by local day. Idempotent.

        A span that ends more than KEEP_MS after now is of a clock that was wrong: it makes no other one too old.
        """
        latest_ms = clock.now_ms() + KEEP_MS
        oldest_ms = _newest_ms(self._spans, latest_ms) - KEEP_MS
        new = list(self._gaps(max(began_ms, oldest_ms), ended_ms))
        self._spans = _merged([*self._spans, *new], latest_ms)
        added: Counter[str] = Counter()
        for span in new:
            added.update(dict(_by_day(*span, clock)))
        return added

    def is_first_on(self, day: str) -> bool:
        """Whether this is the first time on this day. Call it once for each day of a result of `add`."""
        if day in self._days or (len(self._days) > 1 and day < self._days[0]):
            return False
        self._days = sorted([*self._days, day])[-2:]
        return True

    def _gaps(self, began_ms: int, ended_ms: int) -> Iterator[Span]:
        """The parts of a span that are in none of the known ones."""
        for known_from, known_to in self._spans:
            if known_to > began_ms and known_from < ended_ms:
                if known_from > began_ms:
                    yield began_ms, known_from
                began_ms = known_to
        if began_ms < ended_ms:
            yield began_ms, ended_ms


def _newest_ms(spans: list[Span], latest_ms: int) -> int:
    """When the newest span ended that did so before `latest_ms`; KEEP_MS without any."""
    return max([ended_ms for _, ended_ms in spans if ended_ms <= latest_ms], default=KEEP_MS)


def _merged(spans: list[Span], latest_ms: int) -> list[Span]:
    """In order, with adjacent spans joined, and without spans that are too old."""
    merged: list[Span] = []
    for began_ms, ended_ms in sorted(spans):
        if merged and merged[-1][1] == began_ms:
            began_ms = merged.pop()[0]
        merged.append((began_ms, ended_ms))
    newest_ms = _newest_ms(merged, latest_ms)
    return [span for span in merged if span[1] > newest_ms - KEEP_MS]


def _by_day(began_ms: int, ended_ms: int, clock: Clock) -> Iterator[tuple[str, int]]:
    while began_ms < ended_ms:
        day = clock.bucket(began_ms).day
        midnight_ms = 1000 * clock.began_s(shifted(day, 1))
        upto_ms = min(ended_ms, midnight_ms)
        yield day, upto_ms - began_ms
        began_ms = upto_ms
