"""What reports need to know beside facts and sums: folded days, peaks, names, and versions."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koyjabo.models import Community, Counter, DailyVisits, Event, FoldedVisits, Peak, Scope
from koyjabo.reports.projection import state_queries
from koyjabo.reports.query.report_query import Question


def folded_days(session: Session, question: Question) -> set[str]:
    """The days of the range of which visits are folded, all or some."""
    wanted = select(FoldedVisits.day).where(
        FoldedVisits.scope == question.scope, FoldedVisits.day.between(question.first, question.last)
    )
    return set(session.scalars(wanted.distinct()))


def first_day(session: Session, scope: Scope) -> str | None:
    """The first day with visits."""
    return session.scalar(select(func.min(DailyVisits.day)).where(DailyVisits.scope == scope))


def peak(session: Session, question: Question) -> int | None:
    """The most that were measured at once in the range; None under a filter, without a measurement, or if the greatest
    was later on the last day.
    """
    if question.filters:
        return None
    wanted = select(Peak.people, Peak.at_ms).where(
        Peak.scope == question.scope, Peak.day.between(question.first, question.last)
    )
    peaks = session.execute(wanted).all()
    in_time = [people for people, at_ms in peaks if question.until_ms is None or at_ms < question.until_ms]
    most = max(in_time, default=None)
    return most if most == max((people for people, _ in peaks), default=None) else None


def totals(session: Session, scope: Scope, today: str) -> tuple[int, int, int]:
    """The newest number, the visits of the day, and the unique visitors of a scope."""
    counter = session.execute(select(Counter.total, Counter.unique_visitors).where(Counter.scope == scope)).first()
    visits = session.scalar(select(DailyVisits.visits).where(DailyVisits.scope == scope, DailyVisits.day == today))
    total, unique_visitors = counter or (0, 0)
    return total, visits or 0, unique_visitors


def community_names(session: Session, ids: list[str]) -> dict[str, str]:
    """By id. Deleted communities have none."""
    wanted = select(Community.id, Community.name).where(Community.id.in_(ids))
    return {row.id: row.name for row in session.execute(wanted)}


def version(session: Session, question: Question) -> str:
    """Changes with every visit and event, with the peak, and when closed days change."""
    counter = session.execute(select(Counter.epoch, Counter.revision).where(Counter.scope == question.scope)).first()
    event, most = session.scalar(select(func.max(Event.id))), peak(session, question)
    return ".".join(map(str, (*(counter or ()), event, most, state_queries.read(session).changes)))
