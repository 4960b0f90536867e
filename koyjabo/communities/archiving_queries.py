"""Queries for communities, including archived ones, for site admins.

Visits are only counted for scopes with a row in `counters`. Archiving a community deletes that row, and restoring the
community recreates it from the rollups. Neither changes other counting data.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Select, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import Page, length, ordered_by
from koyjabo.base.database.text_search import has_words, sought
from koyjabo.base.models import Adjustment, Community, Counter, DailyVisits
from koyjabo.communities.queries import COMMUNITY, MEMBERS, CommunityDetails, CommunityQueries

_BY_NAME = (func.lower(Community.name), Community.id)


class Overview(NamedTuple):
    community: CommunityDetails
    members: int
    created_ms: int
    archived_ms: int | None


def overview(session: Session, community_id: str) -> Overview | None:
    matches = _overviews(session, select(*_COLUMNS).where(Community.id == community_id))
    return matches[0] if matches else None


ORDERS: dict[str, Any] = {
    "name": func.lower(Community.name),
    "members": MEMBERS,
    "created": Community.created_ms,
}
"""Columns to order communities by."""


def overviews(session: Session, query: str, start: int, count: int, order: str) -> Page[Overview]:
    """A page of communities. `query` is an id, or words that occur in the name. `order` is one of ORDERS, prefixed with
    "-" for descending.
    """
    communities = select(*_COLUMNS)
    if part := sought(query):
        communities = communities.where(or_(Community.id == part.lower(), and_(*has_words((Community.name,), part))))
    ordered = communities.order_by(ordered_by(ORDERS, order), *_BY_NAME).offset(start).limit(count)
    total = length(session, communities)
    return Page(tuple(_overviews(session, ordered)), total)


def archive(session: Session, community_id: str, now_ms: int) -> None:
    """Delete the counter. Waits if a batch of visits has locked it."""
    session.execute(update(Community).where(Community.id == community_id).values(archived_ms=now_ms))
    session.execute(delete(Counter).where(Counter.scope == community_id))


def restore(session: Session, community_id: str, now_ms: int) -> None:
    """Recreate the counter with its old totals, from the rollups, which contain every visit, and from the adjustments
    for visits that the database has lost.
    """
    session.execute(update(Community).where(Community.id == community_id).values(archived_ms=None))
    sums = select(func.sum(DailyVisits.visits), func.sum(DailyVisits.new_visitors))
    visits, visitors = session.execute(sums.where(DailyVisits.scope == community_id)).one()
    changes = select(func.sum(Adjustment.total_after - Adjustment.total_before))
    adjusted = session.scalar(changes.where(Adjustment.scope == community_id))
    CommunityQueries(session).open_counter(community_id, now_ms, *(int(n or 0) for n in (visits, visitors, adjusted)))


_COLUMNS = (*COMMUNITY, Community.created_ms, Community.archived_ms)


def _overviews(session: Session, query: Select[*tuple[Any, ...]]) -> list[Overview]:
    rows = session.execute(query).all()
    members = CommunityQueries(session).sizes([row.id for row in rows])
    return [Overview(CommunityDetails._make(row[:-2]), members.get(row.id, 0), row[-2], row[-1]) for row in rows]
