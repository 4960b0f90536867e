"""Online members: people connected to a scope by a socket or by the tracker (specification: promise 4, promise 5). A
person counts once, whatever the number of tabs, transports, workers and reconnects. `memory_store` and `redis_store`
implement this interface and pass the same tests.

The people connected to this worker. A lost connection counts until the grace period (`LEAVE_GRACE_SECONDS`) ends.
"""

import heapq
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple, Protocol

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope


class Online(NamedTuple):
    """The number of people online in a scope. A higher version is a newer count. Versions never decrease on
    a worker.
    """

    version: int  # hybrid clock of Redis or of this process: max(last + 1, now in ms)
    count: int  # type: ignore[assignment]  # hides the method tuple.count, which is not used
    is_estimate: bool = False  # counted without Redis; other workers must not adopt it


class OnlineMember(NamedTuple):
    """A person who is online."""

    person: str
    since_ms: int  # wall clock
    connections: int  # open connections on all workers; 0 during the grace period after a lost connection


MAX_LISTED = 1_000
"""Default limit for lists of people in a scope."""


class OnlineMembers(Protocol):
    """The store of online members. Every method is atomic and ignores unknown connections. Only `wait_until_counted`,
    `people` and `online_in` may wait.

    A store calls its `on_news` with each scope whose count may have changed on any worker, except in `apply_remote`. It
    holds no lock during the call.
    """

    def connect(self, scope: Scope, person: str, connection_id: str) -> None:
        """Record a new connection, or a lost one that has reconnected with the same id. Idempotent."""

    def disconnect(self, scope: Scope, person: str, connection_id: str) -> None:
        """Remove a connection that was closed cleanly. If it was the person's last on any worker, they
        leave at once.
        """

    def connection_lost(self, scope: Scope, person: str, connection_id: str) -> None:
        """Mark a connection as lost. It still counts until the grace period ends, so that reconnecting changes
        nothing."""

    def online(self, scope: Scope) -> Online:
        """Return the count as this worker sees it. If there is none yet, return an estimate of 0 and schedule a
        read.
        """

    def wait_until_counted(self, scope: Scope, person: str, patience_s: float) -> bool:
        """Wait until `online` includes this worker's earlier changes for `person` and the changes of other workers.
        Returns False after `patience_s` seconds or while Redis is unavailable; `online` is then an estimate.
        """

    def apply_remote(self, scope: Scope, online: Online) -> None:
        """Adopt another worker's count if it is newer and not an estimate."""

    def people(self, scope: Scope, most: int = MAX_LISTED, newest_first: bool = False) -> list[OnlineMember]:
        """The `most` people who came online first or, with `newest_first`, last. While Redis is unavailable, only this
        worker's people, after at most about a second.
        """

    def online_in(self, person: str, scopes: Collection[Scope]) -> set[Scope]:
        """The scopes where a person is online. While Redis is unavailable, only those on this worker, after at most
        about 2 s.
        """

    def refresh(self) -> None:
        """End grace periods and the leases of dead workers, renew this worker's leases, and read other workers'
        changes. Call this every second, and when Redis is available again.
        """


@dataclass(slots=True)
class PersonConnections:
    since_ms: int  # wall clock
    connections: dict[str, bool] = field(default_factory=dict)  # id → whether it is open; False during the grace period


class ConnectionsWithGrace:
    """The open connections. Not thread-safe: the caller holds a lock around each method. Unknown connections are
    ignored.
    """

    def __init__(self, clock: Clock, grace_s: float) -> None:
        self._clock = clock
        self._grace_ms = round(grace_s * 1000)
        self._people: dict[Scope, dict[str, PersonConnections]] = {}
        self._graces: dict[tuple[Scope, str, str], int] = {}  # when each ends (ms of `Clock.elapsed_ms`), in order

    def connect(self, scope: Scope, person: str, connection_id: str) -> bool:
        """Record an open connection. Returns True if it is the person's first."""
        people = self._people.setdefault(scope, {})
        has_arrived = person not in people
        if has_arrived:
            people[person] = PersonConnections(self._clock.now_ms())
        people[person].connections[connection_id] = True
        self._graces.pop((scope, person, connection_id), None)
        return has_arrived

    def connection_lost(self, scope: Scope, person: str, connection_id: str) -> None:
        own = self._connections_of(scope, person)
        if own and own.connections.get(connection_id):
            own.connections[connection_id] = False
            self._graces[scope, person, connection_id] = self._clock.elapsed_ms() + self._grace_ms

    def disconnect(self, scope: Scope, person: str, connection_id: str) -> bool:
        """Remove a connection. Returns True if it was the person's last."""
        own = self._connections_of(scope, person)
        if own is None or own.connections.pop(connection_id, None) is None:
            return False
        self._graces.pop((scope, person, connection_id), None)
        if own.connections:
            return False
        del self._people[scope][person]
        if not self._people[scope]:
            del self._people[scope]
        return True

    def end_graces(self) -> list[tuple[Scope, str]]:
        """Release the connections whose grace period has ended. Returns the people who left as a result."""
        now_ms = self._clock.elapsed_ms()
        ended = list(takewhile(lambda key: self._graces[key] <= now_ms, self._graces))
        return [
            (scope, person) for scope, person, connection_id in ended if self.disconnect(scope, person, connection_id)
        ]

    def count(self, scope: Scope) -> int:
        return len(self._people.get(scope, ()))

    def scopes(self) -> list[Scope]:
        return list(self._people)

    def names(self, scope: Scope) -> list[str]:
        return list(self._people.get(scope, ()))

    def here(self, scope: Scope, person: str) -> OnlineMember | None:
        own = self._connections_of(scope, person)
        return OnlineMember(person, own.since_ms, sum(own.connections.values())) if own else None

    def people(self, scope: Scope, most: int, newest_first: bool) -> list[OnlineMember]:
        first = heapq.nlargest if newest_first else heapq.nsmallest
        members = (
            OnlineMember(person, own.since_ms, sum(own.connections.values()))
            for person, own in self._people.get(scope, {}).items()
        )
        return first(most, members, key=lambda here: (here.since_ms, here.person))

    def _connections_of(self, scope: Scope, person: str) -> PersonConnections | None:
        return self._people.get(scope, {}).get(person)
