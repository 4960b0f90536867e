"""The most people who were online at once in a scope: of the day, of 7 days and of 30 (local days, with today)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from koyjabo.clock import Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.errors import LedgerUnavailable
from koyjabo.models import Scope
from koyjabo.presence.members import peak_queries
from koyjabo.runtime import Runtime


class Peaks:
    """Kept in memory at once, and in the database about a second later (wire `refresh` to a pulse of a second).

    `online` says how many are online in a scope; it is asked when a day begins, and must not wait.
    """

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, online: Callable[[Scope], int]
    ) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._online = online
        self._day = clock.today()
        self._busy: set[Scope] = set()  # somebody was online when they were noted last
        self._greatest: dict[Scope, int] = {}  # of this day, as far as was noted here
        self._unwritten: peak_queries.ByDay = {}
        self._is_writing = False
        self._lock = threading.Lock()  # around all of these; nothing waits while it is held

    def note(self, scope: Scope, count: int) -> None:
        """So many are online now. Cheap, and never waits."""
        with self._lock:
            self._begin_day()
            if count:
                self._busy.add(scope)
            else:
                self._busy.discard(scope)
            self._raise(scope, count)

    def of(self, scope: Scope) -> Mapping[str, int]:
        """`day`, `week` and `month`, with what was noted here just now. Raises LedgerUnavailable."""
        with self._lock:
            self._begin_day()
            today, greatest = self._day, self._greatest.get(scope, 0)
            unwritten = max(
                (people for (where, _), (people, _) in self._unwritten.items() if where == scope), default=0
            )
        day, week, month = self._database.read(peak_queries.read, scope, today)
        most = max(greatest, unwritten)
        return {"day": max(day, greatest), "week": max(week, most), "month": max(month, most)}

    def refresh(self) -> None:
        """Let a new day begin with those who are here, and have what waits written, by one task at a time."""
        with self._lock:
            self._begin_day()
            begins = bool(self._unwritten) and not self._is_writing
            self._is_writing = self._is_writing or begins
        if begins:
            self._runtime.start_task(self._write_once)

    def write(self) -> None:
        """Write what waits, now. While the database is away it goes on waiting."""
        with self._lock:
            taken = dict(self._unwritten)
        if not taken:
            return
        try:
            self._database.write(peak_queries.keep_all, taken)
        except LedgerUnavailable:
            return
        with self._lock:
            for key, value in taken.items():
                if self._unwritten.get(key) == value:
                    del self._unwritten[key]

    def _write_once(self) -> None:
        try:
            self.write()
        finally:
            self._is_writing = False

    def _begin_day(self) -> None:
        today = self._clock.today()
        if today != self._day:
            self._day = today
            self._greatest.clear()
            for scope in self._busy:
                self._raise(scope, self._online(scope))

    def _raise(self, scope: Scope, count: int) -> None:
        if count > self._greatest.get(scope, 0):
            self._greatest[scope] = count
            self._unwritten[scope, self._day] = (count, self._clock.now_ms())
