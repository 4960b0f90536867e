"""Users as admins of the site see them: looked up, and counted what they have."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from koyjabo.database.paging import Page, length
from koyjabo.database.text_search import has, typed
from koyjabo.models import Community, LoginSession, Membership, User


class UserLine(NamedTuple):
    id: str
    email: str
    name: str
    is_admin: bool  # of the site
    created_ms: int
    disabled_ms: int | None
    communities: int
    sessions: int  # that live


class Belonging(NamedTuple):
    """A community that somebody is a member of."""

    community_id: str
    name: str
    role: str
    joined_ms: int
    archived_ms: int | None


USER = (User.id, User.email, User.name, User.is_admin, User.created_ms, User.disabled_ms)
BELONGING = (Community.id, Community.name, Membership.role, Membership.joined_ms, Community.archived_ms)


def page(session: Session, query: str, start: int, count: int, now_ms: int) -> Page[UserLine]:
    """Those with `query` in their email or name, the newest first."""
    wanted = select(*USER)
    if part := typed(query):
        wanted = wanted.where(or_(has(User.email_key, part), has(User.name, part)))
    rows = wanted.order_by(User.created_ms.desc(), User.id).offset(start).limit(count)
    total = length(session, wanted)
    return Page(tuple(_lines(session, rows, now_ms)), total)


def line(session: Session, user_id: str, now_ms: int) -> UserLine | None:
    found = _lines(session, select(*USER).where(User.id == user_id), now_ms)
    return found[0] if found else None


def communities_of(session: Session, user_id: str, start: int, count: int) -> Page[Belonging]:
    """By name, archived ones among them."""
    wanted = select(*BELONGING).join(Membership, Membership.community_id == Community.id)
    wanted = wanted.where(Membership.user_id == user_id)
    rows = session.execute(wanted.order_by(func.lower(Community.name), Community.id).offset(start).limit(count))
    total = length(session, wanted)
    return Page(tuple(Belonging._make(row) for row in rows), total)


def lock_admins(session: Session) -> set[str]:
    """The admins of the site who can log in; nobody makes them fewer before the commit."""
    able = select(User.id).where(User.is_admin, User.disabled_ms.is_(None)).order_by(User.id)
    return set(session.scalars(able.with_for_update()))


def _lines(session: Session, wanted: Select, now_ms: int) -> list[UserLine]:
    rows = session.execute(wanted).all()
    ids = [row.id for row in rows]
    alive = (LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms)
    communities = _counts(session, Membership.user_id, ids)
    sessions = _counts(session, LoginSession.user_id, ids, *alive)
    counts = [(communities.get(user_id, 0), sessions.get(user_id, 0)) for user_id in ids]
    return [UserLine._make((*row, *counted)) for row, counted in zip(rows, counts, strict=True)]


def _counts(session: Session, whose: Any, ids: list[str], *which: Any) -> dict[str, int]:
    counted = select(whose, func.count()).where(whose.in_(ids), *which).group_by(whose)
    return {user_id: count for user_id, count in session.execute(counted)}  # noqa: C416  (rows are not pairs to mypy)
