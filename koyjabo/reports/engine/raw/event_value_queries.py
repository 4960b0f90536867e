"""The visits to which events belong, by a value of these events. A visit may have several values, or none."""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from typing import Any, NamedTuple

from pyroaring import BitMap
from sqlalchemy import Select, case, select, union

from koyjabo.reports.engine.answers import Sums
from koyjabo.reports.engine.raw import event_queries
from koyjabo.reports.engine.raw.arm_queries import Arm
from koyjabo.reports.engine.raw.condition_queries import conditions, is_new
from koyjabo.reports.engine.raw.event_queries import EVENTS
from koyjabo.reports.engine.raw.group_queries import Rows, joined, numbers_of
from koyjabo.reports.events.event_plan import VIEWED_PAGE
from koyjabo.reports.query.report_query import Question, Value

HAPPENED = EVENTS.alias("happened")
"""Beside the events by which visits are filtered."""


class Visits(NamedTuple):
    """Ids of visits, those of visits that are new, and numbers of visitors."""

    all: BitMap
    new: BitMap
    people: BitMap

    @classmethod
    def none(cls) -> Visits:
        return cls(BitMap(), BitMap(), BitMap())

    def take(self, other: Visits) -> None:
        for own, others in zip(self, other, strict=True):
            own |= others

    def sums(self, count: int) -> Sums:
        return Sums(len(self.all), len(self.people), len(self.new), count)


def visits_by_value(rows: Rows, question: Question, dimension: str) -> dict[Value, Visits]:
    """The visits of the question; for VIEWED_PAGE, the page that was opened first counts as well."""
    found: defaultdict[Value, Visits] = defaultdict(Visits.none)
    for value, *texts in rows.found(lambda arm: _statement(arm, question, dimension, rows.dialect)):
        found[value].take(Visits(*(numbers_of([text] if text else []) for text in texts)))
    return found


def _statement(arm: Arm, question: Question, dimension: str, dialect: str) -> Select[Any]:
    parts = [_of_events(copy(arm), question, dimension)]
    if dimension == VIEWED_PAGE:
        parts.append(_of_landings(copy(arm), question))
    pairs = union(*parts).subquery("pairs")
    new = case((pairs.c.is_new, pairs.c.visit_id))
    texts = [joined(each, dialect) for each in (pairs.c.visit_id, new, pairs.c.visitor)]
    return select(pairs.c.value, *texts).group_by(pairs.c.value)


def _of_events(arm: Arm, question: Question, dimension: str) -> Select[Any]:
    which = (*arm.bounds(), *conditions(arm, question), event_queries.counts(dimension, HAPPENED))
    theirs = arm.source.join(HAPPENED, HAPPENED.c.visit_id == arm.column("visit_id"))
    wanted = select(event_queries.value(dimension, HAPPENED).label("value"), *_visit(arm, question))
    return wanted.where(*which).select_from(theirs)


def _of_landings(arm: Arm, question: Question) -> Select[Any]:
    wanted = select(arm.value("page").label("value"), *_visit(arm, question))
    return wanted.where(*arm.bounds(), *conditions(arm, question), ~arm.is_none("page")).select_from(arm.source)


def _visit(arm: Arm, question: Question) -> list[Any]:
    columns = [arm.column(name).label(name) for name in ("visit_id", "visitor")]
    return [*columns, is_new(arm, question.scope).label("is_new")]
