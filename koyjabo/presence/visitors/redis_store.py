"""Presence that several workers share in Redis, without anybody waiting for it (specification: promise 8).

A touch is seen at once in this worker's mirror; the outbox's task takes it to Redis, with others, and brings back how
many are active where. Redis holds leases and nothing else: should it lose them, every worker says again whom it knows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice

import redis

from koyjabo.clock import Clock
from koyjabo.cluster.outbox import Outbox
from koyjabo.models import SITE, Scope
from koyjabo.network.geolocation import UNKNOWN
from koyjabo.presence.visitors.active_visitors import Census
from koyjabo.presence.visitors.memory_store import MemoryPresence, Seen
from koyjabo.presence.visitors.redis_mirror import Mirror, Touch
from koyjabo.presence.visitors.redis_script import BATCH, Answer, TouchScript


class OwnVisitors(MemoryPresence):
    """Those whom this worker itself has seen."""

    def seen(self, scope: Scope, visitor_id: str) -> Seen | None:
        """When and where an active visitor was seen last."""
        with self._lock:
            self._expire()
            return self._seen.get(scope, {}).get(visitor_id)

    def names(self, scope: Scope) -> list[str]:
        with self._lock:
            return list(self._seen.get(scope, ()))


class RedisPresence:
    """Presence of all workers that share this Redis; a visitor is active for `window_s` seconds after a touch.

    While Redis does not answer, what it said last is shown with this worker's touches added; when it has been silent
    for the whole window, only whom this worker has seen. Call `resend` when Redis is back, and `refresh` every second
    or so: it brings in whose lease has run out and what others touched. `on_news` is called when others have changed
    what `census` gives for a scope.
    """

    def __init__(
        self,
        clock: Clock,
        window_s: int,
        client: redis.Redis,
        outbox: Outbox,
        on_news: Callable[[Scope], object],
    ) -> None:
        self._on_news = on_news
        self._clock = clock
        self._window_ms = window_s * 1000
        self._script = TouchScript(client, self._window_ms)
        self._outbox = outbox
        self._own = OwnVisitors(clock, window_s)
        self._mirrors: dict[Scope, Mirror] = {}
        self._lock = threading.Lock()  # around own and mirrors; nothing waits while it is held

    def touch(self, scope: Scope, visitor_id: str, place: str | None) -> None:
        seen = self._own.seen(scope, visitor_id)
        self._touch(scope, visitor_id, place, seen[1] if seen else None)

    def meet(self, scope: Scope, visitor_id: str, place: str) -> None:
        self._touch(scope, visitor_id, place, known_in=place)  # as if they were known: no guess

    def _touch(self, scope: Scope, visitor_id: str, place: str | None, known_in: str | None) -> None:
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            self._own.touch_at(scope, visitor_id, place, now_ms)
            self._mirror(scope, now_ms).touch(visitor_id, place, known_in, now_ms)
        self._sync_soon(scope)

    def renew(self, scope: Scope, visitor_id: str) -> bool:
        known = self._own.seen(scope, visitor_id) is not None
        if known:
            self.touch(scope, visitor_id, None)
        return known

    def forget(self, scope: Scope, visitor_id: str) -> None:
        """Other workers have to be told, too: each touches those whom it has seen."""
        with self._lock:
            self._own.forget(scope, visitor_id)
            self._mirror(scope, self._clock.elapsed_ms()).forget(visitor_id)
        self._outbox.put(("forget", scope, visitor_id), partial(self._end_lease, scope, visitor_id))

    def census(self, scope: Scope) -> Census:
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            is_new = scope not in self._mirrors
            mirror = self._mirror(scope, now_ms)
            mirror.wanted_ms = now_ms
            census = mirror.told = self._present(scope, mirror, now_ms)
        if is_new:
            self._sync_soon(scope)
        return census

    def learn(self, scope: Scope, census: Census) -> None:
        """Adopt what another worker was told by Redis, when it is newer. One that has guesses in it says that it is
        worth to look for oneself."""
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            self._mirror(scope, now_ms).learn(census, now_ms)
        if census.version < 0:
            self._sync_soon(scope)

    def refresh(self) -> None:
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            self._mirror(SITE, now_ms)
            for scope, mirror in list(self._mirrors.items()):
                mirror.drop_late(now_ms - self._window_ms)
                if self._is_forgotten(scope, mirror, now_ms):
                    del self._mirrors[scope]
            scopes = list(self._mirrors)
        for scope in scopes:
            self._sync_soon(scope)

    def resend(self) -> None:
        """Redis is back, perhaps without its data: tell it everybody whom this worker knows to be active."""
        with self._lock:
            for mirror in self._mirrors.values():
                mirror.everybody_again = True
        self.refresh()

    def _mirror(self, scope: Scope, now_ms: int) -> Mirror:
        mirror = self._mirrors.get(scope)
        if mirror is None:
            mirror = self._mirrors[scope] = Mirror(now_ms)
        return mirror

    def _present(self, scope: Scope, mirror: Mirror, now_ms: int) -> Census:
        if now_ms - mirror.contact_ms >= self._window_ms:
            return mirror.alone(self._own.census(scope))
        return mirror.census()

    def _is_forgotten(self, scope: Scope, mirror: Mirror, now_ms: int) -> bool:
        """Communities come and go; one that nobody is active in or asks about is not looked up every second."""
        return scope != SITE and not mirror.census().places and now_ms - mirror.wanted_ms >= self._window_ms

    # In the outbox's task, which may wait for Redis.

    def _end_lease(self, scope: Scope, visitor_id: str) -> None:
        self._script.end(scope, visitor_id)
        self._sync(scope)

    def _sync_soon(self, scope: Scope) -> None:
        self._outbox.put(("presence", scope), partial(self._sync, scope))

    def _sync(self, scope: Scope) -> None:
        """Take to Redis what waits, and bring back who is active. Raises redis.RedisError; then it goes on waiting."""
        with self._lock:
            mirror = self._mirrors.get(scope)
            waiting = list(mirror.waiting.values()) if mirror else []
        if mirror is None:
            return
        answer = self._tell(scope, mirror, waiting)
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            mirror.confirm(waiting, answer.census(), now_ms)
            before, mirror.told = mirror.told, self._present(scope, mirror, now_ms)
            is_news = mirror.told.places != before.places
        if is_news:
            self._on_news(scope)

    def _tell(self, scope: Scope, mirror: Mirror, sent: list[Touch]) -> Answer:
        """Send these, and everybody else if Redis has lost them; then they are in `sent` as far as they waited, too.

        The last answer is the one that counts: nobody is shown a census in the middle of a resend or of a sweep.
        """
        touches = iter(tuple(sent))
        if mirror.everybody_again:
            touches = chain(touches, self._everybody(scope, mirror, sent))
        while True:
            batch = list(islice(touches, BATCH))
            gone_ms = self._clock.elapsed_ms() - self._window_ms
            answer = self._script(scope, mirror.snapshot.version, batch, gone_ms)
            known_born, mirror.born = mirror.born, answer.born
            if known_born and known_born != answer.born and not mirror.everybody_again:
                mirror.everybody_again = True  # Redis began anew, and nobody had noticed that it was away
                touches = chain(touches, self._everybody(scope, mirror, sent))
            elif len(batch) < BATCH and not answer.unswept:
                mirror.everybody_again = False
                return answer

    def _everybody(self, scope: Scope, mirror: Mirror, sent: list[Touch]) -> Iterator[Touch]:
        for visitor_id in self._own.names(scope):
            with self._lock:
                seen, touch = self._own.seen(scope, visitor_id), mirror.waiting.get(visitor_id)
            if touch:
                sent.append(touch)
                yield touch
            elif seen:
                yield Touch(visitor_id, None if seen[1] == UNKNOWN else seen[1], seen[0])  # others may know better
