"""The live stats of one scope on this server: numbers from the ledger, and the number of active visitors."""

from _thread import RLock
from collections.abc import Mapping
from typing import Any

from koyjabo.base.core.clock import Clock, newest_credible
from koyjabo.base.models import Scope
from koyjabo.base.network.location_names import OTHER_LOCATIONS, UNKNOWN_LOCATION
from koyjabo.presence.visitors.active_visitors import ActiveCount, ActiveVisitors
from .high_water import HighWater
from .records import CounterSnapshot
from .stats import LastVisit, Stats

MIN_AT_A_PLACE = 3
"""Minimum number of active visitors in a location before the last visit's location is shown. Otherwise, the visitor
could be recognised.
"""

SNAPSHOT_TEXT_FIELDS, LAST_VISIT_TYPES = ("scope", "day"), {"last_ms": int, "last_place": str}


class LiveStats:
    """The live stats of one scope, starting from `snapshot`. Everything that is shown is noted in `high_water`."""

    def __init__(
        self, snapshot: CounterSnapshot, active_visitors: ActiveVisitors, clock: Clock, high_water: HighWater
    ) -> None:
        self.scope: Scope = snapshot.scope
        self._active_visitors = active_visitors
        self._clock = clock
        self._high_water = high_water
        self._snapshot = snapshot
        high_water.note(snapshot)
        self._stale = False  # the last read of the ledger failed
        self._shown: tuple[object, Stats] | None = None
        self._newest_revision = snapshot.revision  # the greatest revision read, received or issued
        self._lock = RLock()  # a real one, as in `metrics`; guards the four fields above; never wait while holding it

    @property
    def snapshot(self) -> CounterSnapshot:
        return self._snapshot

    def update(self, snapshot: CounterSnapshot | None) -> None:
        """Update the numbers from the ledger. `snapshot` is None if it could not be read. Older numbers are ignored,
        because a read's result may arrive after the receipt of a later commit.
        """
        with self._lock:
            self._stale = snapshot is None
            self._keep_newest(snapshot)

    def stats(self, after: int = 0) -> Stats:
        """The stats as last seen by this server, without reading the ledger, at a revision greater than `after`."""
        with self._lock:
            return self._current(after)[1]

    # State exchanged with other servers.

    def state(self) -> dict[str, Any]:
        """The state that another server needs to show the same stats, as JSON."""
        with self._lock:
            count, stats = self._current()
            return {"figures": self._snapshot, "census": count, "revision": stats.revision}

    def merge(self, state: dict[str, Any]) -> None:
        """Merge another server's `state`. Older parts of it are ignored. Raises ValueError if it is malformed. If both
        servers then have the same state, they show it at the same revision; otherwise, this server's revision is
        higher.
        """
        snapshot, remote_count, revision = self._checked(state)
        if snapshot.epoch != self._snapshot.epoch:
            return  # a different count: the next read of the database, within a second, shows which one is right
        self._active_visitors.apply_remote(self.scope, remote_count)
        with self._lock:
            self._keep_newest(snapshot)
            count = self._active_visitors.count(self.scope)
            if revision > self._newest_revision:
                self._newest_revision = revision
                if (self._snapshot, count.places) == (snapshot, remote_count.places):
                    self._show(count, revision)

    def _checked(self, state: Any) -> tuple[CounterSnapshot, ActiveCount, int]:
        """Parse another server's state. Raises ValueError, or the error of the first malformed part."""
        snapshot, count = CounterSnapshot._make(state["figures"]), ActiveCount._make(state["census"])
        revision = state["revision"]
        accepted = max(self._newest_revision, self._active_visitors.count(self.scope).version)
        newest = newest_credible(self._clock, accepted)
        if not (
            all(_is_credible(name, value) for name, value in snapshot._asdict().items())
            and snapshot.scope == self.scope
            and type(count.version) is type(revision) is int
            and all(type(visitors) is int and visitors > 0 for visitors in count.places.values())
            and (snapshot.last_ms or 0) >= 0
        ):
            raise ValueError("not a server's state")
        if max(revision, snapshot.revision, count.version, snapshot.last_ms or 0) > newest:
            raise ValueError("from a server whose clock is more than an hour ahead")
        return snapshot, count, revision

    def _current(self, after: int = 0) -> tuple[ActiveCount, Stats]:
        count = self._active_visitors.count(self.scope)
        self._newest_revision = max(self._newest_revision, after)
        shown = self._shown
        if shown is None or shown[0] != self._state(count) or shown[1].revision <= after:
            self._show(count, self._next_revision())
        assert self._shown is not None
        return count, self._shown[1]

    def _show(self, count: ActiveCount, revision: int) -> None:
        snapshot, today = self._snapshot, self._clock.today()
        last = None
        if snapshot.last_ms is not None:
            last = LastVisit(snapshot.last_ms, named_place(snapshot.last_place, count.places))
        stats = Stats(
            total=snapshot.total,
            today=snapshot.day_visits if snapshot.day == today else 0,
            active=sum(count.places.values()),
            unique_visitors=snapshot.unique_visitors,
            places=count.places,
            revision=revision,
            epoch=snapshot.epoch,
            stale=self._stale,
            at_ms=self._clock.time_of(revision),
            last=last,
        )
        self._shown = (self._state(count), stats)

    def _state(self, count: ActiveCount) -> object:
        return self._snapshot.epoch, self._snapshot.revision, self._clock.today(), self._stale, count.places

    def _next_revision(self) -> int:
        """The revision of the newest commit; after any other change or a restart, the next number."""
        if self._shown is not None and self._snapshot.revision > self._newest_revision:
            revision = self._snapshot.revision
        else:
            revision = max(self._newest_revision + 1, self._clock.now_ms())
        self._newest_revision = revision
        return revision

    def _keep_newest(self, snapshot: CounterSnapshot | None) -> None:
        old = self._snapshot
        if snapshot and _recency(snapshot) >= _recency(old):
            self._snapshot = snapshot
            self._high_water.note(snapshot)


def _is_credible(name: str, value: Any) -> bool:
    if name in LAST_VISIT_TYPES:
        return value is None or type(value) is LAST_VISIT_TYPES[name]
    return type(value) is (str if name in SNAPSHOT_TEXT_FIELDS else int)


def named_place(place: str | None, places: Mapping[str, int]) -> str | None:
    """The location of a visit; None if too few visitors are active there."""
    is_named = (
        place is not None
        and place not in (OTHER_LOCATIONS, UNKNOWN_LOCATION)
        and places.get(place, 0) >= MIN_AT_A_PLACE
    )
    return place if is_named else None


def _recency(snapshot: CounterSnapshot) -> tuple[int, int]:
    return snapshot.epoch, snapshot.revision
