"""Queries for a user's live sessions, as operations of the database executor."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import Page
from koyjabo.base.database.text_search import usable
from koyjabo.base.models import LoginSession
from koyjabo.base.network import user_agents
from koyjabo.base.network.user_agents import Browser
from koyjabo.people.accounts.queries import revoke


class SessionLine(NamedTuple):
    """A live session. `user_agent` and `place` are from its login; "" for sessions older than these columns."""

    id: str
    created_ms: int
    renewed_ms: int  # when its tokens were last issued
    user_agent: str
    place: str

    @property
    def browser(self) -> Browser:
        return user_agents.of(self.user_agent)


USED_MS = func.coalesce(LoginSession.renewed_ms, LoginSession.created_ms)
ORIGIN = (func.coalesce(LoginSession.user_agent, ""), func.coalesce(LoginSession.place, ""))
COLUMNS = (LoginSession.id, LoginSession.created_ms, USED_MS, *ORIGIN)


def page(session: Session, user_id: str, now_ms: int, start: int, count: int) -> Page[SessionLine]:
    """A page of `count` sessions from the offset `start`, most recently used first."""
    mine = _live(user_id, now_ms)
    query = select(*COLUMNS).where(*mine).order_by(USED_MS.desc(), LoginSession.id).offset(start).limit(count)
    total = session.execute(select(func.count()).select_from(LoginSession).where(*mine)).scalar_one()
    return Page(tuple(SessionLine._make(row) for row in session.execute(query)), total)


def line(session: Session, user_id: str, session_id: str, now_ms: int) -> SessionLine | None:
    """The session; None if it is not a live session of this user."""
    row = session.execute(select(*COLUMNS).where(*_one(user_id, session_id, now_ms))).one_or_none()
    return SessionLine._make(row) if row is not None else None


def places(session: Session, user_ids: Collection[str], now_ms: int) -> dict[str, str]:
    """The location of each user's most recently used session, by user id. Users without a known location
    are missing.
    """
    is_live = LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms
    query = select(LoginSession.user_id, LoginSession.place).where(LoginSession.user_id.in_(user_ids), *is_live)
    rows = session.execute(query.where(LoginSession.place.is_not(None)).order_by(USED_MS, LoginSession.id))
    return {row.user_id: row.place for row in rows}


def end(session: Session, user_id: str, session_id: str, now_ms: int) -> SessionLine | None:
    """End a session and return it; None if it is not a live session of this user."""
    ended = line(session, user_id, session_id, now_ms)
    return ended if revoke(session, now_ms, *_one(user_id, session_id, now_ms)) else None


def end_others(session: Session, user_id: str, kept_session_id: str, now_ms: int) -> int:
    """End all sessions except one. Returns how many ended."""
    which = (*_live(user_id, now_ms), LoginSession.id != kept_session_id)
    count = session.execute(select(func.count()).select_from(LoginSession).where(*which)).scalar_one()
    revoke(session, now_ms, *which)
    return count


def _one(user_id: str, session_id: str, now_ms: int) -> tuple[Any, ...]:
    return *_live(user_id, now_ms), LoginSession.id == usable(session_id)


def _live(user_id: str, now_ms: int) -> tuple[Any, ...]:
    return LoginSession.user_id == user_id, LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms
