"""Measures how long members are connected to their communities: a member with several sockets once at a time.

Each worker reports the stays of its own sockets once a minute, as absolute times. So a stay that is reported twice, or
by two workers, is added once, and a killed worker loses a minute at most.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

from koyjabo.communities.live import time_queries
from koyjabo.communities.live.time_queries import Spent, Stay
from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import Runtime
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import Scope

INTERVAL_MS = 60_000
MOST_AT_ONCE = 200
"""The stays of one transaction."""

MOST_KEPT = 100_000
"""The ended stays that wait for a database that is away. The oldest are lost first."""


class _Moment(NamedTuple):
    now_ms: int  # wall clock
    elapsed_ms: int


@dataclass(slots=True)
class _Open:
    """A member with open sockets, since the end of the last stay that was written."""

    began: _Moment
    connections: set[str] = field(default_factory=set)


class TimeRecorder:
    """Only `write` and `by_day` wait."""

    def __init__(self, database: DatabaseExecutor, runtime: Runtime, clock: Clock) -> None:
        self._database = database
        self._runtime = runtime
        self._clock = clock
        self._open: dict[tuple[Scope, str], _Open] = {}
        self._ended: list[Stay] = []
        self._next_ms = clock.elapsed_ms() + INTERVAL_MS
        self._is_writing = False
        self._lock = threading.Lock()  # guards all of these; code that holds it must not wait

    def opened(self, scope: Scope, user_id: str, connection_id: str) -> None:
        with self._lock:
            known = self._open.setdefault((scope, user_id), _Open(self._moment()))
            known.connections.add(connection_id)

    def closed(self, scope: Scope, user_id: str, connection_id: str) -> None:
        """Ignores unknown connections."""
        with self._lock:
            known = self._open.get((scope, user_id))
            if known is None or connection_id not in known.connections:
                return
            known.connections.remove(connection_id)
            if not known.connections:
                del self._open[scope, user_id]
                self._ended.append(_stay(scope, user_id, known.began, self._moment()))
                del self._ended[:-MOST_KEPT]

    def by_day(self, scope: Scope, first: str, last: str) -> dict[str, Spent]:
        """Of the days `first` to `last`, both included; days without any are left out. As of the last minute. Raises
        LedgerUnavailable.
        """
        return self._database.read(time_queries.by_day, scope, first, last)

    def tick(self) -> None:
        """Start to write what there is, once a minute. Call it every second."""
        with self._lock:
            if self._is_writing or self._clock.elapsed_ms() < self._next_ms:
                return
            self._is_writing = True
            self._next_ms = self._clock.elapsed_ms() + INTERVAL_MS
        self._runtime.start_task(self._write_once)

    def write(self) -> None:
        """Write all stays up to now. What cannot be written is kept for the next time."""
        stays = self._take()
        while stays:
            try:
                self._database.write(time_queries.add, stays[:MOST_AT_ONCE], self._clock)
            except LedgerUnavailable:
                with self._lock:
                    self._ended = [*stays, *self._ended][-MOST_KEPT:]
                return
            del stays[:MOST_AT_ONCE]

    def _write_once(self) -> None:
        try:
            self.write()
        finally:
            self._is_writing = False

    def _take(self) -> list[Stay]:
        """The ended stays, and those of open sockets up to now, which begin again."""
        with self._lock:
            now, stays, self._ended = self._moment(), self._ended, []
            for (scope, user_id), known in self._open.items():
                stays.append(_stay(scope, user_id, known.began, now))
                known.began = now
        return [stay for stay in stays if stay.ended_ms > stay.began_ms]

    def _moment(self) -> _Moment:
        return _Moment(self._clock.now_ms(), self._clock.elapsed_ms())


def _stay(scope: Scope, user_id: str, began: _Moment, ended: _Moment) -> Stay:
    """Not longer than the time that has passed: the wall clock may have been corrected meanwhile."""
    ended_ms = min(ended.now_ms, began.now_ms + ended.elapsed_ms - began.elapsed_ms)
    return Stay(scope, user_id, began.now_ms, ended_ms)
