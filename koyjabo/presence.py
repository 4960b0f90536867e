"""Who is active: the visitors seen within ACTIVE_WINDOW_SECONDS, by place. Each server's own, in its memory."""

from __future__ import annotations

from collections import Counter

from koyjabo.clock import Clock
from koyjabo.models import Scope

Places = dict[str, int]
Seen = tuple[int, str]
"""(when, ms of `Clock.elapsed_ms`; where)"""


class ActiveVisitors:
    """Visitors of each scope in the order they were last seen, so that those who are gone are always at the front."""

    def __init__(self, clock: Clock, window_s: int) -> None:
        self._clock = clock
        self._window_ms = window_s * 1000
        self._seen: dict[Scope, dict[str, Seen]] = {}
        self._by_place: dict[Scope, Counter[str]] = {}
        self._nobody_goes_before_ms = 0
        self.version = 0
        """Grows whenever a count changes, so that nothing needs to be compared to know."""

    def touch(self, scope: Scope, visitor_id: str, place: str) -> None:
        """A registered visitor gave a sign of life, here and now. A new place replaces the old one."""
        seen = self._seen.setdefault(scope, {})
        before = seen.pop(visitor_id, None)
        seen[visitor_id] = (self._clock.elapsed_ms(), place)
        if before is None or before[1] != place:
            self._count(scope, place, 1)
            if before is not None:
                self._count(scope, before[1], -1)

    def renew(self, scope: Scope, visitor_id: str) -> bool:
        """Touch a visitor where they were seen last; false when they are not active."""
        self._expire()
        before = self._seen.get(scope, {}).get(visitor_id)
        if before is not None:
            self.touch(scope, visitor_id, before[1])
        return before is not None

    def places(self, scope: Scope) -> Places:
        """How many are active in each place. Their sum is the number of active visitors, by construction."""
        self._expire()
        return self._by_place.get(scope, {})

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
        self.version += 1
