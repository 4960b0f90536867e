"""Queries for what sums do not tell: which visitors and views had an account. From stored visits and page views."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Select, case, func, or_, select, union_all
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock, Days
from koyjabo.counting.queries import id_range
from koyjabo.database.rows import ids_between
from koyjabo.models import SITE, Event, Visit
from koyjabo.reports.engine.ledger_queries import folded_days
from koyjabo.reports.events.records import PAGEVIEW
from koyjabo.reports.query.periods import DAY, HOUR, period_of, spans
from koyjabo.reports.query.ranges import MARGIN
from koyjabo.reports.query.report_query import Question

VISITORS = func.count(Visit.visitor_id.distinct())


class PageViews(NamedTuple):
    """The views of a page on a day. Those of events whose visit is not stored any more are only in `views`."""

    page: str
    views: int
    visitors: int
    authenticated: int
    anonymous: int


def with_account(session: Session, clock: Clock, question: Question) -> int | None:
    """How many different visitors of the site came with an account; None if some of the visits are folded."""
    return None if folded_days(session, question) else _count(session, clock, question.first, question.last)


def with_account_by_period(
    session: Session, clock: Clock, question: Question, granularity: str
) -> dict[str, int | None]:
    """The same by name of the period; 0 for missing periods."""
    if granularity in (HOUR, DAY):
        column = Visit.hour_s if granularity == HOUR else Visit.day
        wanted = _wanted(session, clock, question.first, question.last).add_columns(column).group_by(column)
        numbers = {_name(clock, key): number for number, key in session.execute(wanted)}
    else:
        parts = spans(question.first, question.last, granularity).items()
        numbers = {name: _count(session, clock, *days) for name, days in parts}
    unknown = {name for day in folded_days(session, question) for name in _periods_of(clock, day, granularity)}
    return {**numbers, **dict.fromkeys(unknown)}


def pages(session: Session, clock: Clock, question: Question) -> list[PageViews]:
    """The pages of one day, those with the most views first; none if visits of it are folded."""
    if folded_days(session, question):
        return []
    views = union_all(_visits(session, clock, question), _events(session, clock, question)).subquery()
    with_user, without = (func.sum(case((views.c.has_user == each, 1), else_=0)) for each in (1, 0))
    count, visitors = func.count(), func.count(views.c.visitor_id.distinct())
    wanted = select(views.c.page, count, visitors, with_user, without).group_by(views.c.page)
    return [PageViews._make(row) for row in session.execute(wanted.order_by(count.desc(), views.c.page))]


def _count(session: Session, clock: Clock, first: str, last: str) -> int:
    return session.scalar(_wanted(session, clock, first, last)) or 0


def _wanted(session: Session, clock: Clock, first: str, last: str) -> Select[Any]:
    after, upto = id_range(session, *_moments(clock, first, last))
    return select(VISITORS).where(
        Visit.id > after, Visit.id <= upto, Visit.day.between(first, last), Visit.user_id.is_not(None)
    )


def _visits(session: Session, clock: Clock, question: Question) -> Select[Any]:
    after, upto = id_range(session, *_moments(clock, question.first, question.last))
    wanted = select(Visit.page, Visit.visitor_id, case((Visit.user_id.is_(None), 0), else_=1).label("has_user"))
    wanted = wanted.where(Visit.id > after, Visit.id <= upto, Visit.day == question.first, Visit.page.is_not(None))
    return wanted if question.scope == SITE else wanted.where(Visit.scope == question.scope)


def _events(session: Session, clock: Clock, question: Question) -> Select[Any]:
    newest = session.scalar(select(func.max(Event.id))) or 0
    after, upto = ids_between(session, Event, *_moments(clock, question.first, question.last), 0, newest)
    is_anonymous = or_(Event.visit_id.is_(None), Visit.id.is_not(None))
    has_user = case((Visit.user_id.is_not(None), 1), (is_anonymous, 0), else_=None)
    wanted = select(Event.page, Event.visitor_id, has_user).outerjoin(Visit, Visit.id == Event.visit_id)
    wanted = wanted.where(Event.id > after, Event.id <= upto, Event.day == question.first)
    wanted = wanted.where(Event.name == PAGEVIEW, Event.page.is_not(None))
    return wanted if question.scope == SITE else wanted.where(Event.scope == question.scope)


def _moments(clock: Clock, first: str, last: str) -> tuple[int | None, int | None]:
    """ms; wide enough for days of another TIMEZONE."""
    return clock.range_ms(Days(date.fromisoformat(first) - MARGIN, date.fromisoformat(last) + MARGIN))


def _name(clock: Clock, key: int | str) -> str:
    return clock.local(key) if isinstance(key, int) else key


def _periods_of(clock: Clock, day: str, granularity: str) -> list[str]:
    if granularity == HOUR:
        return [clock.local(hour_s) for hour_s in clock.hours(day, day)]
    return [period_of(day, granularity)]
