"""Reads peaks, names of communities, and versions for reports."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from koyjabo.models import Community, Counter, DailyVisits, Event, Peak, Scope
from koyjabo.reports.log import state_queries
from koyjabo.reports.query.report_query import Question

AT_ONCE = 500
"""Keys of one statement."""


def batched(keys: Collection[str], most: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while some := list(islice(rest, most)):
        yield some


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


def community_names(session: Session, keys: Collection[str], is_public: bool = False) -> dict[str, str]:
    """By id or ref. Deleted communities have none, and in public those that are not listed."""
    names: dict[str, str] = {}
    for some in batched(keys, AT_ONCE):
        wanted = select(Community.id, Community.ref, Community.name).where(
            or_(Community.id.in_(some), Community.ref.in_(some))
        )
        if is_public:
            wanted = wanted.where(Community.is_listed, Community.archived_ms.is_(None))
        for row in session.execute(wanted):
            names.update({key: row.name for key in (row.id, row.ref) if key})
    return names


def listed(session: Session) -> frozenset[str]:
    """The ids of all communities that everybody may see."""
    return frozenset(session.scalars(select(Community.id).where(Community.is_listed, Community.archived_ms.is_(None))))


def version(session: Session, question: Question) -> str:
    """Changes with every visit and event, with the peak, and when closed days change."""
    counter = session.execute(select(Counter.epoch, Counter.revision).where(Counter.scope == question.scope)).first()
    event, most = session.scalar(select(func.max(Event.id))), peak(session, question)
    return ".".join(map(str, (*(counter or ()), event, most, state_queries.read(session).changes)))
