"""Reads the data after the last visit of a feed: visits, their minutes, and the pages they opened."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from koyjabo.core.clock import MINUTE_MS
from koyjabo.core.identity import DELETED
from koyjabo.counting.id_range_queries import id_range
from koyjabo.models import SITE, Community, Scope, User, Visit
from koyjabo.network import user_agents
from koyjabo.network.user_agents import Browser
from koyjabo.visit_log.condition_queries import OF_A_COMMUNITY

BEFORE = 0
"""Stands for all minutes before the wanted ones."""


class LiveVisit(NamedTuple):
    """A visit without anything by which its visitor could be followed."""

    id: int
    ordinal: int
    at_ms: int
    place: str
    page: str | None
    is_bot: bool
    browser: Browser
    community_id: str | None
    community: str | None  # None if it was deleted
    user_id: str | None
    user: str | None


class Opened(NamedTuple):
    """The page that a visitor opened."""

    visitor_id: str
    page: str | None
    at_ms: int


class MinuteCount(NamedTuple):
    minute: int  # since 1970
    has_account: bool
    visits: int
    newest: int  # the greatest id


COLUMNS = (
    *(getattr(Visit, name) for name in LiveVisit._fields[:6]),
    Visit.user_agent,
    Visit.scope,
    Community.name.label("community"),
    Visit.user_id,
    User.name.label("user"),
)


def newest(session: Session, after: int, most: int) -> list[LiveVisit]:
    """The newest visits with an id over `after`, at most `most`, the newest first."""
    rows = select(*COLUMNS).where(Visit.id > after).order_by(Visit.id.desc()).limit(most)
    rows = rows.outerjoin(Community, Community.id == Visit.scope).outerjoin(User, User.id == Visit.user_id)
    return [_visit(row) for row in session.execute(rows)]


def _visit(row: tuple[object, ...]) -> LiveVisit:
    *columns, user_agent, scope, community, user_id, user = row
    browser = user_agents.of(str(user_agent or ""))
    community_id = None if scope == SITE else scope
    known_id = None if user_id == DELETED else user_id
    return LiveVisit._make((*columns, browser, community_id, community, known_id, user))


def newest_id(session: Session) -> int:
    """The id of the newest visit; 0 without visits."""
    return session.scalar(select(func.max(Visit.id))) or 0


def pages(session: Session, after: int, since_ms: int, most: int) -> list[Opened]:
    """The pages opened since `since_ms` by visits with an id over `after`, at most the newest `most`, the oldest
    first.
    """
    is_known = ~Visit.visitor_id.startswith(DELETED)  # not forgotten meanwhile
    rows = select(Visit.visitor_id, Visit.page, Visit.at_ms).where(Visit.id > after, Visit.at_ms >= since_ms, is_known)
    found = session.execute(rows.order_by(Visit.id.desc()).limit(most))
    return [Opened._make(row) for row in found][::-1]


def before(session: Session, since_ms: int) -> int:
    """The id up to which no visit is from `since_ms` or later."""
    return id_range(session, since_ms, None)[0]


def minutes(session: Session, scope: Scope, after: int, since_ms: int) -> list[MinuteCount]:
    """The visits of a scope with an id over `after`, by minute and by whether they had an account; those from before
    `since_ms` as the minute BEFORE. The site includes its communities.
    """
    minute = case((Visit.at_ms >= since_ms, Visit.at_ms // MINUTE_MS), else_=BEFORE).label("minute")
    has_account = Visit.user_id.is_not(None).label("has_account")
    counted = select(minute, has_account, func.count(), func.max(Visit.id)).where(Visit.id > after)
    if scope != SITE:
        counted = counted.where(Visit.scope == scope, OF_A_COMMUNITY)
    return [MinuteCount._make(row) for row in session.execute(counted.group_by(minute, has_account))]


def names(session: Session, communities: Collection[str]) -> dict[str, str]:
    """The names of communities by id, without unknown ids."""
    rows = session.execute(select(Community.id, Community.name).where(Community.id.in_(communities)))
    return {row.id: row.name for row in rows}
