"""Online members: people connected to a scope by a socket or by the tracker (specification: promise 4, promise 5).

A person counts once across tabs, transports, workers and reconnects. `memory_store` and `redis_store` implement the
interface and pass the same contract tests.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from koyjabo.models import Scope


class Online(NamedTuple):
    """How many people are online in a scope. A higher version is a newer count. Each worker's versions increase."""

    version: int  # hybrid clock of Redis or of this process: max(last + 1, now in ms)
    count: int  # type: ignore[assignment]  # hides the method tuple.count, which is not used
    is_estimate: bool = False  # made without Redis; other workers must not adopt it


class OnlineMember(NamedTuple):
    """A person who is online."""

    person: str
    since_ms: int  # wall clock
    connections: int  # open connections on all workers; 0 during the grace period after a lost connection


class ChangeKind(StrEnum):
    JOINED, LEFT = "joined", "left"
    OCCUPIED, VACATED = "occupied", "vacated"


class PresenceChange(NamedTuple):
    """A change in a scope: a person joined or left, or the scope became occupied or vacant (VACANT_MS after the last
    person left).

    No two changes of a scope have the same kind, version and person.
    """

    kind: ChangeKind
    version: int  # version of the count
    count: int  # type: ignore[assignment]  # people online after it; hides the method tuple.count
    at_ms: int  # by the clock of Redis, or of this process
    person: str = ""


VACANT_MS = 3000
"""A scope is vacant when nobody entered it for this time (ms) after the last person left."""

MOST_LISTED = 1_000
"""Default limit for lists of people in a scope."""

MOST_CHANGES = 10_000
"""Maximum number of waiting changes per scope. The oldest ones are discarded."""


@dataclass(slots=True)
class ChangeListener:
    """The consumer of changes. A feature that is built later sets both callables."""

    wants: Callable[[Scope], bool] = lambda scope: False
    """Whether changes of a scope are kept. Called with every change. Must not wait."""

    wait: Callable[[Scope], object] = lambda scope: None
    """Called at least every second while changes wait (`OnlineMembers.changes`). Must not wait."""


class OnlineMembers(Protocol):
    """The store of online members. Every method is atomic and ignores unknown connections.

    Only `wait_until_counted`, `people`, `online_in`, `changes` and `acknowledge` may wait. A store calls its `on_news`
    with a scope whose count may have changed on any worker (but not from `apply_remote`), and holds no lock during that
    call.
    """

    def connect(self, scope: Scope, person: str, connection_id: str) -> None:
        """Record an open connection, or that a lost one is back under its id. Idempotent."""

    def disconnect(self, scope: Scope, person: str, connection_id: str) -> None:
        """Remove a cleanly closed connection. The person leaves at once if it was their last on any worker."""

    def connection_lost(self, scope: Scope, person: str, connection_id: str) -> None:
        """Mark a connection as lost. It counts until the grace period ends, so that a reconnect changes nothing."""

    def online(self, scope: Scope) -> Online:
        """Return the count as this worker sees it. If a scope has no count yet, return an estimate of 0 and schedule a
        read.
        """

    def wait_until_counted(self, scope: Scope, person: str, patience_s: float) -> bool:
        """Wait until `online` includes this worker's earlier changes for `person` and the changes of other workers.

        Returns False after `patience_s` seconds, or while Redis is unavailable. `online` is then an estimate.
        """

    def apply_remote(self, scope: Scope, online: Online) -> None:
        """Adopt the count of another worker if it is newer and not an estimate."""

    def people(self, scope: Scope, most: int = MOST_LISTED, newest_first: bool = False) -> list[OnlineMember]:
        """Return the first `most` people online by time of arrival, or the last ones. Without Redis: this worker's own,
        after about a second at most.
        """

    def online_in(self, person: str, scopes: Collection[Scope]) -> set[Scope]:
        """Return those of the scopes where a person is online. Without Redis: on this worker, after about 2 s at
        most.
        """

    def changes(self, scope: Scope, most: int) -> list[PresenceChange]:
        """Return the oldest waiting changes of all workers. They wait until `acknowledge`. Empty while Redis is
        unavailable.

        Other workers may get the same changes.
        """

    def acknowledge(self, scope: Scope, changes: Sequence[PresenceChange]) -> None:
        """Remove one or more changes that were processed. While Redis is unavailable, they stay."""

    def refresh(self) -> None:
        """End grace periods and the leases of dead workers, renew own leases, and read other workers' changes. Call it
        every second.
        """

    def resend(self) -> None:
        """Send all own leases again, after Redis was unavailable."""
