"""The visits of the last hour by minute, for everyone (specification: What is going on)."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from koyjabo.core.clock import MINUTE_MS, Clock
from koyjabo.core.runtime import out_of_turn
from koyjabo.counting.last_hour import MINUTES, LastHour, Minute
from koyjabo.counting.stats import Stats, base36
from koyjabo.counting.visits import Visits
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import SITE


class Moment(NamedTuple):
    """The stats and the minute since 1970 of an answer."""

    stats: Stats
    minute: int

    @property
    def tag(self) -> str:
        return f"{base36(self.stats.epoch)}-{self.stats.revision}-{self.minute}"


class Pulse:
    """Reads only the rows that are new, and those once for all who ask."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, visits: Visits) -> None:
        self._database = database
        self._clock = clock
        self._visits = visits
        self._hour = LastHour(SITE)  # of this epoch
        self._read: tuple[tuple[int, int, int], Mapping[int, Minute]] | None = None
        self._lock = threading.Lock()  # one read at a time

    def now(self) -> Moment:
        return Moment(self._visits.stats(), self._clock.now_ms() // MINUTE_MS)

    def hour(self, moment: Moment) -> Sequence[int]:
        """The visits of the last 60 minutes: the oldest first, the running one last. Raises LedgerUnavailable."""
        minutes = self._minutes(moment)
        return [sum(minutes.get(each, ())) for each in range(moment.minute - MINUTES + 1, moment.minute + 1)]

    def _minutes(self, moment: Moment) -> Mapping[int, Minute]:
        wanted = moment.stats.epoch, moment.stats.total, moment.minute
        with out_of_turn(), self._lock:
            if self._read is None or self._read[0] != wanted:
                run = self._database.read
                if self._read is None or self._read[0][0] != moment.stats.epoch:  # or a backup was restored
                    # Counts a whole hour, for which other reads must not wait.
                    self._hour, run = LastHour(SITE), self._database.report
                self._read = (wanted, run(self._hour.read, moment.minute * MINUTE_MS))
            return self._read[1]
