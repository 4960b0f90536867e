"""Stores when checks of Health were amber or red. Operations of the database executor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, or_, select, text, update
from sqlalchemy.orm import Session

from koyjabo.models import HealthSpan

DAY_MS = 86_400_000
MOST_SPANS = 500
"""A check that flaps all day leaves no more rows."""

BEGIN = text("""
INSERT INTO health_spans (name, begun_ms, level, cause) VALUES (:name, :at_ms, :level, :cause) ON CONFLICT DO NOTHING
""")


class LevelChange(NamedTuple):
    """A check has another level from `at_ms` on, or its cause is known."""

    name: str
    at_ms: int
    level: str  # "" if it is neither amber nor red any more
    cause: str


class Span(NamedTuple):
    name: str
    begun_ms: int
    level: str
    cause: str
    ended_ms: int | None = None  # None while it goes on


COLUMNS = [getattr(HealthSpan, name) for name in Span._fields]


def store(session: Session, changes: Sequence[LevelChange], now_ms: int) -> None:
    """Idempotent, so that two workers may have noticed the same."""
    for change in changes:
        _store(session, change)
    _forget(session, now_ms)


def _store(session: Session, change: LevelChange) -> None:
    is_open = HealthSpan.name == change.name, HealthSpan.ended_ms.is_(None)
    levels = session.scalars(select(HealthSpan.level).where(*is_open)).all()
    if change.level and change.level in levels:
        if change.cause:
            session.execute(update(HealthSpan).where(*is_open).values(cause=change.cause))
        return
    session.execute(update(HealthSpan).where(*is_open).values(ended_ms=change.at_ms))
    if change.level:
        session.execute(BEGIN, change._asdict())


def _forget(session: Session, now_ms: int) -> None:
    newest = select(HealthSpan.begun_ms).order_by(HealthSpan.begun_ms.desc()).offset(MOST_SPANS).limit(1)
    upto_ms = session.scalar(newest)
    too_many = HealthSpan.begun_ms <= (-1 if upto_ms is None else upto_ms)
    session.execute(delete(HealthSpan).where(or_(HealthSpan.ended_ms < now_ms - DAY_MS, too_many)))


def spans(session: Session, since_ms: int) -> list[Span]:
    """Those that had not ended before, the newest first; at most MOST_SPANS."""
    of_late = or_(HealthSpan.ended_ms.is_(None), HealthSpan.ended_ms >= since_ms)
    rows = select(*COLUMNS).where(of_late).order_by(HealthSpan.begun_ms.desc()).limit(MOST_SPANS)
    return [Span._make(row) for row in session.execute(rows)]
