"""The numbers of visits of a scope, by hour and by day of TIMEZONE."""

from __future__ import annotations

from typing import NamedTuple

from koyjabo.core.clock import Clock, shifted
from koyjabo.counting import queries
from koyjabo.counting.queries import Visited
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import SITE, Scope

HOURS, DAYS = 24, 30
"""How many hours and days a history has, including the current one."""


class PastPeriod(NamedTuple):
    """An hour, named by its beginning (`2025-10-10T14:00:00+06:00`), or a day (`2025-10-10`)."""

    begins: str
    visited: Visited


class History:
    """Reads a bounded number of rows, from the rollups. Raises LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def last_hours(self, scope: Scope = SITE) -> list[PastPeriod]:
        """The last 24 hours, also those without visits."""
        now_s, today = self._clock.now_ms() // 1000, self._clock.today()
        hours = [hour_s for hour_s in self._clock.hours(shifted(today, -1), today) if hour_s <= now_s][-HOURS:]
        visited = self._database.read(queries.visits_by_hour, scope, hours[0], hours[-1])
        return [PastPeriod(self._clock.local(hour_s), visited.get(hour_s, Visited())) for hour_s in hours]

    def last_days(self, scope: Scope = SITE) -> list[PastPeriod]:
        """The last 30 days, also those without visits."""
        today = self._clock.today()
        days = [shifted(today, -ago) for ago in reversed(range(DAYS))]
        visited = self._database.read(queries.visits_by_day, scope, days[0], days[-1])
        return [PastPeriod(day, visited.get(day, Visited())) for day in days]
