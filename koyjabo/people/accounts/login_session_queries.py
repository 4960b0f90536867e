"""Queries for a user's live sessions, as operations of the database executor."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import Slice, length
from koyjabo.base.database.search import usable
from .models import LoginSession
from .queries import revoke

LAST_USED_MS = func.coalesce(LoginSession.renewed_ms, LoginSession.created_ms)


def page(session: Session, user_id: str, now_ms: int, start: int, count: int) -> Slice[LoginSession]:
    """A page of `count` sessions from the offset `start`, most recently used first."""
    query = select(LoginSession).where(*_live(user_id, now_ms))
    rows = session.scalars(query.order_by(LAST_USED_MS.desc(), LoginSession.id).offset(start).limit(count))
    return Slice(tuple(rows), length(session, query))


def find(session: Session, user_id: str, session_id: str, now_ms: int) -> LoginSession | None:
    """A live session of this user."""
    query = select(LoginSession).where(*_live(user_id, now_ms), LoginSession.id == usable(session_id))
    return session.scalars(query).one_or_none()


def proved_ms(session: Session, session_id: str) -> int | None:
    """When the user of a session last proved who they are in it."""
    query = select(LoginSession.proved_ms).where(LoginSession.id == session_id, LoginSession.revoked_ms.is_(None))
    return session.scalar(query)


def prove(session: Session, session_id: str, now_ms: int) -> None:
    session.execute(update(LoginSession).where(LoginSession.id == session_id).values(proved_ms=now_ms))


def places(session: Session, user_ids: Collection[str], now_ms: int) -> dict[str, str]:
    """The location of each user's most recently used session, by user id. Users without a known location
    are missing.
    """
    is_live = LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms
    query = select(LoginSession.user_id, LoginSession.place).where(LoginSession.user_id.in_(user_ids), *is_live)
    rows = session.execute(query.where(LoginSession.place.is_not(None)).order_by(LAST_USED_MS, LoginSession.id))
    return {row.user_id: row.place for row in rows}


def end_others(session: Session, user_id: str, kept_session_id: str, now_ms: int) -> int:
    """End all sessions except one. Returns how many ended."""
    which = (*_live(user_id, now_ms), LoginSession.id != kept_session_id)
    count = session.execute(select(func.count()).select_from(LoginSession).where(*which)).scalar_one()
    revoke(session, now_ms, *which)
    return count


def _live(user_id: str, now_ms: int) -> tuple[Any, ...]:
    return LoginSession.user_id == user_id, LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms
