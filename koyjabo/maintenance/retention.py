"""Retention: visits older than RETENTION_DAYS are folded into sums, and expired rows are removed.

No figure changes. A retry of a folded visit is a new visit (specification: Register a visit).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from koyjabo.clock import Clock, shifted
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.throttle import Throttle
from koyjabo.maintenance import expiry_queries, fold_queries
from koyjabo.runtime import Advance

DAY_MS = 86_400_000

UNCOUNTED = (
    expiry_queries.invitations,
    expiry_queries.email_links,
    expiry_queries.mails,
    expiry_queries.pending_steps,
    expiry_queries.spent_codes,
)
"""Rows that are removed and not reported."""


class FoldRange(NamedTuple):
    """The visits to fold: those of days before `first_kept`, with ids over `after` and up to `last`."""

    first_kept: str
    after: int
    last: int

    @property
    def length(self) -> int:
        """How many ids there are to read."""
        return max(0, self.last - self.after)


class Pruned(NamedTuple):
    visits: int
    longest_ms: float  # the longest time for which a transaction held the writer


class Swept(NamedTuple):
    """How many rows were removed."""

    sessions: int
    login_failures: int
    audit_lines: int


class Retention:
    """All methods raise LedgerUnavailable, and `prune` ImportUnderWay. What was committed before an error stays."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, days: int) -> None:
        self._database = database
        self._clock = clock
        self._days = days

    def past(self, days: int | None = None) -> FoldRange:
        """The visits to fold as of now: today and the `days` before it are kept, by default RETENTION_DAYS."""
        first_kept = shifted(self._clock.today(), -(self._days if days is None else days))
        began_ms = self._clock.began_s(first_kept) * 1000
        return FoldRange(first_kept, *self._database.report(fold_queries.ids_before, began_ms))

    def count(self, past: FoldRange) -> int:
        """How many visits these are. Reads each of them."""
        return self._database.long_read(fold_queries.count_old, *past)

    def prune(self, past: FoldRange, advance: Advance = lambda ids: None) -> Pruned:
        """Fold them, in transactions of some milliseconds with pauses in between.

        `advance` is given the number of ids done since the last call; what it raises ends the work.
        """
        throttle, visits, after = Throttle(self._database), 0, past.after
        while after < past.last:
            piece = throttle.do(fold_queries.fold_old, **past._replace(after=after)._asdict())
            visits += piece.folded
            advance(piece.reached - after)
            after = piece.reached
        return Pruned(visits, round(1000 * throttle.longest_s, 1))

    def sweep(self, advance: Advance = lambda rows: None) -> Swept:
        """Remove expired sessions, failed logins and the like, and old audit lines."""
        now_ms = self._clock.now_ms()
        for remove in UNCOUNTED:
            self._sweep(remove, now_ms, advance)
        return Swept(
            self._sweep(expiry_queries.sessions, now_ms, advance),
            self._sweep(expiry_queries.login_failures, now_ms, advance),
            self._sweep(expiry_queries.audit_lines, now_ms - self._days * DAY_MS, advance),
        )

    def _sweep(self, remove: Callable[..., int], before_ms: int, advance: Advance) -> int:
        throttle, removed = Throttle(self._database), 0
        while done := throttle.do(remove, before_ms):
            removed += done
            advance(done)
        return removed
