"""The visits of a question by a value of their events, which may be several, or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pyroaring import BitMap

from koyjabo.core.clock import Clock, shifted
from koyjabo.models import SITE
from koyjabo.reports.live.event_sums import counted
from koyjabo.reports.live.followed import MARGIN_DAYS, Followed
from koyjabo.reports.live.visit_sums import Check, VisitSums
from koyjabo.reports.log.blocks import Rows
from koyjabo.reports.log.log import Log
from koyjabo.reports.log.row_queries import IN_COMMUNITY, NO_VISIT, ON_SITE
from koyjabo.reports.log.state_queries import Reading
from koyjabo.reports.query.groups import VisitSet
from koyjabo.reports.query.parameters import LAST_DAY
from koyjabo.reports.query.report_query import Question, Value

ValueVisits = dict[Value, VisitSet]

SET_SIZE = 1_000
"""Bytes of a value, without its numbers."""


def union_of(sets: Iterable[VisitSet]) -> VisitSet:
    found = VisitSet.none()
    for each in sets:
        found.take(each)
    return found


def add(sets: ValueVisits, values: Sequence[Value], visits: Sequence[tuple[int, int, bool]]) -> None:
    """`visits` have their id, their visitor and whether they are new."""
    found: defaultdict[Value, list[tuple[int, int, bool]]] = defaultdict(list)
    for value, visit in zip(values, visits, strict=True):
        found[value].append(visit)
    for value, these in found.items():
        known = sets.setdefault(value, VisitSet.none())
        known.all.update(id for id, _, _ in these)
        known.new.update(id for id, _, is_new in these if is_new)
        known.people.update(visitor for _, visitor, _ in these)


def read(visits: Rows, question: Question) -> list[tuple[int, int, bool]]:
    bit = ON_SITE if question.scope == SITE else IN_COMMUNITY
    are_new = visits.named("new_in", [bool(new_in & bit) for new_in in range(4)])
    return list(zip(visits.column("id"), visits.column("visitor"), are_new, strict=True))


def size_of(sets: ValueVisits) -> int:
    return sum(SET_SIZE + 6 * len(each.all) for each in sets.values())


class Landings(Followed[ValueVisits]):
    """The visits of a question by the page that was opened first. `passes` as of `VisitSums`."""

    def __init__(self, question: Question, clock: Clock, passes: Check) -> None:
        super().__init__(question, clock)
        self._passes = passes

    def size_of(self, sums: ValueVisits) -> int:
        return size_of(sums)

    def _new(self, key: str) -> ValueVisits:
        return {}

    def _check(self, session: Reading, rows: Rows) -> None:
        self._passes(rows)

    def _add(self, session: Reading, sums: ValueVisits, key: str, rows: Rows) -> None:
        landed = rows.copy()
        pages = rows.block.values["page"]
        landed.check("page", [page is not None for page in pages])
        add(sums, landed.named("page", pages), read(landed, self.question))


class VisitsOfValues(Followed[ValueVisits]):
    """Follows the events, whenever these were, by dimension."""

    def __init__(self, visits: VisitSums, log: Log, until_ms: int | None = None) -> None:
        """`until_ms` is that of the visits."""
        question, first = visits.question, shifted(visits.question.first, -MARGIN_DAYS)  # clocks may be set back
        super().__init__(replace(question, first=first, last=LAST_DAY, filters={}), visits.clock)
        self._visits, self._log, self._until_ms = visits, log, until_ms
        self._judged, self._passing = BitMap([NO_VISIT]), BitMap()

    def size_of(self, sums: ValueVisits) -> int:
        return size_of(sums)

    def _new(self, key: str) -> ValueVisits:
        return {}

    def _check(self, session: Reading, rows: Rows) -> None:
        new = BitMap(rows.column("visit_id")) - self._judged
        for visits in self._log.rows_with(session, list(new)) if new else ():
            self._visits.leave(session, visits, self._until_ms)
            self._passing.update(visits.column("id"))
        self._judged |= new
        rows.within(self._passing, "visit_id")

    def _add(self, session: Reading, sums: ValueVisits, key: str, rows: Rows) -> None:
        events, column, values = counted(rows, key)
        ids = events.column("visit_id")
        found: dict[int, tuple[int, int, bool]] = {}
        for visits in self._log.rows_with(session, sorted(set(ids))):
            found |= {visit[0]: visit for visit in read(visits, self._visits.question)}
        add(sums, events.named(column, values), [found[id] for id in ids])
