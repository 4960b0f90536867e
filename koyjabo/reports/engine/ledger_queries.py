"""Reads peaks, community names and versions for reports."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from koyjabo.models import Community, Counter, DailyVisits, Event, Scope
from koyjabo.reports.log import state_queries
from koyjabo.reports.query.report_query import Question

AT_ONCE = 500
"""Maximum number of keys in one statement."""

# Each live update runs both. As SQL text, they take a fifth of the time that they would take as SQLAlchemy statements.
PEAKS = text("""
SELECT max(people), max(CASE WHEN at_ms < coalesce(CAST(:until_ms AS BIGINT), at_ms + 1) THEN people END) FROM peaks
WHERE scope = :scope AND day BETWEEN :first AND :last
""")
TOTALS = text("""
SELECT c.total, coalesce(d.visits, 0), c.unique_visitors
FROM counters c LEFT JOIN daily_visits d ON d.scope = c.scope AND d.day = :today WHERE c.scope = :scope
""")


def batched(keys: Collection[str], most: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while some := list(islice(rest, most)):
        yield some


def first_day(session: Session, scope: Scope) -> str | None:
    """Return the first day with visits."""
    return session.scalar(select(func.min(DailyVisits.day)).where(DailyVisits.scope == scope))


def peak(session: Session, question: Question) -> int | None:
    """Return the highest number of active visitors in the range.

    Returns None if there is a filter, if nothing was measured, or if the maximum was reached after `until_ms` on the
    last day.
    """
    if question.filters:
        return None
    days = {"scope": question.scope, "first": question.first, "last": question.last}
    most, most_in_time = session.execute(PEAKS, {**days, "until_ms": question.until_ms}).one()
    return most_in_time if most_in_time == most else None


def totals(session: Session, scope: Scope, today: str) -> tuple[int, int, int]:
    """Return a scope's latest visit number, its visits today, and its unique visitors."""
    row = session.execute(TOTALS, {"scope": scope, "today": today}).first()
    return tuple(row) if row else (0, 0, 0)


def community_names(session: Session, keys: Collection[str], is_public: bool = False) -> dict[str, str]:
    """Return names by id and by external id. Deleted communities have none; with `is_public`, neither do
    unlisted ones.
    """
    names: dict[str, str] = {}
    for some in batched(keys, AT_ONCE):
        query = select(Community.id, Community.ref, Community.name).where(
            or_(Community.id.in_(some), Community.ref.in_(some))
        )
        if is_public:
            query = query.where(Community.is_listed, Community.archived_ms.is_(None))
        for row in session.execute(query):
            names.update({key: row.name for key in (row.id, row.ref) if key})
    return names


def listed(session: Session) -> frozenset[str]:
    """Return the ids of all communities that anyone may see."""
    return frozenset(session.scalars(select(Community.id).where(Community.is_listed, Community.archived_ms.is_(None))))


def version(session: Session, question: Question) -> str:
    """Return a text that changes with visits, events, attended times and the peak, and when past days change."""
    counter = session.execute(select(Counter.epoch, Counter.revision).where(Counter.scope == question.scope)).first()
    event, most = session.scalar(select(func.max(Event.id))), peak(session, question)
    state = state_queries.read(session)
    return ".".join(map(str, (*(counter or ()), event, most, state.changes, state.attendance)))
