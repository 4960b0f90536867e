"""The visits of folded days, all or with one value of a dimension: those in their sums, and those not yet in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from koyjabo.core.clock import Clock
from koyjabo.models import DailyVisits, InsightSum
from koyjabo.reports.engine.raw.arm_queries import Arm, Column
from koyjabo.reports.engine.raw.event_queries import is_of_events
from koyjabo.reports.engine.raw.group_queries import Rows
from koyjabo.reports.projection import state_queries
from koyjabo.reports.projection.encoding import ALL, OTHER, TOTAL, encoded
from koyjabo.reports.query.parameters import LAST_DAY
from koyjabo.reports.query.ranges import day_of
from koyjabo.reports.query.report_query import Question, Value

ByDay = Mapping[str, int | None]
"""Visits; None: not known."""


def one_value(question: Question) -> tuple[str, Value] | None:
    """The dimension and the value, if the question is filtered by these alone, and days have sums of the dimension."""
    if len(question.filters) != 1:
        return None
    ((dimension, filter_),) = question.filters.items()
    if len(filter_.any_of) != 1 or filter_.none_of or is_of_events(dimension):
        return None
    (value,) = filter_.any_of
    return dimension, value


def may_know(question: Question) -> bool:
    """Whether the visits of folded days can be known at all."""
    return not question.filters or one_value(question) is not None


def visits(session: Session, rows: Rows, question: Question, folded: Collection[str], clock: Clock) -> int | None:
    """Of the whole range. The question is one of which `may_know` is true."""
    known = by_folded_day(session, rows, question, folded, clock)
    others = {day: count for day, count in _by_day(rows, question).items() if day not in folded}
    counts = [*known.values(), *others.values()]
    return None if None in counts else sum(count or 0 for count in counts)


def by_folded_day(session: Session, rows: Rows, question: Question, folded: Collection[str], clock: Clock) -> ByDay:
    """None of a day that is cut by `until_ms`, and of all days while the sums are made again."""
    if not may_know(question) or not state_queries.read(session).is_complete:
        return dict.fromkeys(folded)
    asked = one_value(question)
    known = _with_value(session, rows, question, *asked) if asked else _counted(session, question)
    cut = LAST_DAY if question.until_ms is None else clock.bucket(question.until_ms).day
    return {day: known.get(day) if day < cut else None for day in folded}


def _counted(session: Session, question: Question) -> ByDay:
    days = DailyVisits.scope == question.scope, DailyVisits.day.between(question.first, question.last)
    found: Any = session.execute(select(DailyVisits.day, DailyVisits.visits).where(*days)).all()
    return dict(found)


def _with_value(session: Session, rows: Rows, question: Question, dimension: str, value: Value) -> ByDay:
    """None of a day whose sums lack visits, and of one that has merged values but not this one."""
    newer = _by_day(rows, replace(question, filters={}), is_newer=True)
    newer_with_value = _by_day(rows, question, is_newer=True)
    found: dict[str, int | None] = {}
    for day, counted, summed, own, merged in session.execute(_sums(question, dimension, encoded(value))):
        is_known = (summed or 0) + newer[day] == counted and (own is not None or merged is None)
        found[day] = (own or 0) + newer_with_value[day] if is_known else None
    return found


def _sums(question: Question, dimension: str, value: str) -> Any:
    """By day: visits counted, in sums, with the value, and with merged values. Three rows of sums a day are read."""
    found: Any = select(DailyVisits.day, DailyVisits.visits)
    for name, text in ((TOTAL, ALL), (dimension, value), (dimension, OTHER)):
        sums = aliased(InsightSum)
        of_day = (sums.scope == DailyVisits.scope, sums.period == DailyVisits.day, sums.dimension == name)
        found = found.outerjoin(sums, and_(*of_day, sums.value == text)).add_columns(sums.visits)
    return found.where(DailyVisits.scope == question.scope, DailyVisits.day.between(question.first, question.last))


def _by_day(rows: Rows, question: Question, is_newer: bool = False) -> Counter[str]:
    found = rows.by(question, _day, with_people=False, is_newer=is_newer)
    return Counter({day_of(number): group.visits for number, group in found.items()})


def _day(arm: Arm) -> Column:
    return arm.column("day")
