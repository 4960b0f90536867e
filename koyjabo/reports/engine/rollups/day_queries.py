"""Visits by day and hour, from the rollups that each visit's own transaction updates; they have folded visits, too."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.models import DailyVisits, HourlyVisits, Scope

Counts = tuple[int, int]
"""(visits, new visitors)"""


def by_day(session: Session, scope: Scope, first: str, last: str) -> dict[str, Counts]:
    return _read(session, DailyVisits, DailyVisits.day, scope, first, last)


def by_hour(session: Session, scope: Scope, first_s: int, last_s: int) -> dict[int, Counts]:
    """By the beginning of the hour, s; of hours that begin from `first_s` to `last_s`."""
    return _read(session, HourlyVisits, HourlyVisits.hour_s, scope, first_s, last_s)


def _read(session: Session, table: Any, key: Any, scope: Scope, first: Any, last: Any) -> dict[Any, Counts]:
    wanted = select(key, table.visits, table.new_visitors).where(table.scope == scope, key.between(first, last))
    return {key: (visits, new_visitors) for key, visits, new_visitors in session.execute(wanted)}
