"""Queries for the external ids of communities, including archived ones."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from koyjabo.communities.queries import CommunityDetails, CommunityQueries
from koyjabo.models import Community

IDS_PER_QUERY = 500
"""Number of ids per query."""


class Named(NamedTuple):
    """A community's id and external id."""

    id: str
    ref: str | None


def find(session: Session, ids: Collection[str], refs: Collection[str]) -> list[Named]:
    """The communities with one of these ids or external ids; at most IDS_PER_QUERY of each."""
    query = select(Community.id, Community.ref).where(or_(Community.id.in_(ids), Community.ref.in_(refs)))
    return [Named._make(row) for row in session.execute(query)]


def id_of(session: Session, ref: str) -> str | None:
    return session.scalar(select(Community.id).where(Community.ref == ref))


def is_id(session: Session, community_id: str) -> bool:
    return session.scalar(select(Community.id).where(Community.id == community_id)) is not None


def add(session: Session, community: CommunityDetails, now_ms: int) -> bool:
    """Insert a community without a founder. Returns False, and inserts nothing, if its external id is already in
    use.
    """
    try:
        with session.begin_nested():
            CommunityQueries(session).add(community, None, now_ms)
    except IntegrityError:
        return False
    return True
