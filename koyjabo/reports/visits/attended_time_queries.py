"""Queries for the stored attended times of the latest visits."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from koyjabo.counting.evidence import queries as attendance_queries
from koyjabo.counting.evidence.spans import AttendedTime
from koyjabo.counting.models import Visit

MeasuredRow = Row[*tuple[Any, ...]]
"""A row of MEASURED."""

Measured = tuple[MeasuredRow, AttendedTime | None]
"""A visit, and its attended time as stored; None for a late visit."""

MEASURED_VISITS = (
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
    .order_by(Visit.id.desc())
    .limit(bindparam("count"))
)


def newest(session: Session, count: int) -> list[Measured]:
    """The attended times of the `count` newest visits, newest first."""
    visits: Sequence[MeasuredRow] = session.execute(MEASURED_VISITS, {"count": count}).all()
    rows = attendance_queries.named(session, {(visit.visitor_id, visit.visit_id) for visit in visits})
    times = {row.id: attendance_queries.attended_time(row) for row in rows}
    return [(visit, times.get(visit.id)) for visit in visits]
