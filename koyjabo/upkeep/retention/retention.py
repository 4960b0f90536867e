"""Reduces visits older than RETENTION_DAYS, replaces exact user agents after 30 days, and removes expired rows.

No figure changes. A retry of a reduced visit counts as a new visit (specification: Register a visit).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import shifted
from koyjabo.base.core.runtime import Advance
from koyjabo.base.database.throttle import Throttle
from koyjabo.base.database.upkeep_rules import RemoveRows, all_rules
from koyjabo.columns.columns import Columns
from koyjabo.counting.models import Event, Visit
from koyjabo.upkeep import old_row_queries
from . import monthly_id_queries, reduction_queries
from .reduction_queries import REDUCED_EVENTS, REDUCED_VISITS, Boundary

DAY_MS = 86_400_000

MAX_WITHOUT_BLOCK = 50_000
"""Number of visits that are reduced before their blocks are stored again. Reports read at most 100,000 visits without
a block.
"""

USER_AGENT_DAYS = 30
"""How many days a visit keeps its exact user agent (specification: Reports)."""


class Reduction(NamedTuple):
    visits: int
    longest_ms: float  # the longest time that a transaction held the writer


class Retention:
    """Removes old data. All methods raise LedgerUnavailable. Work committed before an error is kept."""

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._columns = base.services[Columns]
        self._settings = base.settings

    def first_kept(self) -> str:
        """The first day whose visits keep their person: RETENTION_DAYS before today."""
        return shifted(self._clock.today(), -self._settings.retention_days)

    def reduce(self, first_kept: str, advance: Advance = lambda visits: None) -> Reduction:
        """Reduce all visits, events, people and conversions from before this day, in transactions of a few
        milliseconds with pauses in between. `advance` is called with the number of visits reduced since the last call;
        if it raises an error, the work is aborted. Running it again continues it.
        """
        boundary = Boundary(first_kept, 1000 * self._clock.began_s(first_kept))
        throttle, waiting, visits = Throttle(self._database), 0, 0
        for _ in self._each(throttle, Event, REDUCED_EVENTS, reduction_queries.reduce_events, boundary):
            advance(0)
        for reduced in self._each(throttle, Visit, REDUCED_VISITS, reduction_queries.reduce_visits, boundary):
            visits, waiting = visits + reduced, waiting + reduced
            advance(reduced)
            if waiting >= MAX_WITHOUT_BLOCK:
                waiting = 0
                self._columns.catch_up(lambda visits: advance(0))
        self._columns.catch_up(lambda visits: advance(0))
        while throttle.do(reduction_queries.reduce_rows, boundary.began_ms):
            advance(0)
        people = self._database.report(reduction_queries.people_before, first_kept)
        while people:
            people = throttle.do(reduction_queries.remove_people, boundary, people)
            advance(0)
        self._database.write(monthly_id_queries.forget_secrets, first_kept)
        return Reduction(visits, round(1000 * throttle.longest_s, 1))

    def _each(
        self, throttle: Throttle, table: Any, name: str, operation: Callable[..., Any], boundary: Boundary
    ) -> Iterator[int]:
        """Run an operation on all old rows of a table. Yields the number of rows that each transaction has reduced."""
        part = self._database.report(old_row_queries.stretch, table, name, boundary.began_ms)
        while part.after < part.last:
            rows, part = throttle.do(operation, self._columns, boundary, part)
            yield rows

    def reduce_user_agents(self, advance: Advance = lambda ids: None) -> None:
        """Replace the user agents of visits older than USER_AGENT_DAYS with the values that reports use."""
        before_ms = self._clock.now_ms() - USER_AGENT_DAYS * DAY_MS
        throttle = Throttle(self._database)
        part = self._database.report(old_row_queries.stretch, Visit, reduction_queries.USER_AGENT_MARK, before_ms)
        while part.after < part.last:
            rest = throttle.do(reduction_queries.replace_user_agents, self._columns, before_ms, part)
            advance(rest.after - part.after)
            part = rest

    def sweep(self, advance: Advance = lambda rows: None) -> Counter[str]:
        """Remove expired and old rows. Returns the numbers of removed rows by table."""
        now_ms, removed = self._clock.now_ms(), Counter[str]()
        before_ms = now_ms - self._settings.retention_days * DAY_MS
        for rules in all_rules():
            for rows in rules.expiring:
                removed[rows.table] += self._sweep(rows.remove, now_ms, advance)
            for rows in rules.ageing:
                removed[rows.table] += self._sweep(rows.remove, before_ms, advance)
        return removed

    def _sweep(self, remove: RemoveRows, before_ms: int, advance: Advance) -> int:
        throttle, removed = Throttle(self._database), 0
        while done := throttle.do(remove, before_ms):
            removed += done
            advance(done)
        return removed
