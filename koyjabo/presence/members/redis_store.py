"""Who is here, shared by several workers in Redis, without anybody waiting for it (specification: promise 8).

A worker counts the lines of its own people itself. Redis is told only whom it holds a place for: a lease, renewed at
half its time, so that the people of a killed worker are gone everywhere soon. First and last hold are decided there,
and the count comes back with a version that only grows.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import redis

from koyjabo.clock import Clock
from koyjabo.cluster.outbox import Outbox
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import Here, Online
from koyjabo.presence.members.own_connections import Held
from koyjabo.presence.members.redis_mirror import HoldsMirror, Sent
from koyjabo.presence.members.redis_script import Answer, HoldScript, Request
from koyjabo.presence.members.redis_sync import Speaker, have

SILENCE_MS = 300
"""When Redis has not answered for so long, this worker goes on by guesses."""

PEOPLE_PATIENCE_S = 1.0

FORGET_MS = 30_000
"""Communities come and go; one that nobody here is in or asks about is not looked up every second."""


class RedisHolds:
    """Call `resend` when Redis is back, and `refresh` every second."""

    def __init__(
        self,
        clock: Clock,
        grace_s: float,
        client: redis.Redis,
        outbox: Outbox,
        on_news: Callable[[Scope], object],
    ) -> None:
        self._on_news = on_news
        self._clock = clock
        self._script = HoldScript(client, worker=secrets.token_hex(8))
        self._outbox = outbox
        self._held = Held(clock, grace_s)
        self._mirrors: dict[Scope, HoldsMirror] = {}
        self._due: dict[Scope, None] = {}  # to be talked about next
        self._forgotten = 0  # the greatest version of a scope that was forgotten
        self._answered_ms = clock.elapsed_ms()
        self._lock = threading.Lock()  # around all of these; nothing waits while it is held
        self._speaker = Speaker(self._held, clock, self._lock)

    def hold(self, scope: Scope, person: str, hold_id: str) -> None:
        self._do(self._held.hold, scope, person, hold_id)

    def release(self, scope: Scope, person: str, hold_id: str) -> None:
        self._do(self._held.release, scope, person, hold_id)

    def lose(self, scope: Scope, person: str, hold_id: str) -> None:
        self._do(self._held.lose, scope, person, hold_id)

    def online(self, scope: Scope) -> Online:
        with self._lock:
            mirror = self._wanted(scope)
            online, is_fresh = mirror.online, mirror.is_fresh
        if not is_fresh:
            self._sync_soon(scope)
        return online

    def settled(self, scope: Scope, person: str, patience_s: float) -> bool:
        ends_s = time.monotonic() + patience_s
        self.online(scope)
        while True:
            with self._lock:
                mirror = self._wanted(scope)
                if mirror.is_fresh and person not in mirror.waiting:
                    return True
                answered = mirror.answered
            left_s = ends_s - time.monotonic()
            if left_s <= 0 or not self._outbox.reachable:
                break
            answered.wait(left_s)
        with self._changing(scope) as mirror:
            mirror.guess()
        return False

    def learn(self, scope: Scope, online: Online) -> None:
        """A guess of another worker is a reason to look for oneself."""
        with self._lock:
            mirror = self._mirror(scope)
            if not online.is_guess:
                mirror.learn(online)
        if online.is_guess or mirror.is_stale:
            self._sync_soon(scope)

    def people(self, scope: Scope) -> list[Here]:
        found: list[list[Here]] = []
        self.online(scope)  # from now on somebody sweeps it
        if self._outbox.reachable:
            self._sync_soon(scope)  # which comes before what is in order
            done = threading.Event()

            def ask() -> None:
                found.append(self._script.people(scope))
                done.set()

            self._outbox.put_in_order(ask)
            done.wait(PEOPLE_PATIENCE_S)
        with self._lock:
            return found[0] if found else self._held.people(scope)

    def refresh(self) -> None:
        with self._lock:
            left = self._held.end_graces()
        for scope, person in left:
            self._changed(scope, person)
        for scope in self._scopes_without_answer():
            with self._changing(scope) as mirror:
                mirror.guess()
        with self._lock:
            self._forget()
            scopes = list(self._mirrors)
        self._sync_soon(*scopes)

    def resend(self) -> None:
        """Redis says itself how many of our leases it has left."""
        self.refresh()

    def _do(self, what: Callable[[Scope, str, str], object], scope: Scope, person: str, hold_id: str) -> None:
        with self._lock:
            before = self._held.here(scope, person)
            what(scope, person, hold_id)
            is_change = self._held.here(scope, person) != before
        if is_change:
            self._changed(scope, person)

    def _changed(self, scope: Scope, person: str) -> None:
        with self._changing(scope) as mirror:
            mirror.change(person, self._held.here(scope, person) is not None)
            if not self._outbox.reachable:
                mirror.guess()
        self._sync_soon(scope)

    @contextmanager
    def _changing(self, scope: Scope) -> Iterator[HoldsMirror]:
        """Hold the lock, and tell afterwards when the count became another."""
        with self._lock:
            mirror = self._wanted(scope)
            before = mirror.online.count
            yield mirror
            is_news = mirror.online.count != before
        if is_news:
            self._on_news(scope)

    def _wanted(self, scope: Scope) -> HoldsMirror:
        mirror = self._mirror(scope)
        mirror.wanted_ms = self._clock.elapsed_ms()
        return mirror

    def _mirror(self, scope: Scope) -> HoldsMirror:
        mirror = self._mirrors.get(scope)
        if mirror is None:
            mirror = self._mirrors[scope] = HoldsMirror(self._clock, self._forgotten)
        return mirror

    def _scopes_without_answer(self) -> list[Scope]:
        silent_ms = self._clock.elapsed_ms() - SILENCE_MS
        with self._lock:
            return [
                scope
                for scope, mirror in self._mirrors.items()
                if mirror.waiting
                and (not self._outbox.reachable or max(self._answered_ms, mirror.waiting_since_ms) <= silent_ms)
            ]

    def _forget(self) -> None:
        now_ms = self._clock.elapsed_ms()
        for scope, mirror in list(self._mirrors.items()):
            if not (mirror.waiting or self._held.count(scope)) and now_ms - mirror.wanted_ms >= FORGET_MS:
                self._forgotten = max(self._forgotten, mirror.online.version)
                del self._mirrors[scope]

    # In the outbox's task, which may wait for Redis. Raises redis.RedisError; then what waits goes on waiting.

    def _sync_soon(self, *scopes: Scope) -> None:
        with self._lock:
            self._due.update(dict.fromkeys(scopes))
        self._outbox.put("holds", self._sync)

    def _sync(self) -> None:
        with self._lock:
            due = {scope: self._mirrors[scope] for scope in self._due if scope in self._mirrors}
            self._due.clear()
        have((self._speaker.talk(each, due[each], partial(self._take_in, each, due[each])) for each in due), self._ask)

    def _ask(self, requests: list[Request]) -> list[Answer]:
        answers = self._script.ask(requests)
        self._answered_ms = self._clock.elapsed_ms()
        return answers

    def _take_in(self, scope: Scope, mirror: HoldsMirror, sent: list[Sent], answer: Answer, has_lost: bool) -> None:
        with self._lock:
            before = mirror.online.count
            mirror.answer(sent, answer, has_lost)
            is_news, is_stale = mirror.online.count != before, mirror.is_stale
        if is_stale:
            self._sync_soon(scope)
        if is_news:
            self._on_news(scope)
