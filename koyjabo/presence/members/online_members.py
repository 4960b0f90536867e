"""Online members: people with a connection to a scope, by a socket or by the tracker (specification: promise 4,
promise 5).

A person counts once across tabs, transports, workers and reconnects. `memory_store` and `redis_store` implement the
interface and pass one contract suite.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from koyjabo.models import Scope


class Online(NamedTuple):
    """How many people are online in a scope. A greater version is a newer count; each worker's versions increase."""

    version: int  # hybrid clock: max(last + 1, now in ms), of Redis or of this process
    count: int  # type: ignore[assignment]  # hides the method tuple.count, which is not used
    is_estimate: bool = False  # an estimate made without Redis; other workers must not adopt it


class OnlineMember(NamedTuple):
    """One person who is online."""

    person: str
    since_ms: int  # wall clock
    connections: int  # open connections across all workers; 0 during the reconnect grace period


class ChangeKind(StrEnum):
    JOINED, LEFT = "joined", "left"
    OCCUPIED, VACATED = "occupied", "vacated"


class PresenceChange(NamedTuple):
    """A person's first connection or the end of their last one; or the first person in a scope, and VACANT_MS after
    the last one has left. No two changes of a scope have the same kind, version and person.
    """

    kind: ChangeKind
    version: int  # of the count
    count: int  # type: ignore[assignment]  # people online after it; hides the method tuple.count
    at_ms: int  # of Redis' clock, or of this process's
    person: str = ""


VACANT_MS = 3000
"""A scope that somebody enters again within this time was not vacated."""

MOST_TOLD = 1_000
"""The most people of a scope that are listed, unless a caller asks for another number."""

MOST_CHANGES = 10_000
"""The changes of a scope that wait to be told; the oldest are discarded."""


@dataclass(slots=True)
class ChangeListener:
    """Who wants to be told of changes. A later feature sets both."""

    is_wanted: Callable[[Scope], bool] = lambda scope: False
    """Asked with every change; does not wait. Changes that nobody wants are not kept."""

    wait: Callable[[Scope], object] = lambda scope: None
    """Called when changes wait (`OnlineMembers.changes`), every second or more often. Does not wait."""


class OnlineMembers(Protocol):
    """Only `wait_until_counted`, `people`, `online_in`, `changes` and `told` may wait. Every method is atomic, and
    unknown connections are ignored.

    A store calls the `on_news` of its constructor with a scope whose count may have changed, by any worker (not by
    `apply_remote`). It holds no lock meanwhile.
    """

    def connect(self, scope: Scope, person: str, connection_id: str) -> None:
        """Record an open connection, or the return of a lost one under its id. Idempotent."""

    def disconnect(self, scope: Scope, person: str, connection_id: str) -> None:
        """Remove a cleanly closed connection. The person leaves at once if it was their last on any worker."""

    def connection_lost(self, scope: Scope, person: str, connection_id: str) -> None:
        """Mark a connection as lost. It counts until the grace period ends, so that a reconnect changes nothing."""

    def online(self, scope: Scope) -> Online:
        """The count as this worker sees it. For a scope without a count yet: an estimate of 0, and a scheduled read."""

    def wait_until_counted(self, scope: Scope, person: str, patience_s: float) -> bool:
        """Wait until `online` includes this worker's earlier changes for `person`, and the changes of other workers.

        False after `patience_s` seconds, or while Redis is away: `online` is then an estimate.
        """

    def apply_remote(self, scope: Scope, online: Online) -> None:
        """Adopt the count of another worker if it is newer than this worker's and no estimate."""

    def people(self, scope: Scope, most: int = MOST_TOLD, newest_first: bool = False) -> list[OnlineMember]:
        """The first `most` people online by time of arrival, or the last ones. Without Redis: this worker's own, after
        at most about a second."""

    def online_in(self, person: str, scopes: Collection[Scope]) -> set[Scope]:
        """In which of these scopes a person is online. Without Redis: on this worker, after at most about 2 s."""

    def changes(self, scope: Scope, most: int) -> list[PresenceChange]:
        """The oldest changes of all workers that wait to be told, and wait on until `told`; none while Redis is away.
        Other workers may get the same ones."""

    def told(self, scope: Scope, changes: Sequence[PresenceChange]) -> None:
        """These, one or more, have been told. While Redis is away, they wait on."""

    def refresh(self) -> None:
        """End grace periods and the leases of dead workers, renew own leases, read what others changed. Call it every
        second."""

    def resend(self) -> None:
        """Send all own leases again, after Redis was away."""
