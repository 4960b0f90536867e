"""Online members that several workers share through Redis. Only callers of `wait_until_counted` and `people` wait for
Redis (specification: promise 8).

Each worker counts its own people's connections. Redis stores one lease per worker and person. Leases are renewed after
half their time, so the people on a killed worker soon leave everywhere. Redis decides who arrives and who leaves, and
returns the count with an increasing version.
"""

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate, takewhile
from typing import TypeVar

from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_client import RedisClient
from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope
from .connections_with_grace import ConnectionsWithGrace
from .lease_exchange import LeaseExchange
from .member_mirror import MemberMirror
from .member_script_redis import MAX_REPORTS, MemberScript, SyncReply
from .online_members import MAX_LISTED_MEMBERS, Online, OnlineMember

Result = TypeVar("Result")

SILENCE_MS = 300
"""How long Redis may fail to respond before a worker shows its estimate, ms."""

PEOPLE_PATIENCE_S = 1.0

FORGET_MS = 30_000
"""How long a community without people on this worker must be unused before it is no longer read every second, ms."""


class RedisOnlineMembers:
    """Online members in Redis. Call `refresh` every second, and when Redis is back: this worker then sends the leases
    that Redis has lost again.
    """

    def __init__(
        self,
        clock: Clock,
        grace_s: float,
        client: RedisClient,
        outbox: RedisOutbox,
        on_news: Callable[[Scope], object],
    ) -> None:
        self._on_news = on_news
        self._clock = clock
        self._script = MemberScript(client, worker=secrets.token_hex(8))
        self._outbox = outbox
        self._own = ConnectionsWithGrace(clock, grace_s)
        self._mirrors: dict[Scope, MemberMirror] = {}
        self._due: dict[Scope, None] = {}  # scopes to synchronise next
        self._forgotten = 0  # the highest version of any scope that was dropped
        self._answered_ms = clock.elapsed_ms()
        self._lock = threading.Lock()  # guards all of these; must not be held while waiting

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
            if left_s <= 0 or not self._outbox.reachable:
                break
            answered.wait(left_s)
        with self._changing(scope) as mirror:
            mirror.show_estimate()
        return False

    def apply_remote(self, scope: Scope, online: Online) -> None:
        """Adopt another worker's count if it is newer. An estimate only schedules a read from Redis."""
        with self._lock:
            mirror = self._mirror(scope)
            if not online.is_estimate:
                mirror.apply_remote(online)
        if online.is_estimate or mirror.is_stale:
            self._sync_soon(scope)

    def people(self, scope: Scope, most: int = MAX_LISTED_MEMBERS, newest_first: bool = False) -> list[OnlineMember]:
        self._end_expired(scope)
        ask = partial(self._script.people, scope, most, newest_first)
        reply = self._ask_in_order(ask)
        with self._lock:
            return self._own.people(scope, most, newest_first) if reply is None else reply

    def online_in(self, person: str, scopes: Collection[Scope]) -> set[Scope]:
        with self._lock:
            own = {scope for scope in scopes if self._own.here(scope, person)}
        elsewhere = self._elsewhere(person, [scope for scope in scopes if scope not in own])
        for scope in elsewhere:
            self._end_expired(scope)
        return own | (self._elsewhere(person, list(elsewhere)) if elsewhere else set())

    def _elsewhere(self, person: str, scopes: Sequence[Scope]) -> set[Scope]:
        online: set[Scope] = set()
        for start in range(0, len(scopes), MAX_REPORTS):
            ask = partial(self._script.online_in, person, scopes[start : start + MAX_REPORTS])
            online |= self._ask_in_order(ask) or set()
        return online

    def _end_expired(self, scope: Scope) -> None:
        """End this scope's expired leases. From now on, `refresh` includes the scope."""
        self.online(scope)
        if self._outbox.reachable:
            self._sync_soon(scope)  # runs before later in-order calls

    def _ask_in_order(self, ask: Callable[[], Result]) -> Result | None:
        """Make a call in the outbox, in order. Returns None if Redis does not respond within PEOPLE_PATIENCE_S."""
        replies: list[Result] = []
        done = threading.Event()

        def run() -> None:
            replies.append(ask())
            done.set()

        if self._outbox.reachable:
            self._outbox.send_in_order(run)
            done.wait(PEOPLE_PATIENCE_S)
        return replies[0] if replies else None

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
            if not self._outbox.reachable:
                mirror.show_estimate()
        self._sync_soon(scope)

    @contextmanager
    def _changing(self, scope: Scope) -> Iterator[MemberMirror]:
        """Hold the lock. Afterwards, call `on_news` if the count has changed."""
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
                if mirror.unconfirmed
                and (not self._outbox.reachable or max(self._answered_ms, mirror.unconfirmed_since_ms) <= silent_ms)
            ]

    def _drop_unused(self) -> None:
        now_ms = self._clock.elapsed_ms()
        for scope, mirror in list(self._mirrors.items()):
            if not (mirror.unconfirmed or self._own.count(scope)) and now_ms - mirror.last_used_ms >= FORGET_MS:
                self._forgotten = max(self._forgotten, mirror.online.version)
                del self._mirrors[scope]

    # The methods below run in the outbox's task, which may wait for Redis. On redis.RedisError, the changes stay
    # unconfirmed.

    def _sync_soon(self, *scopes: Scope) -> None:
        with self._lock:
            self._due.update(dict.fromkeys(scopes))
        self._outbox.send_newest("holds", self._sync)

    def _sync(self) -> None:
        """Run the exchanges of all scopes that are due. Requests at the same step share a round trip."""
        with self._lock:
            due = {scope: self._mirrors[scope] for scope in self._due if scope in self._mirrors}
            self._due = {}
        now_ms = self._clock.elapsed_ms()
        pending = [LeaseExchange(scope, mirror, self._own, self._lock, now_ms) for scope, mirror in due.items()]
        while pending:
            batch = self._fitting(pending)
            replies = self._script.ask([exchange.request for exchange in batch])
            self._answered_ms = self._clock.elapsed_ms()
            pending = pending[len(batch) :]
            for exchange, reply in zip(batch, replies, strict=True):
                if exchange.take(reply):
                    self._adopt(exchange, reply)
                else:
                    pending.append(exchange)

    @staticmethod
    def _fitting(pending: list[LeaseExchange]) -> list[LeaseExchange]:
        """The first exchanges whose requests fit into one call, but at least one."""
        costs = accumulate(1 + len(exchange.request.reports) for exchange in pending)
        return pending[: max(1, sum(1 for _ in takewhile(lambda cost: cost <= MAX_REPORTS, costs)))]

    def _adopt(self, exchange: LeaseExchange, reply: SyncReply) -> None:
        scope, mirror = exchange.scope, exchange.mirror
        with self._lock:
            before = mirror.online.count
            mirror.take_reply(exchange.sent, reply, exchange.has_lost)
            is_news, is_stale = mirror.online.count != before, mirror.is_stale
        if is_stale:
            self._sync_soon(scope)
        if is_news:
            self._on_news(scope)
