"""The most people who were online at once, by scope and day."""

from __future__ import annotations

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from koyjabo.clock import shifted
from koyjabo.models import Peak, Scope

ByDay = dict[tuple[Scope, str], tuple[int, int]]
"""By scope and day: how many people, and when (ms)."""

WEEK_DAYS, MONTH_DAYS = 7, 30

KEEP = text(
    "INSERT INTO peaks (scope, day, people, at_ms) VALUES (:scope, :day, :people, :at_ms) "
    "ON CONFLICT (scope, day) DO UPDATE SET people = excluded.people, at_ms = excluded.at_ms "
    "WHERE excluded.people > peaks.people"
)


def keep(session: Session, scope: Scope, day: str, people: int, at_ms: int) -> None:
    """Keep the greatest of the day, and when it was reached first."""
    session.execute(KEEP, {"scope": scope, "day": day, "people": people, "at_ms": at_ms})


def keep_all(session: Session, by_day: ByDay) -> None:
    """In one order, lest two servers wait for each other's rows."""
    for (scope, day), (people, at_ms) in sorted(by_day.items()):
        keep(session, scope, day, people, at_ms)


def read(session: Session, scope: Scope, today: str) -> tuple[int, int, int]:
    """The greatest of today, of the last 7 days and of the last 30, each with today; 0 where nothing was kept."""
    day, week, month = (_greatest(session, scope, today, days) for days in (1, WEEK_DAYS, MONTH_DAYS))
    return day, week, month


def _greatest(session: Session, scope: Scope, today: str, days: int) -> int:
    first = shifted(today, 1 - days)
    found = select(func.max(Peak.people)).where(Peak.scope == scope, Peak.day.between(first, today))
    return session.execute(found).scalar() or 0
