"""Queries for peaks: the most people online at once, by scope and day."""

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import shifted
from koyjabo.base.models import Scope
from .models import Peak

ByDay = dict[tuple[Scope, str], tuple[int, int]]
"""Peaks by (scope, day): the number of people, and the time, ms."""

WEEK_DAYS, MONTH_DAYS = 7, 30

KEEP_PEAK = text(
    "INSERT INTO peaks (scope, day, people, at_ms) VALUES (:scope, :day, :people, :at_ms) "
    "ON CONFLICT (scope, day) DO UPDATE SET people = excluded.people, at_ms = excluded.at_ms "
    "WHERE excluded.people > peaks.people"
)


def store(session: Session, scope: Scope, day: str, people: int, at_ms: int) -> None:
    """Store a peak if it is higher than the day's stored peak. The time is when it was first reached."""
    session.execute(KEEP_PEAK, {"scope": scope, "day": day, "people": people, "at_ms": at_ms})


def store_all(session: Session, by_day: ByDay) -> None:
    """Store several peaks in a fixed order, so that two servers cannot deadlock."""
    for (scope, day), (people, at_ms) in sorted(by_day.items()):
        store(session, scope, day, people, at_ms)


def read(session: Session, scope: Scope, today: str) -> tuple[int, int, int]:
    """The peaks of today, of the last 7 days and of the last 30 days, all including today; 0 if none is stored."""

    def greatest(days: int) -> int:
        is_recent = Peak.day.between(shifted(today, 1 - days), today)
        return session.scalar(select(func.max(Peak.people)).where(Peak.scope == scope, is_recent)) or 0

    return greatest(1), greatest(WEEK_DAYS), greatest(MONTH_DAYS)
