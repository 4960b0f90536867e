"""Active visitors that several workers share through Redis. No caller waits for Redis (specification: promise 8).

A touch changes this worker's mirror at once. The outbox's task sends touches to Redis in batches, and updates the
mirror from the responses. Redis stores only leases: if it loses them, each worker sends its own visitors again.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice, takewhile
from typing import Any, NamedTuple

from koyjabo.base.cluster import redis_client
from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_client import RedisClient
from koyjabo.base.core.clock import Clock
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network.geolocation import OTHER, UNKNOWN, largest
from .active_visitors import ActiveCount
from .memory_store import NO_VISITORS, MemoryActiveVisitors, Seen

BATCH = 1000
"""Maximum number of visitors touched, and of visitors expired, per call. Redis is blocked during a call."""

KEEP_FOR_WINDOWS = 2
"""How many windows the keys in Redis live after the last change, so that no active visitor is lost."""


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
                counted_in = OTHER if change < 0 and place not in places else place
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


class ActiveReply(NamedTuple):
    version: int
    born: int  # when this data set was created, ms; 0 if there is none
    active: int
    unknown: int
    unswept: int  # 1 if more leases have expired, and the count still includes their visitors
    largest: list[bytes]

    def to_count(self) -> ActiveCount:
        """The count by location. Visitors at locations that are missing from the response count as `Other`."""
        names, minus_visitors = self.largest[::2], self.largest[1::2]
        places = {name.decode(): -int(visitors) for name, visitors in zip(names, minus_visitors, strict=True)}
        places[UNKNOWN] = self.unknown
        places[OTHER] = places.get(OTHER, 0) + max(0, self.active - sum(places.values()))
        return ActiveCount(self.version, largest(places))


class TouchScript:
    """Runs touch.lua: sends touches to Redis, and parses the response."""

    def __init__(self, client: RedisClient, window_ms: int) -> None:
        self._script = redis_client.load(client, __file__, "touch")
        self._keep_ms = KEEP_FOR_WINDOWS * window_ms

    def __call__(self, scope: Scope, newest_version: int, batch: Iterable[Touch], expired_ms: int) -> ActiveReply:
        """Touch, expire and read in one atomic step. Touches at `expired_ms` or earlier are skipped, because their
        leases have expired. `newest_version` is the highest version that this worker has seen; Redis continues from it
        if it has lost its own. Raises redis.RedisError.
        """
        visitors: list[Any] = []
        for touch in batch:
            if touch.seen_ms > expired_ms:
                visitors += (touch.visitor_id, touch.place or "", touch.seen_ms - expired_ms)
        return self._call(scope, newest_version, visitors)

    def end(self, scope: Scope, visitor_id: str) -> None:
        """End a visitor's lease. Any worker may call this. Raises redis.RedisError."""
        self._call(scope, 0, [visitor_id, "", 0])

    def _call(self, scope: Scope, newest_version: int, visitors: list[Any]) -> ActiveReply:
        return ActiveReply(*self._script(keys_of(scope), [newest_version, self._keep_ms, BATCH, UNKNOWN, *visitors]))


def keys_of(scope: Scope) -> list[str]:
    return [f"koyjabo:active:{{{scope}}}:{name}" for name in ("visitors", "places", "counts", "state")]


class OwnVisitors(MemoryActiveVisitors):
    """Active visitors seen by this worker."""

    def seen(self, scope: Scope, visitor_id: str) -> Seen | None:
        """Return when and where a visitor was last seen, or None if the visitor is not active on this worker."""
        with self._lock:
            self._expire()
            return self._seen.get(scope, {}).get(visitor_id)

    def visitor_ids(self, scope: Scope) -> list[str]:
        with self._lock:
            return list(self._seen.get(scope, ()))


class RedisActiveVisitors:
    """The active visitors of all workers that share this Redis. A touch lasts `window_s` seconds.

    While Redis does not respond, the count is its last response plus this worker's touches. After a whole window
    without a response, the count includes only this worker's visitors.

    Call `refresh` about every second to pick up expired leases and other workers' touches. Call `resend` when Redis is
    back. `on_news` is called with a scope when other workers have changed its `count`.
    """

    def __init__(
        self,
        clock: Clock,
        window_s: int,
        client: RedisClient,
        outbox: RedisOutbox,
        on_news: Callable[[Scope], object],
    ) -> None:
        self._on_news = on_news
        self._clock = clock
        self._window_ms = window_s * 1000
        self._script = TouchScript(client, self._window_ms)
        self._client = client
        self._outbox = outbox
        self._own = OwnVisitors(clock, window_s)
        self._mirrors: dict[Scope, VisitorMirror] = {}
        self._lock = threading.Lock()  # guards this worker's visitors and the mirrors; must not be held while waiting

    def touch(self, scope: Scope, visitor_id: str, place: str | None) -> None:
        seen = self._own.seen(scope, visitor_id)
        self._touch(scope, visitor_id, place, seen[1] if seen else None)

    def touch_maybe_known(self, scope: Scope, visitor_id: str, place: str) -> None:
        self._touch(scope, visitor_id, place, known_in=place)  # as if already counted there, so without an estimate

    def _touch(self, scope: Scope, visitor_id: str, place: str | None, known_in: str | None) -> None:
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            self._own.touch_at(scope, visitor_id, place, now_ms)
            self._mirror(scope, now_ms).touch(visitor_id, place, known_in, now_ms)
        self._sync_soon(scope)

    def keep_alive(self, scope: Scope, visitor_id: str) -> bool:
        known = self._own.seen(scope, visitor_id) is not None
        if known:
            self.touch(scope, visitor_id, None)
        return known

    def forget(self, scope: Scope, visitor_id: str) -> None:
        """End the lease here and in Redis. Must also be called on every other worker that has seen the visitor."""
        with self._lock:
            self._own.forget(scope, visitor_id)
            self._mirror(scope, self._clock.elapsed_ms()).forget(visitor_id)
        self._outbox.send_newest(("forget", scope, visitor_id), partial(self._end_lease, scope, visitor_id))

    def count(self, scope: Scope) -> ActiveCount:
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            is_new = scope not in self._mirrors
            mirror = self._mirror(scope, now_ms)
            mirror.last_used_ms = now_ms
            count = mirror.last_reported = self._current_count(scope, mirror, now_ms)
        if is_new:
            self._sync_soon(scope)
        return count

    def apply_remote(self, scope: Scope, count: ActiveCount) -> None:
        """Adopt a newer count that another worker got from Redis. A count with estimates (negative version) only
        schedules a read from Redis.
        """
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            self._mirror(scope, now_ms).apply_remote(count, now_ms)
        if count.version < 0:
            self._sync_soon(scope)

    def refresh(self) -> None:
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            self._mirror(SITE, now_ms)
            for scope, mirror in list(self._mirrors.items()):
                mirror.drop_expired(now_ms - self._window_ms)
                is_unused = now_ms - mirror.last_used_ms >= self._window_ms and not mirror.count().places
                if is_unused and scope != SITE:
                    del self._mirrors[scope]
            scopes = list(self._mirrors)
        for scope in scopes:
            self._sync_soon(scope)

    def resend(self) -> None:
        """Send all of this worker's active visitors again, because Redis was unavailable and may have lost its data."""
        with self._lock:
            for mirror in self._mirrors.values():
                mirror.must_resend_all = True
        self.refresh()

    def _mirror(self, scope: Scope, now_ms: int) -> VisitorMirror:
        mirror = self._mirrors.get(scope)
        if mirror is None:
            mirror = self._mirrors[scope] = VisitorMirror(now_ms)
        return mirror

    def _current_count(self, scope: Scope, mirror: VisitorMirror, now_ms: int) -> ActiveCount:
        if now_ms - mirror.last_reply_ms >= self._window_ms:
            return mirror.own_count(self._own.count(scope))
        return mirror.count()

    # The methods below run in the outbox's task, which may wait for Redis.

    def _end_lease(self, scope: Scope, visitor_id: str) -> None:
        self._script.end(scope, visitor_id)
        self._sync(scope)

    def _sync_soon(self, scope: Scope) -> None:
        self._outbox.send_newest(("presence", scope), partial(self._sync, scope))

    def _sync(self, scope: Scope) -> None:
        """Send the unconfirmed touches to Redis, and adopt its count. On redis.RedisError, the touches stay
        unconfirmed.
        """
        with self._lock:
            mirror = self._mirrors.get(scope)
            sent = list(mirror.unconfirmed.values()) if mirror else []
        if mirror is None:
            return
        reply = self._send(scope, mirror, sent)
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            mirror.confirm(sent, reply.to_count(), now_ms)
            before, mirror.last_reported = mirror.last_reported, self._current_count(scope, mirror, now_ms)
            is_news = mirror.last_reported.places != before.places
        if is_news:
            self._on_news(scope)

    def _send(self, scope: Scope, mirror: VisitorMirror, sent: list[Touch]) -> ActiveReply:
        """Send these touches. If Redis has lost its data, also send all of this worker's visitors, and add their
        unconfirmed touches to `sent`. Returns only the last response, because counts taken partway through this, or
        through an expiry, are incomplete.
        """
        touches = iter(tuple(sent))
        origin, mirror.origin = mirror.origin, self._client.origin()
        mirror.must_resend_all |= origin not in ("", mirror.origin)  # another server, which may lack the last touches
        if mirror.must_resend_all:
            touches = chain(touches, self._own_touches(scope, mirror, sent))
        while True:
            batch = list(islice(touches, BATCH))
            expired_ms = self._clock.elapsed_ms() - self._window_ms
            reply = self._script(scope, mirror.snapshot.version, batch, expired_ms)
            known_born, mirror.born = mirror.born, reply.born
            if known_born and known_born != reply.born and not mirror.must_resend_all:
                mirror.must_resend_all = True  # Redis restarted empty, unnoticed by the outbox
                touches = chain(touches, self._own_touches(scope, mirror, sent))
            elif len(batch) < BATCH and not reply.unswept:
                mirror.must_resend_all = False
                return reply

    def _own_touches(self, scope: Scope, mirror: VisitorMirror, sent: list[Touch]) -> Iterator[Touch]:
        for visitor_id in self._own.visitor_ids(scope):
            with self._lock:
                seen, touch = self._own.seen(scope, visitor_id), mirror.unconfirmed.get(visitor_id)
            if touch:
                sent.append(touch)
                yield touch
            elif seen:
                seen_ms, place = seen
                yield Touch(visitor_id, None if place == UNKNOWN else place, seen_ms)  # others may know the location
