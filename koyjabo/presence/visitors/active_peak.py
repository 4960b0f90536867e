"""The peak number of active visitors of the site, by day."""

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import SITE
from koyjabo.presence.members.peaks import Peaks
from .active_visitors import ActiveVisitors

WRITE_PEAK_S = 60.0
"""Seconds between calls to `write`. A killed worker loses what it has measured since the last call."""


class ActivePeak(Peaks):
    """All workers measure the same number; the highest measurement is stored. Call `measure` every second. `write`
    stores the highest measurement of each day.
    """

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, active_visitors: ActiveVisitors
    ) -> None:
        self._active_visitors = active_visitors
        super().__init__(database, clock, runtime, lambda scope: self._count())

    def measure(self) -> None:
        self.record(SITE, self._count())

    def _count(self) -> int:
        """The number of active visitors, or 0 while this worker only has an estimate."""
        version, places = self._active_visitors.count(SITE)
        return sum(places.values()) if version >= 0 else 0
