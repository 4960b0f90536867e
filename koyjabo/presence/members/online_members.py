"""Online members: people connected to a scope by a socket or by the tracker (specification: promise 4, promise 5). A
person counts once, whatever the number of tabs, transports, workers and reconnects. `online_members_memory`
and `online_members_redis` implement this interface and pass the same tests.
"""

from collections.abc import Collection
from typing import NamedTuple, Protocol

from koyjabo.base.models import Scope

MAX_LISTED_MEMBERS = 1_000
"""Default limit for lists of people in a scope."""


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

    def people(self, scope: Scope, most: int = MAX_LISTED_MEMBERS, newest_first: bool = False) -> list[OnlineMember]:
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
