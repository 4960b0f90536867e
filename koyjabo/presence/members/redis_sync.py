"""Talks with Redis about several scopes, side by side: what they ask at the same time goes there and back together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress

from koyjabo.clock import Clock
from koyjabo.models import Scope
from koyjabo.presence.members.own_connections import Held
from koyjabo.presence.members.redis_mirror import RENEW_MS, Change, HoldsMirror, Sent
from koyjabo.presence.members.redis_script import BATCH, GONE, Answer, Request, Said

Talk = Generator[Request, Answer, None]
"""Says what is to be said of one scope, a batch at a time, and takes in what is answered last."""

Ask = Callable[[list[Request]], list[Answer]]
TakeIn = Callable[[list[Sent], Answer, bool], None]
"""Given what was said, the last answer to it, and whether Redis had lost leases of this worker."""


def have(talks: Iterable[Talk], ask: Ask) -> None:
    """Have them all to their ends."""
    asking: dict[Talk, Request] = {}
    for talk in talks:
        with suppress(StopIteration):
            asking[talk] = next(talk)
    while asking:
        together = _some(asking)
        answers = ask([asking.pop(talk) for talk in together])
        for talk, answer in zip(together, answers, strict=True):
            with suppress(StopIteration):
                asking[talk] = talk.send(answer)


def _some(asking: dict[Talk, Request]) -> list[Talk]:
    """As many as make up one batch, but one at least."""
    found: list[Talk] = []
    cost = 0
    for talk, request in asking.items():
        cost += request.cost
        if found and cost > BATCH:
            break
        found.append(talk)
    return found


class Speaker:
    """Says whom this worker holds a place for: changes at once, everybody at half the time of a lease.

    Redis answers how many leases of ours it has. Should it have lost some, everybody is said again before its count is
    believed: nobody is shown the middle of a resend, or of a sweep.
    """

    def __init__(self, held: Held, clock: Clock, lock: threading.Lock) -> None:
        self._held = held
        self._clock = clock
        self._lock = lock  # around held and mirrors

    def talk(self, scope: Scope, mirror: HoldsMirror, take_in: TakeIn) -> Talk:
        now_ms = self._clock.elapsed_ms()
        sent: list[Sent] = []
        renews = now_ms - mirror.renewed_ms >= RENEW_MS
        has_lost = False
        with self._lock:
            names = dict.fromkeys([*mirror.waiting, *(self._held.names(scope) if renews else ())])
        while True:
            batch = self._batch(scope, mirror, names)
            answer = yield Request(scope, mirror.seen_version, [said for said, _ in batch])
            for (said, change), elsewhere in zip(batch, answer.elsewhere, strict=True):
                sent.append((said, change, bool(elsewhere)))
            if names or answer.unswept:
                continue
            if renews or answer.leases == mirror.leases_after(sent):
                break
            renews = has_lost = True
            with self._lock:
                names = dict.fromkeys(self._held.names(scope))
        if renews:
            mirror.renewed_ms = now_ms
        take_in(sent, answer, has_lost)

    def _batch(self, scope: Scope, mirror: HoldsMirror, names: dict[str, None]) -> list[tuple[Said, Change | None]]:
        taken = list(names)[:BATCH]
        for name in taken:
            del names[name]
        with self._lock:
            return [(self._said(scope, name), mirror.waiting.get(name)) for name in taken]

    def _said(self, scope: Scope, person: str) -> Said:
        here = self._held.here(scope, person)
        return Said(person, here.holds, here.since_ms) if here else Said(person, GONE, 0)
