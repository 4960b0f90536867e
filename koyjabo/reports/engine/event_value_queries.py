"""The visits to which events belong, by a value of these events. A visit may have several values, or none."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from pyroaring import BitMap
from sqlalchemy import Select, case, select, union

from koyjabo.models import Address, VisitFact
from koyjabo.reports.engine.answers import Sums
from koyjabo.reports.engine.condition_queries import conditions, counts, event_value, is_new
from koyjabo.reports.engine.event_row_queries import HAPPENED
from koyjabo.reports.engine.fact_queries import joined
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.events.event_plan import VIEWED_PAGE
from koyjabo.reports.query.report_query import Question, Value


class VisitSet(NamedTuple):
    """Ids of visits, those of visits that are new, and numbers of visitors."""

    all: BitMap
    new: BitMap
    people: BitMap

    @classmethod
    def none(cls) -> VisitSet:
        return cls(BitMap(), BitMap(), BitMap())

    def take(self, other: VisitSet) -> None:
        for own, others in zip(self, other, strict=True):
            own |= others

    def sums(self, count: int) -> Sums:
        return Sums(len(self.all), len(self.people), len(self.new), count)


def visits_by_value(snapshot: Snapshot, question: Question, dimension: str) -> dict[Value, VisitSet]:
    """The visits of the question; for VIEWED_PAGE, the page that was opened first counts as well."""
    visits: defaultdict[Value, VisitSet] = defaultdict(VisitSet.none)
    facts = snapshot.raw.facts
    for value, *texts in facts.scan(_statement(question, dimension, facts.dialect), snapshot.fact_ids(question)):
        visits[value].take(VisitSet(*map(_numbers, texts)))
    for visit in snapshot.unprojected.matching(question):
        for value in snapshot.unprojected.event_values(visit, dimension):
            new = [visit.id] if visit.is_new(question.scope) else []
            visits[value].take(VisitSet(BitMap([visit.id]), BitMap(new), BitMap([visit.visitor])))
    return visits


def _statement(question: Question, dimension: str, dialect: str) -> Select[Any]:
    visit = (VisitFact.visit_id, VisitFact.visitor, is_new(question.scope).label("is_new"))
    which, facts = tuple(conditions(question)), VisitFact.__table__
    events = select(event_value(dimension, HAPPENED).label("value"), *visit)
    events = events.where(*which, counts(dimension, HAPPENED))
    parts = [events.select_from(facts.join(HAPPENED, HAPPENED.c.visit_id == VisitFact.visit_id))]
    if dimension == VIEWED_PAGE:
        landings = select(Address.text.label("value"), *visit).where(*which)
        parts.append(landings.select_from(facts.join(Address.__table__, Address.id == VisitFact.page_id)))
    pairs = union(*parts).subquery("pairs")
    new = case((pairs.c.is_new, pairs.c.visit_id))
    texts = [joined(each, dialect) for each in (pairs.c.visit_id, new, pairs.c.visitor)]
    return select(pairs.c.value, *texts).group_by(pairs.c.value)


def _numbers(text: str | None) -> BitMap:
    return BitMap(map(int, text.split(","))) if text else BitMap()
