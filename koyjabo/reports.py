"""Who visited a community: by day, week and month, how that grows, and who turned out to be whom."""

from __future__ import annotations

from koyjabo.clock import Clock
from koyjabo.storage.desk import Desk


class Reports:
    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
