"""Queries for everything newer than a feed's last visit: visits, and the pages they opened."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from koyjabo.base.core.identity import DELETED
from koyjabo.base.models import SITE, Community, User, Visit
from koyjabo.base.network import user_agents
from koyjabo.base.network.user_agents import Browser
from koyjabo.counting.evidence import queries as attendance_queries
from koyjabo.counting.evidence.spans import AttendedTime


class LiveVisit(NamedTuple):
    """A visit without anything that could be used to follow its visitor."""

    id: int
    ordinal: int
    at_ms: int
    place: str
    page: str | None
    is_bot: bool
    browser: Browser
    community_id: str | None
    community: str | None  # None if deleted
    user_id: str | None
    user: str | None


class MeasuredVisit(NamedTuple):
    """The stored part of a visit's attended time. Feeds do not send its visitor's ids."""

    id: int
    visitor_id: str
    visit_id: str
    at_ms: int
    attended_ms: int | None
    acted: bool
    automated: bool
    is_bot: bool
    time: AttendedTime | None = None  # None for a late visit


class Opened(NamedTuple):
    visitor_id: str
    page: str | None
    at_ms: int


COLUMNS = (
    *(getattr(Visit, name) for name in LiveVisit._fields[:6]),
    Visit.user_agent,
    Visit.scope,
    Community.name.label("community"),
    Visit.user_id,
    User.name.label("user"),
)

# Statements are built once, because feeds execute them for each visit.
VISITS_AFTER = (
    select(*COLUMNS)
    .outerjoin(Community, Community.id == Visit.scope)
    .outerjoin(User, User.id == Visit.user_id)
    .where(Visit.id > bindparam("after"))
    .order_by(Visit.id.desc())
    .limit(bindparam("most"))
)
MEASURED = (
    select(*(getattr(Visit, name) for name in MeasuredVisit._fields[:-1]))
    .where(Visit.id.in_(bindparam("ids", expanding=True)))
    .order_by(Visit.id.desc())
)
OPENED_AFTER = (
    select(Visit.visitor_id, Visit.page, Visit.at_ms)
    .where(Visit.id > bindparam("after"), Visit.at_ms >= bindparam("since_ms"))
    .where(~Visit.visitor_id.startswith(DELETED))  # not erased in the meantime
    .order_by(Visit.id.desc())
    .limit(bindparam("most"))
)


def newest(session: Session, after: int, most: int) -> list[LiveVisit]:
    """Up to `most` of the latest visits with an id greater than `after`, newest first."""
    return [_visit(row) for row in session.execute(VISITS_AFTER, {"after": after, "most": most})]


def _visit(row: tuple[object, ...]) -> LiveVisit:
    *columns, user_agent, scope, community, user_id, user = row
    community_id, known_id = None if scope == SITE else scope, None if user_id == DELETED else user_id
    return LiveVisit._make((*columns, user_agents.of(str(user_agent or "")), community_id, community, known_id, user))


def measured(session: Session, ids: Collection[int]) -> list[MeasuredVisit]:
    """The attended times of these visits, newest first."""
    visits = [MeasuredVisit(*row) for row in session.execute(MEASURED, {"ids": ids})]
    rows = attendance_queries.named(session, {(visit.visitor_id, visit.visit_id) for visit in visits})
    times = {row.id: attendance_queries.attended_time(row) for row in rows}
    return [visit._replace(time=times.get(visit.id)) for visit in visits]


def measured_newest(session: Session, count: int) -> list[MeasuredVisit]:
    """The attended times of the `count` newest visits, newest first."""
    return measured(session, session.scalars(select(Visit.id).order_by(Visit.id.desc()).limit(count)).all())


def pages(session: Session, after: int, since_ms: int, most: int) -> list[Opened]:
    """The last `most` pages opened since `since_ms` by visits with an id greater than `after`, oldest first."""
    values = {"after": after, "since_ms": since_ms, "most": most}
    return [Opened._make(row) for row in session.execute(OPENED_AFTER, values)][::-1]


def names(session: Session, ids: Collection[str]) -> dict[str, str]:
    """The names of communities by id. Unknown ids are left out."""
    return dict(session.execute(select(Community.id, Community.name).where(Community.id.in_(ids))).all())
