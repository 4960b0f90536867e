"""Files rows from the future again, or restores their earlier times, in short transactions."""

from collections.abc import Callable
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import DAY_MS
from koyjabo.base.core.runtime import Advance
from koyjabo.base.database.throttle import Throttle
from koyjabo.base.database.upkeep_rules import all_rules
from koyjabo.columns.columns import Columns
from koyjabo.counting import clock_queries
from koyjabo.counting.clock_queries import REFILING_STATE, StoredState
from koyjabo.counting.models import Event, Visit
from . import refiled_people_queries, refiling_queries
from .refiled_people_queries import VISITS_PER_PIECE
from .refiling_queries import Later, RestOfRows

REFILED_KEPT_MS = 30 * DAY_MS
"""How long the earlier times are kept, ms."""


class Refiling:
    """Moves rows. All methods raise LedgerUnavailable. If the work is interrupted, it can be repeated."""

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._columns = base.services[Columns]

    def refile(self, answer: StoredState, advance: Advance = lambda visits: None) -> int:
        """File rows from the future again. Returns the number of visits."""
        began_ms, visit = (answer.known_ms, answer.visit) if answer.known_ms else (self._clock.system_ms(), 2**62)

        def later() -> Later:
            now_ms = self._clock.system_ms()
            return Later(now_ms, min(began_ms, now_ms), visit, now_ms + REFILED_KEPT_MS)

        begun = self._begin(later())
        before_ms = begun.known_ms or later().now_ms
        visits = self._move(refiling_queries.refile_visits, Visit, later, advance)
        self._move(refiling_queries.refile_events, Event, later, lambda events: None)
        if begun.visit:
            self._mark_present(begun.visit - 1, later().expires_ms)
        throttle, after = Throttle(self._database), 0
        refile_people = refiled_people_queries.refile_people
        while (person := throttle.do(refile_people, self._clock, later(), before_ms, after)) is not None:
            after = person
        self._database.write(refiled_people_queries.refile_others, self._columns, self._clock, later(), before_ms)
        self._end()
        return visits

    def put_back(self, advance: Advance = lambda visits: None) -> int:
        """Restore the earlier times. Returns the number of visits."""
        throttle, visits, first = Throttle(self._database), 0, 0
        while ids := throttle.do(refiling_queries.put_back_visits, self._columns):
            visits, first = visits + len(ids), min(first or ids[0], ids[0])
            advance(len(ids))
        throttle.repeat(refiling_queries.put_back_events, self._columns)
        throttle.repeat(refiled_people_queries.put_back_people, self._clock)
        if first:
            self._mark_present(first - 1, None)
        self._database.write(refiled_people_queries.put_back_others)
        self._end()
        return visits

    def _begin(self, later: Later) -> StoredState:
        """The first visit from the future, and the last certain time. Both are stored, so that interrupted work can
        continue.
        """
        begun = self._database.read(clock_queries.read_clock).state(REFILING_STATE)
        first = None if begun.visit else self._database.report(refiling_queries.first_later, Visit, later.least_ms)
        if first is not None:
            certain_ms = self._database.report(refiling_queries.last_certain_ms, first, later.least_ms)
            begun = StoredState(known_ms=certain_ms or later.now_ms, visit=first)
            self._database.write(clock_queries.store_state, REFILING_STATE, begun)
        return begun

    def _move(self, operation: Callable[..., Any], table: Any, later: Callable[[], Later], advance: Advance) -> int:
        throttle, rows = Throttle(self._database), 0
        first = self._database.report(refiling_queries.first_later, table, later().least_ms)
        part = RestOfRows((first or 1) - 1)
        while first is not None:
            moved, part = throttle.do(operation, self._columns, self._clock, later(), part)
            rows += moved
            advance(moved)
            if not moved:
                break
        return rows

    def _mark_present(self, after: int, expires_ms: int | None) -> None:
        newest = self._database.read(refiling_queries.newest_visit)
        while after < newest:
            upto = min(newest, after + VISITS_PER_PIECE)
            self._database.write(refiled_people_queries.mark_present, self._clock, expires_ms, after, upto)
            after = upto

    def _end(self) -> None:
        """Discard sums by day, so that they are computed again."""

        def discard(session: Any) -> None:
            for rules in all_rules():
                rules.discard_days(session)

        self._database.write(discard)
        self._columns.catch_up()
        self._database.write(clock_queries.remove_state, REFILING_STATE)
