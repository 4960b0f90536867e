"""Erase a visitor, and leave every sum as it was: their visits are folded, and where a row has to stay it gets a name
that nobody can have and that is nowhere else.
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

NOBODY = "~"

# Tables are by scope: each scope there ever was is asked, one look at an index each.
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
RENAME_PERSON = text("UPDATE people SET person = :nobody WHERE scope = :scope AND person = :person")
RENAME_CONVERSION = text(
    "UPDATE conversions SET visitor_id = :nobody WHERE scope = :scope AND visitor_id = :visitor_id"
)


class Piece(NamedTuple):
    """Visits that were folded, where they were counted, the name of the last one, and whether there may be more."""

    visits: int
    scopes: frozenset[Scope]
    reached: str
    has_more: bool


def scopes_of(session: Session, visitor_id: str) -> frozenset[Scope]:
    """Where this visitor has ever been, communities that are gone included."""
    return frozenset(map(Scope, session.scalars(SCOPES, {"visitor_id": visitor_id})))


def count_visits(session: Session, visitor_id: str) -> int:
    return session.scalar(select(func.count()).where(Visit.visitor_id == visitor_id)) or 0


def fold_visits(session: Session, visitor_id: str, after: str, size: int) -> Piece:
    """Fold the next `size` of their visits, by visit_id: rows that are gone are not passed again."""
    fold_queries.lock(session)
    theirs = select(Visit.id, Visit.scope, Visit.visit_id).where(Visit.visitor_id == visitor_id, Visit.visit_id > after)
    found = session.execute(theirs.order_by(Visit.visit_id).limit(size)).all()
    fold_queries.fold_these(session, [row.id for row in found])
    scopes = frozenset(Scope(row.scope) for row in found)
    return Piece(len(found), scopes, found[-1].visit_id if found else after, len(found) == size)


def erase(session: Session, visitor_id: str, scopes: frozenset[Scope], size: int) -> Piece:
    """Fold the last `size` visits and take the visitor out of `scopes` and those of these visits. When there may be
    more visits, the visitor is still there.
    """
    fold_queries.lock(session)
    _lock_counters(session, {SITE})  # nobody registers a visit
    piece = fold_visits(session, visitor_id, "", size)
    if not piece.has_more:
        everywhere = scopes | piece.scopes
        _lock_counters(session, everywhere - {SITE})  # and nobody turns out to be somebody
        for scope in sorted(everywhere):
            _erase_in(session, scope, visitor_id)
    return piece


def _erase_in(session: Session, scope: Scope, visitor_id: str) -> None:
    about = {"scope": scope, "visitor_id": visitor_id}
    if changed_rows(session, REMOVE_VISITOR, about):
        session.execute(COUNT_FORGOTTEN, {"scope": scope})
    names = {"scope": scope, "person": visitor(visitor_id), "nobody": visitor(_nobody())}
    session.execute(RENAME_PERSON, names)
    session.execute(RENAME_CONVERSION, {**about, "nobody": _nobody()})


def _lock_counters(session: Session, scopes: Iterable[Scope]) -> None:
    """In the ledger's order."""
    rows = select(Counter.scope).where(Counter.scope.in_(scopes)).order_by(Counter.scope)
    session.execute(rows.with_for_update()).all()


def _nobody() -> str:
    """No visitorId begins like this (specification: Register a visit)."""
    return f"{NOBODY}{secrets.token_urlsafe(9)}"
