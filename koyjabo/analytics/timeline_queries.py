"""How often a scope was visited, by hour and by day, out of the rollups."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.models import DailyVisits, HourlyVisits, Scope


class Visited(NamedTuple):
    visits: int = 0
    new_visitors: int = 0


def by_hour(session: Session, scope: Scope, first_s: int, last_s: int) -> dict[int, Visited]:
    """By the second at which a local hour began, UTC, from the first to the last; without hours of no visit."""
    wanted = select(HourlyVisits.hour_s, HourlyVisits.visits, HourlyVisits.new_visitors).where(
        HourlyVisits.scope == scope, HourlyVisits.hour_s.between(first_s, last_s)
    )
    return {hour_s: Visited(*rest) for hour_s, *rest in session.execute(wanted)}


def by_day(session: Session, scope: Scope, first: str, last: str) -> dict[str, Visited]:
    """The same by local day, in the order of time."""
    wanted = (
        select(DailyVisits.day, DailyVisits.visits, DailyVisits.new_visitors)
        .where(DailyVisits.scope == scope, DailyVisits.day.between(first, last))
        .order_by(DailyVisits.day)
    )
    return {day: Visited(*rest) for day, *rest in session.execute(wanted)}
