"""Online members in this process's memory, for a server with one worker and no Redis."""

import threading
from collections.abc import Callable, Collection

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope
from .connections_with_grace import ConnectionsWithGrace
from .online_members import MAX_LISTED_MEMBERS, Online, OnlineMember


class MemoryOnlineMembers:
    """Online members in memory. Every change takes effect at once, so no method waits."""

    def __init__(self, clock: Clock, grace_s: float, on_news: Callable[[Scope], object]) -> None:
        self._on_news = on_news
        self._clock = clock
        self._own = ConnectionsWithGrace(clock, grace_s)
        self._versions: dict[Scope, int] = {}
        self._forgotten = 0  # the highest version of any scope that became empty
        self._lock = threading.Lock()  # must not be held while waiting

    def connect(self, scope: Scope, person: str, connection_id: str) -> None:
        with self._lock:
            has_arrived = self._own.connect(scope, person, connection_id)
            if has_arrived:
                self._change(scope)
        if has_arrived:
            self._on_news(scope)

    def disconnect(self, scope: Scope, person: str, connection_id: str) -> None:
        with self._lock:
            has_left = self._own.disconnect(scope, person, connection_id)
            if has_left:
                self._change(scope)
        if has_left:
            self._on_news(scope)

    def connection_lost(self, scope: Scope, person: str, connection_id: str) -> None:
        with self._lock:
            self._own.connection_lost(scope, person, connection_id)

    def online(self, scope: Scope) -> Online:
        with self._lock:
            return Online(self._version(scope), self._own.count(scope))

    def wait_until_counted(self, scope: Scope, person: str, patience_s: float) -> bool:
        return True

    def apply_remote(self, scope: Scope, online: Online) -> None:
        """Do nothing: there are no other workers."""

    def people(self, scope: Scope, most: int = MAX_LISTED_MEMBERS, newest_first: bool = False) -> list[OnlineMember]:
        with self._lock:
            return self._own.people(scope, most, newest_first)

    def online_in(self, person: str, scopes: Collection[Scope]) -> set[Scope]:
        with self._lock:
            return {scope for scope in scopes if self._own.here(scope, person)}

    def refresh(self) -> None:
        with self._lock:
            left = [scope for scope, _ in self._own.end_graces()]
            for scope in left:
                self._change(scope)
            # A dropped scope that is used again continues from the highest version dropped, so that versions increase
            # even if the clock is set back.
            for scope in self._versions.keys() - set(self._own.scopes()):
                self._forgotten = max(self._forgotten, self._versions.pop(scope))
        for scope in set(left):
            self._on_news(scope)

    def _version(self, scope: Scope) -> int:
        return self._versions.get(scope, self._forgotten)

    def _change(self, scope: Scope) -> None:
        self._versions[scope] = max(self._version(scope) + 1, self._clock.now_ms())
