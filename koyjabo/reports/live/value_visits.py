"""Groups a question's visits by the values of their events. A visit may have several values or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from koyjabo.core.clock import Clock, shifted
from koyjabo.models import SITE
from koyjabo.reports.live.event_sums import PassingVisits, counted
from koyjabo.reports.live.followed import MARGIN_DAYS, Followed
from koyjabo.reports.live.visit_sums import Check, VisitSums
from koyjabo.reports.log.blocks import Rows
from koyjabo.reports.log.log import Log
from koyjabo.reports.log.row_queries import IN_COMMUNITY, ON_SITE
from koyjabo.reports.log.state_queries import Reading
from koyjabo.reports.query.groups import VisitSet
from koyjabo.reports.query.parameters import LAST_DAY
from koyjabo.reports.query.report_query import Question, Value

ValueVisits = dict[Value, VisitSet]

SET_SIZE = 1_000
"""Bytes that a value takes up even without visits."""


def union_of(sets: Iterable[VisitSet]) -> VisitSet:
    union = VisitSet.none()
    for visits in sets:
        union.take(visits)
    return union


def add(sets: ValueVisits, values: Sequence[Value], visits: Sequence[tuple[int, int, bool]]) -> None:
    """Add visits to the sets of their values. A visit is (id, visitor, is new)."""
    by_value: defaultdict[Value, list[tuple[int, int, bool]]] = defaultdict(list)
    for value, visit in zip(values, visits, strict=True):
        by_value[value].append(visit)
    for value, these in by_value.items():
        known = sets.setdefault(value, VisitSet.none())
        known.all.update(id for id, _, _ in these)
        known.new.update(id for id, _, is_new in these if is_new)
        known.people.update(visitor for _, visitor, _ in these)


def read(visits: Rows, question: Question) -> list[tuple[int, int, bool]]:
    bit = ON_SITE if question.scope == SITE else IN_COMMUNITY
    are_new = visits.named("new_in", [bool(new_in & bit) for new_in in range(4)])
    return list(zip(visits.column("id"), visits.column("visitor"), are_new, strict=True))


class _SumsByValue(Followed[ValueVisits]):
    def size_of(self, sums: ValueVisits) -> int:
        return sum(SET_SIZE + 6 * len(visits.all) for visits in sums.values())

    def _new(self, key: str) -> ValueVisits:
        return {}


class Landings(_SumsByValue):
    """A question's visits by their first page. `passes` is as in `VisitSums`."""

    def __init__(self, question: Question, clock: Clock, passes: Check) -> None:
        super().__init__(question, clock)
        self._passes = passes

    def _check(self, session: Reading, rows: Rows) -> None:
        self._passes(rows)

    def _add(self, session: Reading, sums: ValueVisits, key: str, rows: Rows) -> None:
        landed = rows.copy()
        pages = rows.block.values["page"]
        landed.check("page", [page is not None for page in pages])
        add(sums, landed.named("page", pages), read(landed, self.question))


class VisitsOfValues(_SumsByValue):
    """A question's visits by dimension and value of their events, no matter when the events happened."""

    def __init__(self, visits: VisitSums, log: Log, until_ms: int | None = None) -> None:
        """`until_ms` is the end of the range of visits."""
        self._asked, first = visits.question, shifted(visits.question.first, -MARGIN_DAYS)  # clocks may be set back
        super().__init__(replace(self._asked, first=first, last=LAST_DAY, filters={}), visits.clock)
        self._log = log
        self._passing = PassingVisits(log, lambda rows: visits.leave(rows, until_ms), passes_without_visit=False)

    def _check(self, session: Reading, rows: Rows) -> None:
        self._passing.look_at(session, rows)
        self._passing.leave(rows)

    def _add(self, session: Reading, sums: ValueVisits, key: str, rows: Rows) -> None:
        events, column, values = counted(rows, key)
        ids = events.column("visit_id")
        visits: dict[int, tuple[int, int, bool]] = {}
        for some in self._log.rows_with(session, sorted(set(ids))):
            visits |= {visit[0]: visit for visit in read(some, self._asked)}
        add(sums, events.named(column, values), [visits[id] for id in ids])
