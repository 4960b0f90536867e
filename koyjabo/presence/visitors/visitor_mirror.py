"""One worker's copy of a scope's active visitors: the last count from Redis, and estimates for newer touches."""

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import takewhile

from koyjabo.base.network.location_names import OTHER_LOCATIONS, largest
from .active_visitors import ActiveCount
from .active_visitors_memory import NO_VISITORS


@dataclass(frozen=True, slots=True, eq=False)
class Touch:
    """A visitor's activity that Redis has not confirmed yet."""

    visitor_id: str
    place: str | None  # as sent to Redis; None keeps the old location
    seen_ms: int  # by `Clock.elapsed_ms`
    # The location where Redis counts the visitor now, as far as this worker knows; None if not counted.
    before: str | None = None
    after: str | None = None  # where Redis will count the visitor; None if unknown, so there is no estimate


class VisitorMirror:
    """This worker's copy of a scope's active visitors: the last count from Redis, plus an estimate for touches that
    Redis has not counted yet. Not thread-safe: the caller must hold a lock around each method call.

    A touch changes the count at once, by an estimate of its effect in Redis. The estimates are kept as a sum. When the
    worker adopts a count that Redis computed after a touch, the touch's estimate is removed from the sum.

    Workers send each other their counts. A count with estimates must not be adopted: an estimate may be wrong (the
    visitor is already active on another worker), and two workers may have made an estimate for the same visitor. Such a
    count therefore has a negative version, lower than any version from Redis.

    Workers adopt a count only if its version is no older than the last one they adopted. All workers therefore converge
    on Redis's count, and a wrong estimate lasts only until this worker's next response from Redis.
    """

    def __init__(self, now_ms: int) -> None:
        self.snapshot = NO_VISITORS
        self.last_reported = NO_VISITORS  # the count last shown in this worker's rooms
        self.last_reply_ms = now_ms  # when a reply from Redis last arrived, here or through another worker
        self.last_used_ms = now_ms  # when this worker last used the scope
        self.born = 0  # identifies the data set in Redis that the snapshot came from; 0 while Redis has none
        self.origin = ""  # the Redis server that the snapshot came from, as named by Sentinel
        self.must_resend_all = False
        self.unconfirmed: dict[str, Touch] = {}  # in the order they were last seen
        self._estimates: Counter[str] = Counter()
        self._shown: ActiveCount | None = NO_VISITORS
        self._own_count = (NO_VISITORS, NO_VISITORS)
        self._estimate_numbers = itertools.count(1)

    def touch(self, visitor_id: str, place: str | None, known_in: str | None, now_ms: int) -> None:
        """Record activity by a visitor who was last active at the location `known_in`; None if not active on this
        worker.
        """
        self.last_used_ms = now_ms
        earlier = self.unconfirmed.pop(visitor_id, None)
        if earlier is None:
            touch = Touch(visitor_id, place, now_ms, known_in, place or known_in)
        else:
            self._estimate(earlier, -1)
            touch = replace(earlier, place=place or earlier.place, seen_ms=now_ms, after=place or earlier.after)
        self.unconfirmed[visitor_id] = touch
        self._estimate(touch, 1)

    def forget(self, visitor_id: str) -> None:
        """Drop a visitor's unconfirmed touch. Idempotent."""
        touch = self.unconfirmed.pop(visitor_id, None)
        if touch is not None:
            self._estimate(touch, -1)

    def confirm(self, sent: Iterable[Touch], count: ActiveCount, now_ms: int) -> None:
        """Adopt the count that Redis computed after the touches in `sent`."""
        for touch in sent:
            newer = self.unconfirmed.get(touch.visitor_id)
            if newer is None:
                continue  # it was dropped as expired
            self._estimate(newer, -1)
            if newer is touch:
                del self.unconfirmed[touch.visitor_id]
            else:
                self.unconfirmed[touch.visitor_id] = newer = replace(newer, before=touch.after or newer.after)
                self._estimate(newer, 1)
        self.last_reply_ms = now_ms
        # Another worker may have sent a newer count in the meantime. An equal version means the same count, unless ours
        # dates from before Redis lost its data. In both cases, Redis is right.
        if count.version >= self.snapshot.version and count != self.snapshot:
            self._adopt(count)

    def apply_remote(self, count: ActiveCount, now_ms: int) -> None:
        """Adopt a count that another worker got from Redis, if it is newer."""
        if count.version > self.snapshot.version:
            self.last_reply_ms = now_ms
            self._adopt(count)

    def drop_expired(self, before_ms: int) -> None:
        """Drop touches last seen at `before_ms` or earlier. Their leases expired while Redis was unavailable."""
        expired = takewhile(lambda touch: touch.seen_ms <= before_ms, self.unconfirmed.values())
        for touch in list(expired):
            self.forget(touch.visitor_id)

    def count(self) -> ActiveCount:
        """Return the last count from Redis plus the estimates. Returns the same object until one of them changes."""
        if self._shown is None and not self._estimates:
            self._shown = self.snapshot
        elif self._shown is None:
            places = dict(self.snapshot.places)
            for place, change in self._estimates.items():
                counted_in = OTHER_LOCATIONS if change < 0 and place not in places else place
                places[counted_in] = places.get(counted_in, 0) + change
            positive = {place: visitors for place, visitors in places.items() if visitors > 0}
            self._shown = ActiveCount(-next(self._estimate_numbers), largest(positive))
        return self._shown

    def own_count(self, own: ActiveCount) -> ActiveCount:
        """The count of this worker's own visitors. Its version is negative, so that no other worker adopts it."""
        if self._own_count[0] is not own:
            self._own_count = (own, ActiveCount(-next(self._estimate_numbers), own.places))
        return self._own_count[1]

    def _adopt(self, count: ActiveCount) -> None:
        self.snapshot = count
        self._shown = None

    def _estimate(self, touch: Touch, sign: int) -> None:
        """Add a touch's estimate to the sum (`sign` 1), or remove it (-1)."""
        if touch.after is None or touch.after == touch.before:
            return
        self._shown = None
        for place, change in ((touch.after, sign), (touch.before, -sign)):
            if place is not None:
                self._estimates[place] += change
                if not self._estimates[place]:
                    del self._estimates[place]
