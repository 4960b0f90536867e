"""The changes of online members that wait to be told, in this process's memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from koyjabo.core.clock import Clock
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import MOST_CHANGES, VACANT_MS, ChangeKind, Online, PresenceChange


class UntoldChanges:
    """Not thread-safe: the caller holds a lock around each method."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._untold: dict[Scope, deque[PresenceChange]] = {}
        self._emptied: dict[Scope, int] = {}  # since when nobody is there, ms of `Clock.elapsed_ms`

    def joined(self, scope: Scope, person: str, online: Online) -> None:
        self._add(scope, ChangeKind.JOINED, online, person)
        was_told = self._emptied.pop(scope, None) is not None
        if online.count == 1 and not was_told:
            self._add(scope, ChangeKind.OCCUPIED, online)

    def left(self, scope: Scope, person: str, online: Online) -> None:
        self._add(scope, ChangeKind.LEFT, online, person)
        if not online.count:
            self._emptied[scope] = self._clock.elapsed_ms()

    def end_occupancy(self, online: Callable[[Scope], Online]) -> list[Scope]:
        """Add the ends that are VACANT_MS old, and return the scopes with changes that wait."""
        long_ago = self._clock.elapsed_ms() - VACANT_MS
        for scope in [scope for scope, since_ms in self._emptied.items() if since_ms <= long_ago]:
            del self._emptied[scope]
            self._add(scope, ChangeKind.VACATED, online(scope))
        return list(self._untold)

    def oldest(self, scope: Scope, most: int) -> list[PresenceChange]:
        return list(islice(self._untold.get(scope, ()), most))

    def remove(self, scope: Scope, changes: Sequence[PresenceChange]) -> None:
        removed = set(changes)
        left = deque((each for each in self._untold.get(scope, ()) if each not in removed), MOST_CHANGES)
        if left:
            self._untold[scope] = left
        else:
            self._untold.pop(scope, None)

    def _add(self, scope: Scope, kind: ChangeKind, online: Online, person: str = "") -> None:
        change = PresenceChange(kind, online.version, online.count, self._clock.now_ms(), person)
        self._untold.setdefault(scope, deque(maxlen=MOST_CHANGES)).append(change)
