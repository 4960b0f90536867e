"""Online members that several workers share in Redis. Only callers of `wait_until_counted` and `people` wait for Redis
(specification: promise 8).

A worker counts the connections of its own people itself. Redis stores one lease for each worker and person, renewed at
half its time, so that the people of a killed worker soon leave everywhere. Redis decides who arrives and who leaves,
and answers with the count and an increasing version.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

import redis

from koyjabo.cluster.outbox import Outboxes, RedisOutbox
from koyjabo.cluster.redis_client import RedisClient, SlotUnavailable, tag
from koyjabo.core.clock import Clock
from koyjabo.models import Scope
from koyjabo.presence.members.connections_with_grace import ConnectionsWithGrace
from koyjabo.presence.members.online_members import MOST_TOLD, ChangeListener, Online, OnlineMember, PresenceChange
from koyjabo.presence.members.redis_mirror import MemberMirror, Sent
from koyjabo.presence.members.redis_script import BATCH, MemberScript, SyncAnswer, SyncRequest
from koyjabo.presence.members.redis_sync import SyncPlanner, run_all

Result = TypeVar("Result")

SILENCE_MS = 300
"""After this time without an answer from Redis, the worker shows its estimate."""

PEOPLE_PATIENCE_S = 1.0

FORGET_MS = 30_000
"""A community without own people and without use for this long is no longer read every second."""


class RedisOnlineMembers:
    """Call `resend` when Redis is back, and `refresh` every second."""

    def __init__(
        self,
        clock: Clock,
        grace_s: float,
        client: RedisClient,
        outboxes: Outboxes,
        on_news: Callable[[Scope], object],
        listener: ChangeListener,
    ) -> None:
        self._on_news = on_news
        self._listener = listener
        self._clock = clock
        self._script = MemberScript(client, worker=secrets.token_hex(8))
        self._outboxes = outboxes
        self._own = ConnectionsWithGrace(clock, grace_s)
        self._mirrors: dict[Scope, MemberMirror] = {}
        self._due: dict[RedisOutbox, dict[Scope, None]] = {}  # scopes to synchronise next
        self._forgotten = 0  # the greatest version among scopes that were dropped
        self._began_ms = clock.elapsed_ms()
        self._answered_ms: dict[RedisOutbox, int] = {}
        self._lock = threading.Lock()  # guards all of these; code that holds it must not wait
        self._planner = SyncPlanner(self._own, clock, self._lock, listener)

    def connect(self, scope: Scope, person: str, connection_id: str) -> None:
        self._apply(self._own.connect, scope, person, connection_id)

    def disconnect(self, scope: Scope, person: str, connection_id: str) -> None:
        self._apply(self._own.disconnect, scope, person, connection_id)

    def connection_lost(self, scope: Scope, person: str, connection_id: str) -> None:
        self._apply(self._own.connection_lost, scope, person, connection_id)

    def online(self, scope: Scope) -> Online:
        with self._lock:
            mirror = self._used_mirror(scope)
            online, is_fresh = mirror.online, mirror.is_fresh
        if not is_fresh:
            self._sync_soon(scope)
        return online

    def wait_until_counted(self, scope: Scope, person: str, patience_s: float) -> bool:
        ends_s = time.monotonic() + patience_s
        self.online(scope)
        while True:
            with self._lock:
                mirror = self._used_mirror(scope)
                if mirror.is_fresh and person not in mirror.unconfirmed:
                    return True
                answered = mirror.answered
            left_s = ends_s - time.monotonic()
            if left_s <= 0 or not self._outbox(scope).reachable:
                break
            answered.wait(left_s)
        with self._changing(scope) as mirror:
            mirror.show_estimate()
        return False

    def apply_remote(self, scope: Scope, online: Online) -> None:
        """Adopt a newer count of another worker; its estimate only schedules a read of Redis."""
        with self._lock:
            mirror = self._mirror(scope)
            if not online.is_estimate:
                mirror.apply_remote(online)
        if online.is_estimate or mirror.is_stale:
            self._sync_soon(scope)

    def people(self, scope: Scope, most: int = MOST_TOLD, newest_first: bool = False) -> list[OnlineMember]:
        self._end_expired(scope)
        ask = partial(self._script.people, scope, most, newest_first)
        answer = self._ask_in_order(self._outbox(scope), ask)
        with self._lock:
            return self._own.people(scope, most, newest_first) if answer is None else answer

    def online_in(self, person: str, scopes: Collection[Scope]) -> set[Scope]:
        with self._lock:
            own = {scope for scope in scopes if self._own.here(scope, person)}
        elsewhere = self._elsewhere(person, [scope for scope in scopes if scope not in own])
        for scope in elsewhere:
            self._end_expired(scope)
        return own | (self._elsewhere(person, elsewhere) if elsewhere else set())

    def _elsewhere(self, person: str, scopes: Collection[Scope]) -> set[Scope]:
        online: set[Scope] = set()
        for outbox, theirs in self._by_outbox(scopes).items():
            for start in range(0, len(theirs), BATCH):
                ask = partial(self._script.online_in, person, theirs[start : start + BATCH])
                online |= self._ask_in_order(outbox, ask) or set()
        return online

    def _end_expired(self, scope: Scope) -> None:
        """From now on, `refresh` includes this scope and ends its expired leases."""
        self.online(scope)
        if self._outbox(scope).reachable:
            self._sync_soon(scope)  # runs before later calls in order

    def _ask_in_order(self, outbox: RedisOutbox, ask: Callable[[], Result]) -> Result | None:
        """None without an answer of Redis within PEOPLE_PATIENCE_S."""
        answers: list[Result] = []
        done = threading.Event()

        def run() -> None:
            answers.append(ask())
            done.set()

        if outbox.reachable:
            outbox.send_in_order(run)
            done.wait(PEOPLE_PATIENCE_S)
        return answers[0] if answers else None

    def changes(self, scope: Scope, most: int) -> list[PresenceChange]:
        try:
            return self._script.changes(scope, most)
        except (redis.RedisError, OSError):
            return []

    def told(self, scope: Scope, changes: Sequence[PresenceChange]) -> None:
        with suppress(redis.RedisError, OSError):
            self._script.forget_changes(scope, changes)

    def refresh(self) -> None:
        with self._lock:
            people_who_left = self._own.end_graces()
        for scope, person in people_who_left:
            self._report_change(scope, person)
        for scope in self._scopes_without_answer():
            with self._changing(scope) as mirror:
                mirror.show_estimate()
        with self._lock:
            self._drop_unused()
            scopes = list(self._mirrors)
        self._sync_soon(*scopes)

    def resend(self) -> None:
        """A refresh is enough: Redis answers how many of this worker's leases it still has."""
        self.refresh()

    def _apply(
        self, change: Callable[[Scope, str, str], object], scope: Scope, person: str, connection_id: str
    ) -> None:
        with self._lock:
            before = self._own.here(scope, person)
            change(scope, person, connection_id)
            is_change = self._own.here(scope, person) != before
        if is_change:
            self._report_change(scope, person)

    def _report_change(self, scope: Scope, person: str) -> None:
        with self._changing(scope) as mirror:
            mirror.change(person, self._own.here(scope, person) is not None)
            if not self._outbox(scope).reachable:
                mirror.show_estimate()
        self._sync_soon(scope)

    @contextmanager
    def _changing(self, scope: Scope) -> Iterator[MemberMirror]:
        """Hold the lock, and report afterwards if the count has changed."""
        with self._lock:
            mirror = self._used_mirror(scope)
            before = mirror.online.count
            yield mirror
            is_news = mirror.online.count != before
        if is_news:
            self._on_news(scope)

    def _used_mirror(self, scope: Scope) -> MemberMirror:
        mirror = self._mirror(scope)
        mirror.last_used_ms = self._clock.elapsed_ms()
        return mirror

    def _mirror(self, scope: Scope) -> MemberMirror:
        mirror = self._mirrors.get(scope)
        if mirror is None:
            mirror = self._mirrors[scope] = MemberMirror(self._clock, self._forgotten)
        return mirror

    def _scopes_without_answer(self) -> list[Scope]:
        silent_ms = self._clock.elapsed_ms() - SILENCE_MS
        with self._lock:
            return [
                scope
                for scope, mirror in self._mirrors.items()
                if mirror.unconfirmed and self._is_silent(self._outbox(scope), mirror.unconfirmed_since_ms, silent_ms)
            ]

    def _is_silent(self, outbox: RedisOutbox, unconfirmed_since_ms: int, silent_ms: int) -> bool:
        answered_ms = self._answered_ms.get(outbox, self._began_ms)
        return not outbox.reachable or max(answered_ms, unconfirmed_since_ms) <= silent_ms

    def _drop_unused(self) -> None:
        now_ms = self._clock.elapsed_ms()
        for scope, mirror in list(self._mirrors.items()):
            if not (mirror.unconfirmed or self._own.count(scope)) and now_ms - mirror.last_used_ms >= FORGET_MS:
                self._forgotten = max(self._forgotten, mirror.online.version)
                del self._mirrors[scope]

    # In the outbox's task, which may wait for Redis. Raises redis.RedisError; the changes then stay unconfirmed.

    def _sync_soon(self, *scopes: Scope) -> None:
        by_outbox = self._by_outbox(scopes)
        with self._lock:
            for outbox, theirs in by_outbox.items():
                self._due.setdefault(outbox, {}).update(dict.fromkeys(theirs))
        for outbox in by_outbox:
            outbox.send_newest("holds", partial(self._sync, outbox))

    def _by_outbox(self, scopes: Iterable[Scope]) -> dict[RedisOutbox, list[Scope]]:
        found: dict[RedisOutbox, list[Scope]] = {}
        for scope in scopes:
            found.setdefault(self._outbox(scope), []).append(scope)
        return found

    def _outbox(self, scope: Scope) -> RedisOutbox:
        return self._outboxes.of(tag(scope))

    def _sync(self, outbox: RedisOutbox) -> None:
        with self._lock:
            due = {scope: self._mirrors[scope] for scope in self._due.pop(outbox, ()) if scope in self._mirrors}
        take_in, ask = self._take_in, partial(self._ask, outbox)
        run_all((self._planner.plan(each, due[each], partial(take_in, each, due[each])) for each in due), ask)

    def _ask(self, outbox: RedisOutbox, requests: list[SyncRequest]) -> list[SyncAnswer | SlotUnavailable]:
        answers = self._script.ask(requests)
        if all(isinstance(each, SyncAnswer) for each in answers):  # else scopes without an answer show an estimate
            self._answered_ms[outbox] = self._clock.elapsed_ms()
        return answers

    def _take_in(
        self, scope: Scope, mirror: MemberMirror, sent: list[Sent], answer: SyncAnswer, has_lost: bool
    ) -> None:
        with self._lock:
            before = mirror.online.count
            mirror.answer(sent, answer, has_lost)
            is_news, is_stale = mirror.online.count != before, mirror.is_stale
        if is_stale:
            self._sync_soon(scope)
        if is_news:
            self._on_news(scope)
        if answer.untold:
            self._listener.wait(scope)
