"""Active visitors in this process's memory, for a server with one worker and no Redis."""

from _thread import RLock
from collections import Counter
from collections.abc import Iterable

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope
from koyjabo.base.network.location_names import UNKNOWN_LOCATION, largest
from .active_visitors import ActiveCount

LastSeen = tuple[int, str]
"""When a visitor was last seen (ms of `Clock.elapsed_ms`), and where."""

NO_VISITORS = ActiveCount(0, {})


class MemoryActiveVisitors:
    """Keeps each scope's visitors in the order they were last seen, so that expired ones come first."""

    def __init__(self, clock: Clock, window_s: int) -> None:
        self._clock = clock
        self._window_ms = window_s * 1000
        self._seen: dict[Scope, dict[str, LastSeen]] = {}
        self._by_place: dict[Scope, Counter[str]] = {}
        self._cached_counts: dict[Scope, ActiveCount] = {}
        self._changes: Counter[Scope] = Counter()
        self._next_expiry_ms = 0
        self._lock = RLock()  # a real one, as in `metrics`; must not be held while waiting

    def touch(self, scope: Scope, visitor_id: str, place: str | None) -> None:
        self.touch_at(scope, visitor_id, place, self._clock.elapsed_ms())

    def touch_maybe_known(self, scope: Scope, visitor_id: str, place: str) -> None:
        self.touch(scope, visitor_id, place)

    def touch_at(self, scope: Scope, visitor_id: str, place: str | None, seen_ms: int) -> None:
        """Touch a visitor as of `seen_ms` (`Clock.elapsed_ms`). Calls must be in order of `seen_ms`."""
        with self._lock:
            seen = self._seen.setdefault(scope, {})
            before = seen.pop(visitor_id, None)
            place = place or (before[1] if before else UNKNOWN_LOCATION)
            seen[visitor_id] = (seen_ms, place)
            if before is None or before[1] != place:
                self._count(scope, place, 1)
                if before is not None:
                    self._count(scope, before[1], -1)

    def keep_alive(self, scope: Scope, visitor_id: str) -> bool:
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

    def count(self, scope: Scope) -> ActiveCount:
        with self._lock:
            self._expire()
            counted, changes = self._cached_counts.get(scope, NO_VISITORS), self._changes[scope]
            if counted.version != changes:
                self._cached_counts[scope] = counted = ActiveCount(changes, largest(self._by_place[scope]))
            return counted

    def apply_remote(self, scope: Scope, count: ActiveCount) -> None:
        """Do nothing: there are no other workers."""

    def refresh(self) -> None:
        """Do nothing: there are no other workers."""

    def restore(self, seen: Iterable[tuple[Scope, str, str, int]], now_ms: int) -> None:
        """Touch visitors who were seen before this process started: (scope, visitor, location, wall-clock time in ms).
        A time in the future counts as now, because the clock must have been set back.
        """
        since_ms = self._clock.elapsed_ms() - now_ms
        for scope, visitor_id, place, at_ms in sorted(seen, key=lambda item: item[3]):
            self.touch_at(scope, visitor_id, place, min(at_ms, now_ms) + since_ms)

    def _expire(self) -> None:
        now_ms = self._clock.elapsed_ms()
        if now_ms < self._next_expiry_ms:
            return
        oldest_ms = now_ms
        for scope, seen in self._seen.items():
            for visitor_id, place in self._expired(seen, now_ms - self._window_ms):
                del seen[visitor_id]
                self._count(scope, place, -1)
            oldest_ms = min(oldest_ms, next(iter(seen.values()), (now_ms,))[0])
        self._next_expiry_ms = oldest_ms + self._window_ms

    @staticmethod
    def _expired(seen: dict[str, LastSeen], before_ms: int) -> list[tuple[str, str]]:
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
