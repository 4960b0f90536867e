"""Presence in this server's memory: for a server that is alone."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from koyjabo.clock import Clock
from koyjabo.models import Scope
from koyjabo.network.geolocation import UNKNOWN, largest
from koyjabo.presence.visitors.active_visitors import Census

Seen = tuple[int, str]
"""(when, ms of `Clock.elapsed_ms`; where)"""

NOBODY = Census(0, {})


class MemoryPresence:
    """Visitors of each scope in the order they were last seen, so that those who are gone are always at the front."""

    def __init__(self, clock: Clock, window_s: int) -> None:
        self._clock = clock
        self._window_ms = window_s * 1000
        self._seen: dict[Scope, dict[str, Seen]] = {}
        self._by_place: dict[Scope, Counter[str]] = {}
        self._counted: dict[Scope, Census] = {}
        self._changes: Counter[Scope] = Counter()
        self._nobody_goes_before_ms = 0
        self._lock = threading.Lock()  # nothing waits while it is held

    def touch(self, scope: Scope, visitor_id: str, place: str | None) -> None:
        self.touch_at(scope, visitor_id, place, self._clock.elapsed_ms())

    def meet(self, scope: Scope, visitor_id: str, place: str) -> None:
        self.touch(scope, visitor_id, place)

    def touch_at(self, scope: Scope, visitor_id: str, place: str | None, seen_ms: int) -> None:
        """Touch a visitor who was seen at `seen_ms` (of `Clock.elapsed_ms`); called in the order of that."""
        with self._lock:
            seen = self._seen.setdefault(scope, {})
            before = seen.pop(visitor_id, None)
            place = place or (before[1] if before else UNKNOWN)
            seen[visitor_id] = (seen_ms, place)
            if before is None or before[1] != place:
                self._count(scope, place, 1)
                if before is not None:
                    self._count(scope, before[1], -1)

    def renew(self, scope: Scope, visitor_id: str) -> bool:
        with self._lock:
            self._expire()
            known = visitor_id in self._seen.get(scope, {})
        if known:
            self.touch(scope, visitor_id, None)
        return known

    def forget(self, scope: Scope, visitor_id: str) -> None:
        with self._lock:
            seen = self._seen.get(scope, {}).pop(visitor_id, None)
            if seen is not None:
                self._count(scope, seen[1], -1)

    def census(self, scope: Scope) -> Census:
        with self._lock:
            self._expire()
            counted, changes = self._counted.get(scope, NOBODY), self._changes[scope]
            if counted.version != changes:
                self._counted[scope] = counted = Census(changes, largest(self._by_place[scope]))
            return counted

    def learn(self, scope: Scope, census: Census) -> None:
        """There is nobody else."""

    def refresh(self) -> None:
        """There is nobody to ask."""

    def remember(self, seen: Iterable[tuple[Scope, str, str, int]], now_ms: int) -> None:
        """Those who were seen before this server began: (scope, visitor, place, ms of the wall clock).

        When that clock has been put back in the meantime, the latest of them were seen just now.
        """
        since_ms = self._clock.elapsed_ms() - now_ms
        for scope, visitor_id, place, at_ms in sorted(seen, key=lambda each: each[3]):
            self.touch_at(scope, visitor_id, place, min(at_ms, now_ms) + since_ms)

    def _expire(self) -> None:
        now_ms = self._clock.elapsed_ms()
        if now_ms < self._nobody_goes_before_ms:
            return
        oldest_ms = now_ms
        for scope, seen in self._seen.items():
            for visitor_id, place in self._gone(seen, now_ms - self._window_ms):
                del seen[visitor_id]
                self._count(scope, place, -1)
            oldest_ms = min(oldest_ms, next(iter(seen.values()), (now_ms,))[0])
        self._nobody_goes_before_ms = oldest_ms + self._window_ms

    @staticmethod
    def _gone(seen: dict[str, Seen], before_ms: int) -> list[tuple[str, str]]:
        gone = []
        for visitor_id, (seen_ms, place) in seen.items():
            if seen_ms > before_ms:
                break
            gone.append((visitor_id, place))
        return gone

    def _count(self, scope: Scope, place: str, change: int) -> None:
        counts = self._by_place.setdefault(scope, Counter())
        counts[place] += change
        if not counts[place]:
            del counts[place]
        self._changes[scope] += 1
