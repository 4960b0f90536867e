"""Queries to erase a visitor without a change of any sum: visits are folded, and rows that must stay are renamed to a
random name that no visitor can have.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from koyjabo.counting.daily_people import visitor
from koyjabo.database.row_count import changed_rows
from koyjabo.maintenance import fold_queries
from koyjabo.models import SITE, Counter, Scope, Visit

ERASED = "~"

# Visitors are indexed by scope first: one index lookup for each scope that ever had visits.
SCOPES = text("""
WITH RECURSIVE s(scope) AS (
    SELECT min(scope) FROM daily_visits
    UNION ALL SELECT (SELECT min(d.scope) FROM daily_visits d WHERE d.scope > s.scope) FROM s WHERE s.scope IS NOT NULL
)
SELECT w.scope FROM s JOIN visitors w ON w.scope = s.scope AND w.visitor_id = :visitor_id
""")
REMOVE_VISITOR = text("DELETE FROM visitors WHERE scope = :scope AND visitor_id = :visitor_id")
COUNT_FORGOTTEN = text("""
INSERT INTO forgotten_visitors (scope, visitors) VALUES (:scope, 1)
ON CONFLICT (scope) DO UPDATE SET visitors = forgotten_visitors.visitors + 1
""")
RENAME_PERSON = text("UPDATE people SET person = :new_name WHERE scope = :scope AND person = :person")
LEAVE_LOGINS = text("UPDATE pending_steps SET visitor_id = NULL WHERE visitor_id = :visitor_id")
RENAME_CONVERSION = text(
    "UPDATE conversions SET visitor_id = :new_name WHERE scope = :scope AND visitor_id = :visitor_id"
)


class Piece(NamedTuple):
    """The number of visits folded, their scopes, the visit_id of the last one, and whether there may be more."""

    visits: int
    scopes: frozenset[Scope]
    reached: str
    has_more: bool


def scopes_of(session: Session, visitor_id: str) -> frozenset[Scope]:
    """The scopes that the visitor has ever visited, including deleted communities."""
    return frozenset(map(Scope, session.scalars(SCOPES, {"visitor_id": visitor_id})))


def count_visits(session: Session, visitor_id: str) -> int:
    return session.scalar(select(func.count()).where(Visit.visitor_id == visitor_id)) or 0


def fold_visits(session: Session, visitor_id: str, after: str, size: int) -> Piece:
    """Fold the next `size` visits of the visitor with a visit_id over `after`."""
    fold_queries.lock(session)
    theirs = select(Visit.id, Visit.scope, Visit.visit_id).where(Visit.visitor_id == visitor_id, Visit.visit_id > after)
    found = session.execute(theirs.order_by(Visit.visit_id).limit(size)).all()
    fold_queries.fold_these(session, [row.id for row in found])
    scopes = frozenset(Scope(row.scope) for row in found)
    return Piece(len(found), scopes, found[-1].visit_id if found else after, len(found) == size)


def erase(session: Session, visitor_id: str, scopes: frozenset[Scope], size: int) -> Piece:
    """Fold up to `size` remaining visits, and erase the visitor from `scopes` and those of these visits. If there may
    be more visits, the visitor is not erased yet.
    """
    fold_queries.lock(session)
    _lock_counters(session, {SITE})  # no visit can be registered
    piece = fold_visits(session, visitor_id, "", size)
    if not piece.has_more:
        everywhere = scopes | piece.scopes
        _lock_counters(session, everywhere - {SITE})  # and no visitor identified as a user
        for scope in sorted(everywhere):
            _erase_in(session, scope, visitor_id)
        session.execute(LEAVE_LOGINS, {"visitor_id": visitor_id})
    return piece


def _erase_in(session: Session, scope: Scope, visitor_id: str) -> None:
    key = {"scope": scope, "visitor_id": visitor_id}
    if changed_rows(session, REMOVE_VISITOR, key):
        session.execute(COUNT_FORGOTTEN, {"scope": scope})
    person = {"scope": scope, "person": visitor(visitor_id), "new_name": visitor(_random_name())}
    session.execute(RENAME_PERSON, person)
    session.execute(RENAME_CONVERSION, {**key, "new_name": _random_name()})


def _lock_counters(session: Session, scopes: Iterable[Scope]) -> None:
    """Lock in the ledger's order, which avoids deadlocks."""
    rows = select(Counter.scope).where(Counter.scope.in_(scopes)).order_by(Counter.scope)
    session.execute(rows.with_for_update()).all()


def _random_name() -> str:
    """A name that is not a valid visitorId (specification: Register a visit)."""
    return f"{ERASED}{secrets.token_urlsafe(9)}"
