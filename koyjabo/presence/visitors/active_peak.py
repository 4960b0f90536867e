"""The most visitors who were active at once on the site, by local day: measured every second."""

from __future__ import annotations

from collections.abc import Mapping

from koyjabo.core.clock import Clock
from koyjabo.core.runtime import Runtime
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import SITE, Scope
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.visitors.active_visitors import ActiveVisitors

WRITE_S = 60.0
"""Seconds between two calls of `write`. A worker that is killed loses what it has measured since the last one."""


class ActivePeak:
    """Call `measure` every second. All workers measure the same number, and the greatest measurement is stored."""

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, active_visitors: ActiveVisitors
    ) -> None:
        self._active_visitors = active_visitors
        self._peaks = Peaks(database, clock, runtime, lambda scope: self._count())

    def measure(self) -> None:
        self._peaks.record(SITE, self._count())

    def unwritten(self, scope: Scope) -> Mapping[str, int]:
        """The greatest measurements since the last call of `write`, by day."""
        return self._peaks.unwritten(scope)

    def write(self) -> None:
        """Store the greatest measurement of each day. Waits; raises no error."""
        self._peaks.write()

    def _count(self) -> int:
        """0 while this worker can only estimate how many are active."""
        version, places = self._active_visitors.count(SITE)
        return sum(places.values()) if version >= 0 else 0
