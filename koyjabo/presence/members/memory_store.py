"""Who is here, in this server's memory: for a server that is alone."""

from __future__ import annotations

import threading
from collections.abc import Callable

from koyjabo.clock import Clock
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import Here, Online
from koyjabo.presence.members.own_connections import Held


class MemoryHolds:
    """What one hold or release changes is known at once, so nobody ever has to wait."""

    def __init__(self, clock: Clock, grace_s: float, on_news: Callable[[Scope], object]) -> None:
        self._on_news = on_news
        self._clock = clock
        self._held = Held(clock, grace_s)
        self._versions: dict[Scope, int] = {}
        self._forgotten = 0  # the greatest version of a scope that nobody is in any more
        self._lock = threading.Lock()  # nothing waits while it is held

    def hold(self, scope: Scope, person: str, hold_id: str) -> None:
        with self._lock:
            arrives = self._held.hold(scope, person, hold_id)
            if arrives:
                self._change(scope)
        if arrives:
            self._on_news(scope)

    def release(self, scope: Scope, person: str, hold_id: str) -> None:
        with self._lock:
            leaves = self._held.release(scope, person, hold_id)
            if leaves:
                self._change(scope)
        if leaves:
            self._on_news(scope)

    def lose(self, scope: Scope, person: str, hold_id: str) -> None:
        with self._lock:
            self._held.lose(scope, person, hold_id)

    def online(self, scope: Scope) -> Online:
        with self._lock:
            return Online(self._version(scope), self._held.count(scope))

    def settled(self, scope: Scope, person: str, patience_s: float) -> bool:
        return True

    def learn(self, scope: Scope, online: Online) -> None:
        """There is nobody else."""

    def people(self, scope: Scope) -> list[Here]:
        with self._lock:
            return self._held.people(scope)

    def refresh(self) -> None:
        with self._lock:
            changed = {scope for scope, _ in self._held.end_graces()}
            for scope in changed:
                self._change(scope)
            self._forget()
        for scope in changed:
            self._on_news(scope)

    def resend(self) -> None:
        """There is nobody to tell."""

    def _version(self, scope: Scope) -> int:
        return self._versions.get(scope, self._forgotten)

    def _change(self, scope: Scope) -> None:
        self._versions[scope] = max(self._version(scope) + 1, self._clock.now_ms())

    def _forget(self) -> None:
        """A scope that comes back goes on from there: its versions only grow, whatever the clock does."""
        for scope in self._versions.keys() - set(self._held.scopes()):
            self._forgotten = max(self._forgotten, self._versions.pop(scope))
