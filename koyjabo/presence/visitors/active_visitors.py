"""The interface for active visitors: visitors seen within ACTIVE_WINDOW_SECONDS (specification: Read the stats)."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from koyjabo.base.models import Scope


class ActiveCount(NamedTuple):
    """Active visitors by location: the 20 largest locations, `Other` and `Unknown`. They add up to the number of all
    active visitors.

    A higher version means a newer count. Equal versions from one backend mean the same count. A negative version is one
    worker's estimate, which other workers must not adopt.
    """

    version: int
    places: Mapping[str, int]


class ActiveVisitors(Protocol):
    """The active visitors of each scope, as this worker sees them. No method waits, and each is atomic.

    A `touch` is a lease: the visitor stays active until a whole window has passed without another touch. Visitors never
    sign off. `active_visitors_memory` and `active_visitors_redis` implement this interface and pass the same tests.
    """

    def touch(self, scope: Scope, visitor_id: str, place: str | None) -> None:
        """Record activity by a registered visitor. A new location replaces the old one; None keeps it."""

    def touch_maybe_known(self, scope: Scope, visitor_id: str, place: str) -> None:
        """Touch a visitor who may already be active on another worker. With several workers, `count` changes only after
        Redis has responded; with one worker, at once.
        """

    def keep_alive(self, scope: Scope, visitor_id: str) -> bool:
        """Touch a visitor at their last location. Returns False, without touching them, if they are not active on this
        worker.
        """

    def forget(self, scope: Scope, visitor_id: str) -> None:
        """Remove a visitor from the active visitors on all workers, along with everything stored here about them.
        Idempotent.
        """

    def count(self, scope: Scope) -> ActiveCount: ...

    def apply_remote(self, scope: Scope, count: ActiveCount) -> None:
        """Adopt another worker's count if it is newer than this worker's."""

    def refresh(self) -> None:
        """Read other workers' changes soon."""
