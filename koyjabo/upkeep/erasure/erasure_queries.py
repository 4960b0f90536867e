"""Erases visitors: all their rows get a random name that no visitor can have. Afterwards, no row leads to the visitor,
and all sums are unchanged.

A visitor with very many visits has two names until the last visit is renamed. Until then, both names are listed as
visitors with the same first visit. To count them once, `forgotten_visitors` is lowered by one for each second name.
"""

import secrets
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.orm import Session

from koyjabo.base.core.identity import DELETED_ID
from koyjabo.base.core.urls import origin_of
from koyjabo.base.database.upkeep_rules import all_rules
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network import campaigns, user_agents
from koyjabo.columns.columns import Columns, RowChange
from koyjabo.counting.daily_people import visitor
from koyjabo.counting.evidence import queries as attendance_queries
from koyjabo.counting.models import CLEARED_COLUMNS, MONTHLY_PREFIX, Visit
from koyjabo.upkeep.old_row_queries import COUNT_FORGOTTEN, lock, lock_counters

ERASED_PREFIX = "~"
"""The first character of names that no visitor can have (specification: Register a visit)."""

SELECT_FIRST_VISIT = text("SELECT first_visit FROM visitors WHERE scope = 'site' AND visitor_id = :visitor_id")
LIST_NAME = text("""
INSERT INTO visitors (scope, visitor_id, first_visit, user_id)
SELECT scope, :name, first_visit, CASE WHEN user_id IS NOT NULL THEN :name END FROM visitors
WHERE scope IN :scopes AND visitor_id = :visitor_id ON CONFLICT DO NOTHING RETURNING scope
""").bindparams(bindparam("scopes", expanding=True))
REMOVE_VISITOR = text("DELETE FROM visitors WHERE scope IN :scopes AND visitor_id = :visitor_id RETURNING scope")
REMOVE_VISITOR = REMOVE_VISITOR.bindparams(bindparam("scopes", expanding=True))
REMOVE_ZEROS = text("DELETE FROM forgotten_visitors WHERE visitors = 0")

COLUMN_REDUCERS: dict[str, Callable[[str | None], str | None]] = {
    "referrer": origin_of,
    "campaign": campaigns.of_forgotten,
    "user_agent": lambda sent: user_agents.reduced(sent or "") or None,
    "user_id": lambda user_id: DELETED_ID if user_id else None,
}
"""Functions that reduce columns that are neither kept nor cleared (`counting.models`)."""

REPLACED_COLUMNS = ("visitor_id", "visit_id", *COLUMN_REDUCERS)
VISIT_CHANGES = ", ".join(
    [*(f"{name} = :{name}" for name in REPLACED_COLUMNS), *(f"{name} = NULL" for name in CLEARED_COLUMNS)]
)
RENAME_VISIT = text(f"UPDATE visits SET {VISIT_CHANGES} WHERE id = :id")
# The index on `visitors` begins with the scope, so this takes one look-up per scope that ever had visits.
SELECT_SCOPES_OF_VISITOR = text("""
WITH RECURSIVE s(scope) AS (
    SELECT min(scope) FROM daily_visits
    UNION ALL SELECT (SELECT min(d.scope) FROM daily_visits d WHERE d.scope > s.scope) FROM s WHERE s.scope IS NOT NULL
)
SELECT w.scope FROM s JOIN visitors w ON w.scope = s.scope AND w.visitor_id = :visitor_id
""")
RENAME_PERSON = text("UPDATE people SET person = :new_name WHERE scope = :scope AND person = :person")
RENAME_CONVERSION = text(
    "UPDATE conversions SET visitor_id = :new_name WHERE scope = :scope AND visitor_id = :visitor_id"
)


class Renamed(NamedTuple):
    """The number of renamed visits, their scopes, and whether there may be more rows."""

    visits: int
    scopes: frozenset[Scope]
    has_more: bool
    name: str


def scopes_of(session: Session, visitor_id: str) -> frozenset[Scope]:
    """The scopes that the visitor has ever visited, including deleted communities."""
    return frozenset(map(Scope, session.scalars(SELECT_SCOPES_OF_VISITOR, {"visitor_id": visitor_id})))


def count_visits(session: Session, visitor_id: str) -> int:
    return session.scalar(select(func.count()).where(Visit.visitor_id == visitor_id)) or 0


def rename_visits(session: Session, columns: Columns, visitor_id: str, size: int) -> Renamed:
    """Rename the next `size` visits of the visitor."""
    lock(session)
    return rename(session, columns.change(session, attended=True), visitor_id, size)


def erase(session: Session, columns: Columns, visitor_id: str, scopes: frozenset[Scope], size: int) -> Renamed:
    """Rename up to `size` remaining visits. If none are left, erase the visitor from `scopes` and from the scopes of
    these visits.
    """
    lock(session)
    lock_counters(session, {SITE})  # so that no visit can be registered
    change = columns.change(session, events=True, attended=True)
    piece = rename(session, change, visitor_id, size)
    if not piece.has_more:
        everywhere = scopes | piece.scopes | {SITE}
        lock_counters(session, everywhere - {SITE})  # so that no visitor can be identified as a user
        list_name(session, visitor_id, piece.name, everywhere)
        remove_visitor(session, visitor_id, everywhere)
        for scope in sorted(everywhere):
            new_name = visitor(piece.name)
            session.execute(RENAME_PERSON, {"scope": scope, "person": visitor(visitor_id), "new_name": new_name})
            renamed = {"scope": scope, "visitor_id": visitor_id, "new_name": piece.name}
            session.execute(RENAME_CONVERSION, renamed)
        for rules in all_rules():
            rules.erase_visitor(session, visitor_id)
    return piece


def rename(session: Session, change: RowChange, visitor_id: str, size: int) -> Renamed:
    """Rename up to `size` visits of a visitor, including the first one, and as many events. The caller has locked
    attended times.
    """
    rows, name = _next(session, visitor_id, size)
    scopes = frozenset(Scope(row.scope) for row in rows)
    list_name(session, visitor_id, name, scopes | {SITE})
    if rows:
        attended = attendance_queries.remove(session, [row.id for row in rows])
        renamed = [
            {"id": row.id, "visitor_id": name, "visit_id": f"{ERASED_PREFIX}{row.id}"}
            | {column: reduced(getattr(row, column)) for column, reduced in COLUMN_REDUCERS.items()}
            for row in rows
        ]
        session.execute(RENAME_VISIT, renamed)
        changed = change.read_differently(rows, ({**CLEARED_COLUMNS, **new} for new in renamed))
        change.visits({*attended, *changed})
    events = change.rename_events(visitor_id, name, size)
    return Renamed(len(rows), scopes, len(rows) >= size or events >= size, name)


def rename_events(session: Session, columns: Columns, visitor_id: str, size: int) -> bool:
    """Rename up to `size` events of a visitor who has no visit. Returns whether there may be more."""
    lock(session)
    return columns.change(session).rename_events(visitor_id, random_name(), size) >= size


def random_name() -> str:
    return f"{ERASED_PREFIX}{secrets.token_urlsafe(12)}"


def list_name(session: Session, visitor_id: str, name: str, scopes: Iterable[Scope]) -> None:
    """List the new name as a visitor, next to the old one, in scopes that do not list it yet."""
    values = {"visitor_id": visitor_id, "name": name, "scopes": sorted(scopes)}
    _count_forgotten(session, session.scalars(LIST_NAME, values), -1)


def remove_visitor(session: Session, visitor_id: str, scopes: Iterable[Scope]) -> None:
    """Remove the old name, once all visits are renamed."""
    values = {"visitor_id": visitor_id, "scopes": sorted(scopes)}
    _count_forgotten(session, session.scalars(REMOVE_VISITOR, values), 1)
    session.execute(REMOVE_ZEROS)


def _next(session: Session, visitor_id: str, size: int) -> tuple[list[Any], str]:
    """The visits to rename, and their new name: the name of the first visit if it is already renamed, otherwise a
    random one. If the first visit is reduced, the name is derived from its id, because all batches have to use the same
    name.
    """
    first_id = session.scalar(SELECT_FIRST_VISIT, {"visitor_id": visitor_id})
    first = session.execute(select(Visit.__table__).where(Visit.id == first_id)).one_or_none()
    theirs = select(Visit.__table__).where(Visit.visitor_id == visitor_id).order_by(Visit.visit_id).limit(size)
    rows = list(session.execute(theirs))
    if first is None or first.visitor_id.startswith(MONTHLY_PREFIX):
        return rows, f"{ERASED_PREFIX}{first_id}" if first_id else random_name()
    if first.visitor_id == visitor_id:
        return [first, *(row for row in rows if row.id != first.id)][:size], random_name()
    return rows, first.visitor_id


def _count_forgotten(session: Session, scopes: Iterable[str], by: int) -> None:
    for scope in sorted(scopes):
        session.execute(COUNT_FORGOTTEN, {"scope": scope, "by": by})
