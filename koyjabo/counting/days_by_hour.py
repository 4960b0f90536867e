"""Visits by hour, today and on a typical day with the same weekday."""

import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from koyjabo.base.core.clock import MINUTE_MS, Clock, shifted
from koyjabo.base.core.runtime import without_queueing
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import SITE, Scope
from . import queries
from .pulse import PulseSample

USUAL_WEEKS, MIN_WEEKDAYS = 4, 2
"""The usual day is the mean of the days with visits among the last USUAL_WEEKS days with the same weekday, if there are
at least MIN_WEEKDAYS.
"""


class DayByHour(NamedTuple):
    """Visits by local hour, as 24 numbers."""

    hour: int  # the current hour
    today: Sequence[int]
    usual: Sequence[int]  # empty if unknown
    yesterday: int

    def with_visits(self, visits: int) -> "DayByHour":
        """The day with `visits` visits today. Those that are missing in the sums belong to the current hour."""
        today = list(self.today)
        today[self.hour] += max(0, visits - sum(today))
        return self._replace(today=today)


class DaysByHour:
    """Reads the hourly sums: the site's at most once a minute for all requests, a community's on each call."""

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._day: tuple[tuple[int, int], DayByHour] | None = None
        self._lock = threading.Lock()  # one read at a time

    def at(self, moment: PulseSample) -> DayByHour:
        """Today and a usual day of the site. Raises LedgerUnavailable."""
        key = moment.stats.epoch, moment.minute
        with without_queueing(), self._lock:
            if self._day is None or self._day[0] != key:
                self._day = (key, self._read_day(SITE, moment.minute))
            return self._day[1].with_visits(moment.stats.today)

    def of(self, scope: Scope, visits: int) -> DayByHour:
        """Today and a usual day of a community. `visits` is its number of visits today. Raises LedgerUnavailable."""
        return self._read_day(scope, self._clock.now_ms() // MINUTE_MS).with_visits(visits)

    def _read_day(self, scope: Scope, minute: int) -> DayByHour:
        """The day without the current hour."""
        today, running_s = self._clock.bucket(minute * MINUTE_MS)
        ago = (0, 1, *range(7, 7 * USUAL_WEEKS + 1, 7))
        hours = [self._clock.hours(day, day) for day in (shifted(today, -days) for days in ago)]
        visits = self._database.read(queries.visits_in_hours, scope, [hour_s for day in hours for hour_s in day])
        visits.pop(running_s, None)
        now, yesterday, *earlier = [self._by_local_hour(day, visits) for day in hours]
        visited = [day for day in earlier if any(day)]
        usual = [round(sum(hour) / len(visited)) for hour in zip(*visited, strict=True)]
        return DayByHour(
            self._local_hour(running_s), now, usual if len(visited) >= MIN_WEEKDAYS else (), sum(yesterday)
        )

    def _by_local_hour(self, hours: Sequence[int], visits: Mapping[int, int]) -> list[int]:
        """Visits by local hour. If an hour occurs twice, its visits are added up."""
        by_hour = [0] * 24
        for hour_s in hours:
            by_hour[self._local_hour(hour_s)] += visits.get(hour_s, 0)
        return by_hour

    def _local_hour(self, hour_s: int) -> int:
        return int(self._clock.local(hour_s)[11:13])
