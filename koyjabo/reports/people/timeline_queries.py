"""Queries for the numbers of visits of a scope, by hour and by day, from the rollups."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.models import DailyVisits, HourlyVisits, Scope


class Visited(NamedTuple):
    visits: int = 0
    new_visitors: int = 0


def by_hour(session: Session, scope: Scope, first_s: int, last_s: int) -> dict[int, Visited]:
    """By the beginning of each local hour (seconds since 1970, UTC), from `first_s` to `last_s`, both included. Hours
    without visits are left out.
    """
    wanted = select(HourlyVisits.hour_s, HourlyVisits.visits, HourlyVisits.new_visitors).where(
        HourlyVisits.scope == scope, HourlyVisits.hour_s.between(first_s, last_s)
    )
    return {hour_s: Visited(*rest) for hour_s, *rest in session.execute(wanted)}


def by_day(session: Session, scope: Scope, first: str, last: str) -> dict[str, Visited]:
    """By local day (YYYY-MM-DD), from `first` to `last`, both included, in order. Days without visits are left out."""
    wanted = (
        select(DailyVisits.day, DailyVisits.visits, DailyVisits.new_visitors)
        .where(DailyVisits.scope == scope, DailyVisits.day.between(first, last))
        .order_by(DailyVisits.day)
    )
    return {day: Visited(*rest) for day, *rest in session.execute(wanted)}
