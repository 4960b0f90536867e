"""What is kept for how long: visits past RETENTION_DAYS are folded into sums, and what has run out goes.

The numbers stay as they were. Retries of a visit that was folded are new visits (specification: Register a visit).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from koyjabo.clock import Clock, shifted
from koyjabo.database.executor import Desk
from koyjabo.database.throttle import Pace
from koyjabo.maintenance import expiry_queries, fold_queries
from koyjabo.runtime import Advance

DAY_MS = 86_400_000


class Past(NamedTuple):
    """Visits that are to be folded: those of days before `first_kept`, with ids over `after` and up to `last`."""

    first_kept: str
    after: int
    last: int

    @property
    def length(self) -> int:
        """How many ids there are to look at."""
        return max(0, self.last - self.after)


class Pruned(NamedTuple):
    visits: int
    longest_ms: float  # that one transaction held the writer


class Swept(NamedTuple):
    """Rows that are gone, of which nothing is left."""

    sessions: int
    login_failures: int
    audit_lines: int


class Retention:
    """Everything raises LedgerUnavailable, and `prune` ImportUnderWay; what was done until then is done."""

    def __init__(self, desk: Desk, clock: Clock, days: int) -> None:
        self._desk = desk
        self._clock = clock
        self._days = days

    def past(self, days: int | None = None) -> Past:
        """What is past as of now. Today and the `days` before it are kept; RETENTION_DAYS, if not said otherwise."""
        first_kept = shifted(self._clock.today(), -(self._days if days is None else days))
        began_ms = self._clock.began_s(first_kept) * 1000
        return Past(first_kept, *self._desk.report(lambda session: fold_queries.stretch_before(session, began_ms)))

    def count(self, past: Past) -> int:
        """How many visits that is. Looks at each."""
        return self._desk.study(lambda session: fold_queries.old_ones(session, *past))

    def prune(self, past: Past, advance: Advance = lambda ids: None) -> Pruned:
        """Fold them, in transactions of some milliseconds with pauses in between. `advance` is told how many ids are
        done since it was last told; what it raises ends it.
        """
        pace, visits, after = Pace(self._desk), 0, past.after
        while after < past.last:
            piece = pace.do(partial(fold_queries.fold_old, **past._replace(after=after)._asdict()))
            visits += piece.folded
            advance(piece.reached - after)
            after = piece.reached
        return Pruned(visits, round(1000 * pace.longest_s, 1))

    def sweep(self, advance: Advance = lambda rows: None) -> Swept:
        """Remove sessions that have run out, failed logins of days ago, and audit lines past RETENTION_DAYS."""
        now_ms = self._clock.now_ms()
        return Swept(
            self._sweep(partial(expiry_queries.sessions, before_ms=now_ms), advance),
            self._sweep(partial(expiry_queries.login_failures, before_ms=now_ms - DAY_MS), advance),
            self._sweep(partial(expiry_queries.audit_lines, before_ms=now_ms - self._days * DAY_MS), advance),
        )

    def _sweep(self, remove: Callable[..., int], advance: Advance) -> int:
        pace, removed = Pace(self._desk), 0
        while done := pace.do(remove):
            removed += done
            advance(done)
        return removed
