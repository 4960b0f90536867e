"""Answers to questions from single visits. Days whose visits are folded have none: then figures are None."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from pyroaring import BitMap
from sqlalchemy.orm import Session

from koyjabo.clock import Clock
from koyjabo.insights.answers import Breakdown, Figures, Hours, Period, Row, Summary, Sums
from koyjabo.insights.periods import HOUR, period_of, periods, running
from koyjabo.insights.question import Question
from koyjabo.insights.ranges import day_of
from koyjabo.insights.reasons import FOLDED, FOLDED_EVENTS
from koyjabo.insights.rows import event_answer_queries
from koyjabo.insights.rows.arm_queries import Arm, Column
from koyjabo.insights.rows.condition_queries import value
from koyjabo.insights.rows.event_queries import is_of_events
from koyjabo.insights.rows.group_queries import Group, Rows
from koyjabo.insights.rows.ledger_queries import folded_days, peak
from koyjabo.insights.traits.parser import TraitParser

UNKNOWN = Sums(None, None, None)
TO_MONDAY = 3
"""Days between the Monday before 1970-01-01 and that day."""

MOST_DAYS = 10**6
"""More than days since 1970 in any year that is used."""


def summary(session: Session, parser: TraitParser, clock: Clock, question: Question, other: Question | None) -> Summary:
    figures = _figures(session, parser, clock, question)
    compared = _figures(session, parser, clock, other) if other else None
    until = clock.local(other.until_ms // 1000) if other and other.until_ms is not None else None
    return Summary(figures, compared, until, _reason(figures, compared))


def _reason(*asked: Figures | None) -> str | None:
    known = [each for each in asked if each is not None]
    if any(each.visits is None for each in known):
        return FOLDED
    return FOLDED_EVENTS if any(each.events is None for each in known) else None


def timeline(session: Session, parser: TraitParser, clock: Clock, question: Question, granularity: str) -> list[Period]:
    column = "hour_s" if granularity == HOUR else "day"
    found: defaultdict[str, Group] = defaultdict(Group)
    for key, group in Rows(session, question, parser, clock).by(question, lambda arm: arm.column(column)).items():
        found[clock.local(key) if granularity == HOUR else period_of(day_of(key), granularity)].take(group)
    events = event_answer_queries.counts(session, parser, clock, question)
    views = event_answer_queries.views_by_period(events, clock, granularity)
    without_views = event_answer_queries.periods_without_views(events, clock, granularity)
    unknown = {name for day in folded_days(session, question) for name in _periods_of(day, granularity, clock)}
    now = running(granularity, clock) if question.last == clock.today() else None
    names = sorted(
        {*periods(question, granularity, clock), *found, *unknown, *views, *without_views}, key=datetime.fromisoformat
    )
    return [
        Period(name, None, None, None, None, name == now)
        if name in unknown
        else _period(name, found[name], None if name in without_views else views[name], name == now)
        for name in names
    ]


def breakdown(
    session: Session, parser: TraitParser, clock: Clock, question: Question, dimension: str, limit: int, offset: int
) -> Breakdown:
    if is_of_events(dimension):
        return event_answer_queries.breakdown(session, parser, clock, question, dimension, limit, offset)
    if folded_days(session, question):
        return Breakdown([], UNKNOWN, UNKNOWN, 0, FOLDED)
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
    if folded_days(session, question):
        return Figures(*days, *(None,) * 6, peak(session, question))
    found = Rows(session, question, parser, clock).all(question)
    views, events = event_answer_queries.counts(session, parser, clock, question).totals()
    visitors = len(found.people())
    pages = None if views is None else found.pages + views
    figures = found.visits, visitors, found.new, visitors - found.new, pages, events
    return Figures(*days, *figures, peak(session, question))


def _period(name: str, group: Group, views: int | None, so_far: bool) -> Period:
    return Period(name, *group.sums[:3], None if views is None else group.pages + views, so_far)


def _periods_of(day: str, granularity: str, clock: Clock) -> list[str]:
    if granularity == HOUR:
        return [clock.local(hour_s) for hour_s in clock.hours(day, day)]
    return [period_of(day, granularity)]
