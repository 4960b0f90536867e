"""Active visitors that several workers share through Redis. No caller waits for Redis (specification: promise 8).

A touch changes this worker's mirror at once. The outbox's task sends touches to Redis in batches, and updates the
mirror from the responses. Redis stores only leases: if it loses them, each worker sends its own visitors again.
"""

from _thread import RLock
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice

from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_client import RedisClient
from koyjabo.base.core.clock import Clock
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network.location_names import UNKNOWN_LOCATION
from .active_visitors import ActiveCount
from .active_visitors_memory import LastSeen, MemoryActiveVisitors
from .touch_script_redis import MAX_TOUCHES, ActiveReply, TouchScript
from .visitor_mirror import Touch, VisitorMirror


class OwnVisitors(MemoryActiveVisitors):
    """Active visitors seen by this worker."""

    def seen(self, scope: Scope, visitor_id: str) -> LastSeen | None:
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
        # A real lock, as in `metrics`. Guards this worker's visitors and the mirrors; must not be held while waiting.
        self._lock = RLock()

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
            batch = list(islice(touches, MAX_TOUCHES))
            expired_ms = self._clock.elapsed_ms() - self._window_ms
            reply = self._script(scope, mirror.snapshot.version, batch, expired_ms)
            known_born, mirror.born = mirror.born, reply.born
            if known_born and known_born != reply.born and not mirror.must_resend_all:
                mirror.must_resend_all = True  # Redis restarted empty, unnoticed by the outbox
                touches = chain(touches, self._own_touches(scope, mirror, sent))
            elif len(batch) < MAX_TOUCHES and not reply.unswept:
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
                yield Touch(
                    visitor_id, None if place == UNKNOWN_LOCATION else place, seen_ms
                )  # others may know the location
