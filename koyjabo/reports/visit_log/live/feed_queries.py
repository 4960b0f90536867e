"""Queries for everything newer than a feed's last visit: visits, and the pages they opened."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session

from koyjabo.base.core.identity import DELETED
from koyjabo.base.models import SITE, Community, User, Visit
from koyjabo.counting.evidence import queries as attendance_queries
from koyjabo.counting.evidence.spans import AttendedTime

LiveRow = Row[*tuple[Any, ...]]
"""A row of SHOWN or MEASURED."""

Opened = tuple[str, str | None, int]
"""(visitor_id, page, time in ms)"""

Measured = tuple[LiveRow, AttendedTime | None]
"""A row of MEASURED and its attended time as stored; None for a late visit. Feeds do not send its visitor's ids."""

SHOWN = (
    Visit.id,
    Visit.ordinal,
    Visit.at_ms,
    Visit.place,
    Visit.page,
    Visit.is_bot,
    Visit.user_agent,
    func.nullif(Visit.scope, SITE).label("community_id"),
    Community.name.label("community"),  # None if deleted
    Community.name_bn.label("community_bn"),
    func.nullif(Visit.user_id, DELETED).label("user_id"),
    User.name.label("user"),
)
"""The columns of a visit in the feed: nothing that could be used to follow its visitor."""

NAMED_PAGE = func.coalesce(func.replace(Visit.page, Community.id, Community.name), Visit.page)
"""The page, with the community's name in place of its id."""

# Statements are built once, because feeds execute them for each visit.
VISITS_AFTER = (
    select(*SHOWN)
    .outerjoin(Community, Community.id == Visit.scope)
    .outerjoin(User, User.id == Visit.user_id)
    .where(Visit.id > bindparam("after"))
    .order_by(Visit.id.desc())
    .limit(bindparam("most"))
)
MEASURED = (
    select(
        Visit.id,
        Visit.visitor_id,
        Visit.visit_id,
        Visit.at_ms,
        Visit.attended_ms,
        Visit.acted,
        Visit.automated,
        Visit.is_bot,
    )
    .where(Visit.id.in_(bindparam("ids", expanding=True)))
    .order_by(Visit.id.desc())
)
OPENED_AFTER = (
    select(Visit.visitor_id, NAMED_PAGE, Visit.at_ms)
    .outerjoin(Community, Community.id == Visit.scope)
    .where(Visit.id > bindparam("after"), Visit.at_ms >= bindparam("since_ms"))
    .where(~Visit.visitor_id.startswith(DELETED))  # not erased in the meantime
    .order_by(Visit.id.desc())
    .limit(bindparam("most"))
)


def newest(session: Session, after: int, most: int) -> Sequence[LiveRow]:
    """Up to `most` of the latest visits with an id greater than `after`, newest first, as rows of SHOWN."""
    return session.execute(VISITS_AFTER, {"after": after, "most": most}).all()


def measured(session: Session, ids: Collection[int]) -> list[Measured]:
    """The attended times of these visits, newest first."""
    visits: Sequence[LiveRow] = session.execute(MEASURED, {"ids": ids}).all()
    rows = attendance_queries.named(session, {(visit.visitor_id, visit.visit_id) for visit in visits})
    times = {row.id: attendance_queries.attended_time(row) for row in rows}
    return [(visit, times.get(visit.id)) for visit in visits]


def measured_newest(session: Session, count: int) -> list[Measured]:
    """The attended times of the `count` newest visits, newest first."""
    return measured(session, session.scalars(select(Visit.id).order_by(Visit.id.desc()).limit(count)).all())


def pages(session: Session, after: int, since_ms: int, most: int) -> list[Opened]:
    """The last `most` pages opened since `since_ms` by visits with an id greater than `after`, oldest first."""
    values = {"after": after, "since_ms": since_ms, "most": most}
    return [(visitor_id, page, at_ms) for visitor_id, page, at_ms in session.execute(OPENED_AFTER, values)][::-1]


def names(session: Session, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """The names of communities by id: in English, and in Bangla or "". Unknown ids are left out."""
    rows = session.execute(select(Community.id, Community.name, Community.name_bn).where(Community.id.in_(ids)))
    return {row.id: (row.name, row.name_bn) for row in rows}
