"""Online members: people with a connection to a scope, by a socket or by the tracker (specification: promise 4,
promise 5).

A person counts once across tabs, transports, workers and reconnects. `memory_store` and `redis_store` implement the
interface and pass one contract suite.
"""

from __future__ import annotations

from collections.abc import Collection
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


class OnlineMembers(Protocol):
    """Only `wait_until_counted`, `people` and `online_in` may wait. Every method is atomic, and unknown connections are
    ignored.

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

    def people(self, scope: Scope) -> list[OnlineMember]:
        """The people online by time of arrival, at most 1,000. Without Redis: this worker's own, after at most about
        a second."""

    def online_in(self, person: str, scopes: Collection[Scope]) -> set[Scope]:
        """In which of these scopes a person is online. Without Redis: on this worker, after at most about 2 s."""

    def refresh(self) -> None:
        """End grace periods and the leases of dead workers, renew own leases, read what others changed. Call it every
        second."""

    def resend(self) -> None:
        """Send all own leases again, after Redis was away."""
