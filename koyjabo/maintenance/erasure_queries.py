"""Queries to erase a visitor without a change of any sum: all rows get a random name that no visitor can have."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from koyjabo.counting.daily_people import visitor
from koyjabo.insights.events import event_queries
from koyjabo.insights.projection import folding_queries
from koyjabo.maintenance.renaming_queries import Renamed, list_name, remove_visitor, rename
from koyjabo.models import SITE, Counter, Scope, Visit

# Visitors are indexed by scope first: one index lookup for each scope that ever had visits.
SCOPES = text("""
WITH RECURSIVE s(scope) AS (
    SELECT min(scope) FROM daily_visits
    UNION ALL SELECT (SELECT min(d.scope) FROM daily_visits d WHERE d.scope > s.scope) FROM s WHERE s.scope IS NOT NULL
)
SELECT w.scope FROM s JOIN visitors w ON w.scope = s.scope AND w.visitor_id = :visitor_id
""")
RENAME_PERSON = text("UPDATE people SET person = :new_name WHERE scope = :scope AND person = :person")
LEAVE_LOGINS = text("UPDATE pending_steps SET visitor_id = NULL WHERE visitor_id = :visitor_id")
RENAME_CONVERSION = text(
    "UPDATE conversions SET visitor_id = :new_name WHERE scope = :scope AND visitor_id = :visitor_id"
)


def scopes_of(session: Session, visitor_id: str) -> frozenset[Scope]:
    """The scopes that the visitor has ever visited, including deleted communities."""
    return frozenset(map(Scope, session.scalars(SCOPES, {"visitor_id": visitor_id})))


def count_visits(session: Session, visitor_id: str) -> int:
    return session.scalar(select(func.count()).where(Visit.visitor_id == visitor_id)) or 0


def rename_visits(session: Session, visitor_id: str, size: int) -> Renamed:
    """Rename the next `size` visits of the visitor."""
    folding_queries.lock(session)
    return rename(session, visitor_id, size)


def erase(session: Session, visitor_id: str, scopes: frozenset[Scope], size: int) -> Renamed:
    """Rename up to `size` remaining visits, and erase the visitor from `scopes` and those of these visits. If there may
    be more visits, the visitor is not erased yet.
    """
    folding_queries.lock(session)
    _lock_counters(session, {SITE})  # no visit can be registered,
    event_queries.lock(session)  # nor an event recorded
    piece = rename(session, visitor_id, size)
    if not piece.has_more:
        everywhere = scopes | piece.scopes | {SITE}
        _lock_counters(session, everywhere - {SITE})  # and no visitor identified as a user
        list_name(session, visitor_id, piece.name, everywhere)
        remove_visitor(session, visitor_id, everywhere)
        for scope in sorted(everywhere):
            _rename_in(session, scope, visitor_id, piece.name)
        session.execute(LEAVE_LOGINS, {"visitor_id": visitor_id})
    return piece


def _rename_in(session: Session, scope: Scope, visitor_id: str, name: str) -> None:
    session.execute(RENAME_PERSON, {"scope": scope, "person": visitor(visitor_id), "new_name": visitor(name)})
    session.execute(RENAME_CONVERSION, {"scope": scope, "visitor_id": visitor_id, "new_name": name})


def _lock_counters(session: Session, scopes: Iterable[Scope]) -> None:
    """Lock in the ledger's order, which avoids deadlocks."""
    rows = select(Counter.scope).where(Counter.scope.in_(scopes)).order_by(Counter.scope)
    session.execute(rows.with_for_update()).all()
