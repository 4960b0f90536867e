"""Online members in this process's memory, for a server with one worker and no Redis."""

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from itertools import islice

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope
from .online_members import (
    MAX_CHANGES,
    MAX_LISTED,
    VACANT_MS,
    ChangeKind,
    ChangeListener,
    ConnectionsWithGrace,
    Online,
    OnlineMember,
    PresenceChange,
)


class UnsentChanges:
    """Changes that have not been sent yet. Not thread-safe: the caller holds a lock around each method."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._unsent: dict[Scope, deque[PresenceChange]] = {}
        self._emptied: dict[Scope, int] = {}  # when each scope became empty, ms of `Clock.elapsed_ms`

    def joined(self, scope: Scope, person: str, online: Online) -> None:
        self._add(scope, ChangeKind.JOINED, online, person)
        was_sent = self._emptied.pop(scope, None) is not None
        if online.count == 1 and not was_sent:
            self._add(scope, ChangeKind.OCCUPIED, online)

    def left(self, scope: Scope, person: str, online: Online) -> None:
        self._add(scope, ChangeKind.LEFT, online, person)
        if not online.count:
            self._emptied[scope] = self._clock.elapsed_ms()

    def end_occupancy(self, online: Callable[[Scope], Online]) -> list[Scope]:
        """Add a `vacated` change for each scope that has been empty for VACANT_MS. Returns the scopes with waiting
        changes.
        """
        long_ago = self._clock.elapsed_ms() - VACANT_MS
        for scope in [scope for scope, since_ms in self._emptied.items() if since_ms <= long_ago]:
            del self._emptied[scope]
            self._add(scope, ChangeKind.VACATED, online(scope))
        return list(self._unsent)

    def oldest(self, scope: Scope, most: int) -> list[PresenceChange]:
        return list(islice(self._unsent.get(scope, ()), most))

    def remove(self, scope: Scope, changes: Sequence[PresenceChange]) -> None:
        removed = set(changes)
        left = deque((change for change in self._unsent.get(scope, ()) if change not in removed), MAX_CHANGES)
        if left:
            self._unsent[scope] = left
        else:
            self._unsent.pop(scope, None)

    def _add(self, scope: Scope, kind: ChangeKind, online: Online, person: str = "") -> None:
        change = PresenceChange(kind, online.version, online.count, self._clock.now_ms(), person)
        self._unsent.setdefault(scope, deque(maxlen=MAX_CHANGES)).append(change)


class MemoryOnlineMembers:
    """Online members in memory. Every change takes effect at once, so no method waits."""

    def __init__(
        self, clock: Clock, grace_s: float, on_news: Callable[[Scope], object], listener: ChangeListener
    ) -> None:
        self._on_news = on_news
        self._listener = listener
        self._unsent = UnsentChanges(clock)
        self._clock = clock
        self._own = ConnectionsWithGrace(clock, grace_s)
        self._versions: dict[Scope, int] = {}
        self._forgotten = 0  # the highest version of any scope that became empty
        self._lock = threading.Lock()  # must not be held while waiting

    def connect(self, scope: Scope, person: str, connection_id: str) -> None:
        with self._lock:
            has_arrived = self._own.connect(scope, person, connection_id)
            if has_arrived:
                online = self._change(scope)
                if self._listener.wants(scope):
                    self._unsent.joined(scope, person, online)
        if has_arrived:
            self._on_news(scope)

    def disconnect(self, scope: Scope, person: str, connection_id: str) -> None:
        with self._lock:
            has_left = self._own.disconnect(scope, person, connection_id)
            if has_left:
                self._leave(scope, person)
        if has_left:
            self._on_news(scope)

    def connection_lost(self, scope: Scope, person: str, connection_id: str) -> None:
        with self._lock:
            self._own.connection_lost(scope, person, connection_id)

    def online(self, scope: Scope) -> Online:
        with self._lock:
            return self._online(scope)

    def wait_until_counted(self, scope: Scope, person: str, patience_s: float) -> bool:
        return True

    def apply_remote(self, scope: Scope, online: Online) -> None:
        """Do nothing: there are no other workers."""

    def people(self, scope: Scope, most: int = MAX_LISTED, newest_first: bool = False) -> list[OnlineMember]:
        with self._lock:
            return self._own.people(scope, most, newest_first)

    def online_in(self, person: str, scopes: Collection[Scope]) -> set[Scope]:
        with self._lock:
            return {scope for scope in scopes if self._own.here(scope, person)}

    def changes(self, scope: Scope, most: int) -> list[PresenceChange]:
        with self._lock:
            return self._unsent.oldest(scope, most)

    def acknowledge(self, scope: Scope, changes: Sequence[PresenceChange]) -> None:
        with self._lock:
            self._unsent.remove(scope, changes)

    def refresh(self) -> None:
        with self._lock:
            left = self._own.end_graces()
            for scope, person in left:
                self._leave(scope, person)
            unsent = self._unsent.end_occupancy(self._online)
            # A dropped scope that is used again continues from the highest version dropped, so that versions increase
            # even if the clock is set back.
            for scope in self._versions.keys() - set(self._own.scopes()):
                self._forgotten = max(self._forgotten, self._versions.pop(scope))
        for scope in {scope for scope, _ in left}:
            self._on_news(scope)
        for scope in unsent:
            self._listener.wait(scope)

    def _version(self, scope: Scope) -> int:
        return self._versions.get(scope, self._forgotten)

    def _online(self, scope: Scope) -> Online:
        return Online(self._version(scope), self._own.count(scope))

    def _change(self, scope: Scope) -> Online:
        self._versions[scope] = max(self._version(scope) + 1, self._clock.now_ms())
        return self._online(scope)

    def _leave(self, scope: Scope, person: str) -> None:
        online = self._change(scope)
        if self._listener.wants(scope):
            self._unsent.left(scope, person, online)
