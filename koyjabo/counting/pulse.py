"""The site's public last hour (specification: What is going on)."""

import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from koyjabo.base.core.clock import MINUTE_MS, Clock
from koyjabo.base.core.runtime import without_queueing
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import SITE
from .last_hour import MINUTES, LastHour, Minute
from .stats import Stats, base36
from .visits import Visits


class PulseSample(NamedTuple):
    """The stats of a response, and the minute (since 1970) they were read in."""

    stats: Stats
    minute: int

    @property
    def tag(self) -> str:
        return f"{base36(self.stats.epoch)}-{self.stats.revision}-{self.minute}"


class Pulse:
    """Reads only new rows. Concurrent requests share a read."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, visits: Visits) -> None:
        self._database = database
        self._clock = clock
        self._visits = visits
        self._hour = LastHour(SITE)  # of this epoch
        self._read: tuple[tuple[int, int, int], Mapping[int, Minute]] | None = None
        self._lock = threading.Lock()  # one read at a time

    def now(self) -> PulseSample:
        """The current minute, with stats read in it, so that both belong to the same day."""
        while True:
            minute, stats = self._clock.now_ms() // MINUTE_MS, self._visits.stats()
            if minute == self._clock.now_ms() // MINUTE_MS:
                return PulseSample(stats, minute)

    def hour(self, moment: PulseSample) -> Sequence[int]:
        """The visits of the last 60 minutes, the current one last. Raises LedgerUnavailable."""
        minutes = self._minutes(moment)
        return [sum(minutes.get(minute, ())) for minute in range(moment.minute - MINUTES + 1, moment.minute + 1)]

    def _minutes(self, moment: PulseSample) -> Mapping[int, Minute]:
        key = moment.stats.epoch, moment.stats.total, moment.minute
        with without_queueing(), self._lock:
            if self._read is None or self._read[0] != key:
                run = self._database.read
                if self._read is None or self._read[0][0] != moment.stats.epoch:  # or a backup was restored
                    # A whole hour has to be counted, and other reads must not wait for that.
                    self._hour, run = LastHour(SITE), self._database.report
                self._read = (key, run(self._hour.read, moment.minute * MINUTE_MS))
            return self._read[1]
