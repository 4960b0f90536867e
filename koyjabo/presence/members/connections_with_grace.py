"""The people connected to this worker. A lost connection counts until the grace period (`LEAVE_GRACE_SECONDS`) ends."""

import heapq
from dataclasses import dataclass, field
from itertools import takewhile

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope
from .online_members import OnlineMember


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
