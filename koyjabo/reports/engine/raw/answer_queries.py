"""Answers to questions from single visits. Days whose visits are folded have none: then figures are None."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from pyroaring import BitMap
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock
from koyjabo.reports.engine.answers import Breakdown, Figures, Hours, Period, Row, Summary, Sums
from koyjabo.reports.engine.raw import event_answer_queries, folded_value_queries
from koyjabo.reports.engine.raw.arm_queries import Arm, Column
from koyjabo.reports.engine.raw.condition_queries import value
from koyjabo.reports.engine.raw.event_queries import is_of_events
from koyjabo.reports.engine.raw.group_queries import Group, Rows
from koyjabo.reports.engine.raw.ledger_queries import folded_days, peak
from koyjabo.reports.query.periods import HOUR, period_of, periods, running
from koyjabo.reports.query.ranges import day_of
from koyjabo.reports.query.reasons import FOLDED, FOLDED_EVENTS, FOLDED_VALUE
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.traits.parser import TraitParser

UNKNOWN = Sums(None, None, None)
TO_MONDAY = 3
"""Days between the Monday before 1970-01-01 and that day."""

MOST_DAYS = 10**6
"""More than days since 1970 in any year that is used."""


def summary(session: Session, parser: TraitParser, clock: Clock, question: Question, other: Question | None) -> Summary:
    figures = _figures(session, parser, clock, question)
    compared = _figures(session, parser, clock, other) if other else None
    until = clock.local(other.until_ms // 1000) if other and other.until_ms is not None else None
    return Summary(figures, compared, until, _reason(question, figures, compared))


def _reason(question: Question, *asked: Figures | None) -> str | None:
    known = [each for each in asked if each is not None]
    if any(each.visitors is None for each in known):
        return _why(question, all(each.visits is not None for each in known))
    return FOLDED_EVENTS if any(each.events is None for each in known) else None


def _why(question: Question, knows_visits: bool) -> str:
    """Why not everything is known of folded days."""
    return FOLDED if knows_visits or not folded_value_queries.one_value(question) else FOLDED_VALUE


def timeline(session: Session, parser: TraitParser, clock: Clock, question: Question, granularity: str) -> list[Period]:
    column = "hour_s" if granularity == HOUR else "day"
    rows, folded = Rows(session, question, parser, clock), folded_days(session, question)
    found: defaultdict[str, Group] = defaultdict(Group)
    for key, group in rows.by(question, lambda arm: arm.column(column)).items():
        if granularity == HOUR:
            found[clock.local(key)].take(group)
        elif day_of(key) not in folded:
            found[period_of(day_of(key), granularity)].take(group)
    events = event_answer_queries.counts(session, parser, clock, question)
    views = event_answer_queries.views_by_period(events, clock, granularity)
    without_views = event_answer_queries.periods_without_views(events, clock, granularity)
    unknown = _of_folded_days(session, rows, question, folded, granularity, clock)
    now = running(granularity, clock) if question.last == clock.today() else None
    names = sorted(
        {*periods(question, granularity, clock), *found, *unknown, *views, *without_views}, key=datetime.fromisoformat
    )
    return [
        _period_with_folded_days(name, unknown[name], found[name], name == now)
        if name in unknown
        else _period(name, found[name], None if name in without_views else views[name], name == now)
        for name in names
    ]


def breakdown(
    session: Session, parser: TraitParser, clock: Clock, question: Question, dimension: str, limit: int, offset: int
) -> Breakdown:
    if is_of_events(dimension):
        return event_answer_queries.breakdown(session, parser, clock, question, dimension, limit, offset)
    if folded := folded_days(session, question):
        return _of_one_value(question, dimension, _visits(session, parser, clock, question, folded), limit, offset)
    found = Rows(session, question, parser, clock).by(question, lambda arm: value(arm, dimension, question.scope))
    ordered = sorted(found, key=lambda text: (-found[text].visits, text is not None, text or ""))
    shown = ordered[offset : offset + limit]
    other, visits = Group(), sum(group.visits for group in found.values())
    for text in found.keys() - set(shown):
        other.take(found[text])
    people = BitMap.union(other.people(), *(found[text].people() for text in shown))
    total = Sums(visits, len(people), sum(group.new for group in found.values()))
    rows = [Row(text, text or "", found[text].sums, found[text].visits / visits) for text in shown]
    return Breakdown(rows, other.sums, total, len(found), None)


def _of_one_value(question: Question, dimension: str, visits: int | None, limit: int, offset: int) -> Breakdown:
    """Of days some of which are folded. By the dimension of the filter, its value has all visits."""
    whole, asked = Sums(visits, None, None), folded_value_queries.one_value(question)
    if not visits or asked is None or asked[0] != dimension:
        return Breakdown([], whole, whole, 0, _why(question, visits is not None))
    rows = [Row(asked[1], asked[1] or "", whole, 1.0)][offset : offset + limit]
    return Breakdown(rows, Sums(0, 0, 0) if rows else whole, whole, 1, FOLDED)


def hours(session: Session, parser: TraitParser, clock: Clock, question: Question) -> Hours:
    if folded_days(session, question):
        return Hours([], FOLDED)
    week = [[0] * 24 for _ in range(7)]
    rows = Rows(session, question, parser, clock)
    for key, group in rows.by(question, _day_and_hour, with_people=False).items():
        hour_s, day = divmod(key, MOST_DAYS)
        week[(day + TO_MONDAY) % 7][int(clock.local(hour_s)[11:13])] += group.visits
    return Hours(week, None)


def _day_and_hour(arm: Arm) -> Column:
    """Both in one number."""
    return arm.column("hour_s") * MOST_DAYS + arm.column("day")


def _figures(session: Session, parser: TraitParser, clock: Clock, question: Question) -> Figures:
    days = question.first, question.last
    if folded := folded_days(session, question):
        known = _visits(session, parser, clock, question, folded)
        return Figures(*days, known, *(None,) * 5, peak(session, question))
    found = Rows(session, question, parser, clock).all(question)
    views, events = event_answer_queries.counts(session, parser, clock, question).totals()
    visitors = len(found.people())
    pages = None if views is None else found.pages + views
    figures = found.visits, visitors, found.new, visitors - found.new, pages, events
    return Figures(*days, *figures, peak(session, question))


def _period(name: str, group: Group, views: int | None, so_far: bool) -> Period:
    return Period(name, *group.sums[:3], None if views is None else group.pages + views, so_far)


def _visits(
    session: Session, parser: TraitParser, clock: Clock, question: Question, folded: Collection[str]
) -> int | None:
    """Of days some of which are folded."""
    if not folded_value_queries.may_know(question):
        return None
    return folded_value_queries.visits(session, Rows(session, question, parser, clock), question, folded, clock)


def _of_folded_days(
    session: Session, rows: Rows, question: Question, folded: Collection[str], granularity: str, clock: Clock
) -> dict[str, int | None]:
    """The visits of folded days by period; those of hours are not known."""
    if granularity == HOUR:
        return {clock.local(hour_s): None for day in folded for hour_s in clock.hours(day, day)}
    found: dict[str, int | None] = {}
    for day, visits in folded_value_queries.by_folded_day(session, rows, question, folded, clock).items():
        name = period_of(day, granularity)
        before = found.get(name, 0)
        found[name] = None if visits is None or before is None else before + visits
    return found


def _period_with_folded_days(name: str, folded: int | None, others: Group, so_far: bool) -> Period:
    return Period(name, None if folded is None else folded + others.visits, None, None, None, so_far)
