"""Answers to questions without filters, from sums. Each is None if the sums cannot answer: then rows do."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock
from koyjabo.models import SITE, Scope
from koyjabo.reports.engine.answers import Breakdown, Figures, Hours, Period, Row, Summary, Sums
from koyjabo.reports.engine.raw.event_answer_queries import views_by_period
from koyjabo.reports.engine.raw.event_sum_queries import EventSums
from koyjabo.reports.engine.raw.ledger_queries import peak
from koyjabo.reports.engine.rollups import range_queries
from koyjabo.reports.engine.rollups.part_day_queries import before
from koyjabo.reports.engine.rollups.range_queries import Range, Source
from koyjabo.reports.engine.rollups.stored_queries import Merged
from koyjabo.reports.projection.encoding import ALL, OTHER, TOTAL, decoded
from koyjabo.reports.query.dimensions import TRAITS
from koyjabo.reports.query.periods import DAY, HOUR, period_of, periods, running
from koyjabo.reports.query.reasons import FOLDED
from koyjabo.reports.query.report_query import Question

SUMMED = {"page", "referrer", "visitor_kind", *TRAITS}


def summary(
    session: Session, source: Source, clock: Clock, question: Question, other: Question | None
) -> Summary | None:
    figures = _figures(session, source, clock, question)
    compared = _figures(session, source, clock, other) if other else None
    if figures is None or (other and compared is None):
        return None
    until = clock.local(other.until_ms // 1000) if other and other.until_ms is not None else None
    is_exact = all(each is None or None not in each[2:7] for each in (figures, compared))
    return Summary(figures, compared, until, None if is_exact else FOLDED)


def _figures(session: Session, source: Source, clock: Clock, question: Question) -> Figures | None:
    range_ = Range.of(session, source, question)
    total = None if range_ is None else _total(range_, clock, question.until_ms)
    if range_ is None or total is None:
        return None
    visitors = range_.visitors(TOTAL, ALL, total)
    returning = None if visitors is None else visitors - total.new_visitors
    views, events = EventSums(session, question, clock).totals()
    pages = None if range_.lacks_rows else total.count + views
    days = (question.first, question.last)
    return Figures(*days, total.visits, visitors, total.new_visitors, returning, pages, events, peak(session, question))


def _total(range_: Range, clock: Clock, until_ms: int | None) -> Merged | None:
    if until_ms is None:
        return range_.total()
    part = before(range_, clock, until_ms)
    return None if part is None else range_.without_last_day().total().plus(part)


def breakdown(
    session: Session, source: Source, clock: Clock, question: Question, dimension: str, limit: int, offset: int
) -> Breakdown | None:
    range_ = Range.of(session, source, question)
    if range_ is None or question.until_ms is not None or not _has_sums(dimension, question.scope):
        return None
    total, values = range_.total(), range_.values(dimension)
    named = {decoded(value): (value, sums) for value, sums in values.items() if value != OTHER}
    order = sorted(named, key=lambda value: (-named[value][1].visits, value is not None, value or ""))
    shown = order[offset : offset + limit]
    complete = range_.complete(dimension, [named[value][0] for value in shown])
    rows = [
        Row(
            value,
            value or "",
            range_.sums(dimension, *named[value]),
            named[value][1].visits / (total.visits or 1),
            at_least=named[value][0] not in complete,
        )
        for value in shown
    ]
    shown_too = {named[value][0] for value in shown}
    rest = Merged().plus(*(sums for value, sums in values.items() if value not in shown_too))
    visitors = None if rest.people is None or range_.lacks_rows else len(rest.people)
    whole = range_.sums(TOTAL, ALL, total)
    rest_sums = _rest(total, rows, visitors)
    unknown = None in [each.visitors for each in (whole, rest_sums, *(row.sums for row in rows))]
    lacks = unknown or bool(range_.folded) or any(row.at_least for row in rows)
    return Breakdown(rows, rest_sums, whole, len(named), FOLDED if lacks else None)


def _has_sums(dimension: str, scope: Scope) -> bool:
    return dimension in SUMMED or (dimension == "community" and scope == SITE)


def timeline(
    session: Session, source: Source, clock: Clock, question: Question, granularity: str
) -> list[Period] | None:
    range_ = Range.of(session, source, question)
    if range_ is None or question.until_ms is not None:
        return None
    found = range_.by_hour(clock) if granularity == HOUR else range_.by_day()
    if found is None:
        return None
    if granularity not in (HOUR, DAY):
        found = range_.grouped(lambda day: period_of(day, granularity))
    now = running(granularity, clock) if question.last == clock.today() else None
    views = views_by_period(EventSums(session, question, clock), clock, granularity)
    names = sorted({*periods(question, granularity, clock), *found, *views}, key=datetime.fromisoformat)
    return [_period(name, found.get(name, (0, 0, 0, 0)), views[name], name == now) for name in names]


def _period(name: str, figures: range_queries.Figures, views: int, so_far: bool) -> Period:
    visits, visitors, new_visitors, pages = figures
    return Period(name, visits, visitors, new_visitors, None if pages is None else pages + views, so_far)


def hours(session: Session, source: Source, clock: Clock, question: Question) -> Hours | None:
    range_ = Range.of(session, source, question)
    if range_ is None or question.until_ms is not None:
        return None
    found = range_.visits_by_hour(clock)
    if found is None:
        return None
    week = [[0] * 24 for _ in range(7)]
    for hour_s, (visits, _) in found.items():
        local = datetime.fromisoformat(clock.local(hour_s))
        week[local.weekday()][local.hour] += visits
    return Hours(week, None)


def _rest(total: Merged, rows: list[Row], visitors: int | None) -> Sums:
    visits = sum(row.sums.visits or 0 for row in rows)
    new = sum(row.sums.new_visitors or 0 for row in rows)
    return Sums(total.visits - visits, visitors, total.new_visitors - new)
