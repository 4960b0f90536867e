"""Synchronises several scopes with Redis at once: their simultaneous requests share a round trip."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress

from koyjabo.core.clock import Clock
from koyjabo.models import Scope
from koyjabo.presence.members.connections_with_grace import ConnectionsWithGrace
from koyjabo.presence.members.online_members import ChangeListener
from koyjabo.presence.members.redis_mirror import RENEW_MS, Change, MemberMirror, Sent
from koyjabo.presence.members.redis_script import BATCH, GONE, SyncAnswer, SyncReport, SyncRequest

Exchange = Generator[SyncRequest, SyncAnswer, None]
"""The exchange for one scope: yields a request for each batch, receives its answer, and takes in the last one."""

Ask = Callable[[list[SyncRequest]], Sequence[SyncAnswer]]
TakeIn = Callable[[list[Sent], SyncAnswer, bool], None]
"""Called with everything sent, the last answer, and whether Redis had lost leases of this worker."""


def run_all(exchanges: Iterable[Exchange], ask: Ask) -> None:
    """Run all exchanges to their ends."""
    pending: dict[Exchange, SyncRequest] = {}
    for exchange in exchanges:
        with suppress(StopIteration):
            pending[exchange] = next(exchange)
    while pending:
        batch = _next_batch(pending)
        answers = ask([pending.pop(exchange) for exchange in batch])
        for exchange, answer in zip(batch, answers, strict=True):
            with suppress(StopIteration):
                pending[exchange] = exchange.send(answer)


def _next_batch(pending: dict[Exchange, SyncRequest]) -> list[Exchange]:
    """The exchanges whose requests fit into one batch together; at least one."""
    batch: list[Exchange] = []
    cost = 0
    for exchange, request in pending.items():
        cost += request.cost
        if batch and cost > BATCH:
            break
        batch.append(exchange)
    return batch


class SyncPlanner:
    """Plans which leases of this worker to send: changes at once, all leases at half the time of a lease.

    Redis answers how many leases of this worker it has. If it has lost some, all are sent again before its count is
    taken in, so that no count from the middle of a resend or of an expiry is ever shown.
    """

    def __init__(self, own: ConnectionsWithGrace, clock: Clock, lock: threading.Lock, listener: ChangeListener) -> None:
        self._listener = listener
        self._own = own
        self._clock = clock
        self._lock = lock  # guards own connections and mirrors

    def plan(self, scope: Scope, mirror: MemberMirror, take_in: TakeIn) -> Exchange:
        now_ms = self._clock.elapsed_ms()
        sent: list[Sent] = []
        renews = now_ms - mirror.renewed_ms >= RENEW_MS
        has_lost = False
        with self._lock:
            names = dict.fromkeys([*mirror.unconfirmed, *(self._own.names(scope) if renews else ())])
        while True:
            batch = self._batch(scope, mirror, names)
            answer = yield self._request(scope, mirror, batch)
            for (report, change), elsewhere in zip(batch, answer.elsewhere, strict=True):
                sent.append((report, change, bool(elsewhere)))
            if names or answer.unswept:
                continue
            if renews or answer.leases == mirror.leases_after(sent):
                break
            renews = has_lost = True
            with self._lock:
                names = dict.fromkeys(self._own.names(scope))
        if renews:
            mirror.renewed_ms = now_ms
        take_in(sent, answer, has_lost)

    def _request(
        self, scope: Scope, mirror: MemberMirror, batch: list[tuple[SyncReport, Change | None]]
    ) -> SyncRequest:
        """Sorts the news in the batch to its front, where changes are to be told."""
        news = None
        if self._listener.is_wanted(scope):
            batch.sort(key=lambda each: not mirror.is_news(*each))
            news = sum(mirror.is_news(*each) for each in batch)
        return SyncRequest(scope, mirror.seen_version, [report for report, _ in batch], mirror.occupied_born, news)

    def _batch(
        self, scope: Scope, mirror: MemberMirror, names: dict[str, None]
    ) -> list[tuple[SyncReport, Change | None]]:
        taken = list(names)[:BATCH]
        for name in taken:
            del names[name]
        with self._lock:
            return [(self._report(scope, name), mirror.unconfirmed.get(name)) for name in taken]

    def _report(self, scope: Scope, person: str) -> SyncReport:
        here = self._own.here(scope, person)
        return SyncReport(person, here.connections, here.since_ms) if here else SyncReport(person, GONE, 0)
