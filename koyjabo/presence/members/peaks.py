"""Peaks: the highest number of people online in a scope at once, today and over the last 7 and 30 local days (including
today).
"""

import threading
from collections.abc import Callable, Mapping

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import Scope
from . import peak_queries

NO_PEAK = (0, 0)


class Peaks:
    """Records peaks in memory at once, and in the database about a second later. Call `refresh` every second. `online`
    returns the number of people online in a scope. It is called when a new day begins, and must not wait.
    """

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, online: Callable[[Scope], int]
    ) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._online = online
        self._day = clock.today()
        self._occupied: set[Scope] = set()  # scopes whose last recorded count was above 0
        self._greatest: dict[Scope, tuple[int, int]] = {}  # this worker's peaks today, and when it recorded them
        self._unwritten: peak_queries.ByDay = {}
        self._is_writing = False
        self._lock = threading.Lock()  # guards all of these; must not be held while waiting

    def record(self, scope: Scope, count: int) -> None:
        """Record the current number of people online. Never waits."""
        with self._lock:
            self._begin_day()
            if count:
                self._occupied.add(scope)
            else:
                self._occupied.discard(scope)
            self._raise_peak(scope, count)

    def get(self, scope: Scope) -> Mapping[str, int]:
        """Return the peaks `day`, `week` and `month`, including this worker's unwritten ones. Raises
        LedgerUnavailable.
        """
        with self._lock:
            self._begin_day()
            today, (greatest, _) = self._day, self._greatest.get(scope, NO_PEAK)
            unwritten = max(
                (people for (where, _), (people, _) in self._unwritten.items() if where == scope), default=0
            )
        day, week, month = self._database.read(peak_queries.read, scope, today)
        most = max(greatest, unwritten)
        return {"day": max(day, greatest), "week": max(week, most), "month": max(month, most)}

    def unwritten(self, scope: Scope) -> Mapping[str, int]:
        """This worker's peaks that are not in the database yet, by day. Does not wait."""
        with self._lock:
            return {day: people for (where, day), (people, _) in self._unwritten.items() if where == scope}

    def refresh(self) -> None:
        """Begin a new day with the people online now, and start a task to write the unwritten peaks unless one is
        running.
        """
        with self._lock:
            self._begin_day()
            begins = bool(self._unwritten) and not self._is_writing
            self._is_writing = self._is_writing or begins
        if begins:
            self._runtime.start_task(self._write_once)

    def write(self) -> None:
        """Write the unwritten peaks now. They stay unwritten while the database is unavailable."""
        with self._lock:
            taken = dict(self._unwritten)
        if not taken:
            return
        try:
            self._database.write(peak_queries.store_all, taken)
        except LedgerUnavailable:
            return
        with self._lock:
            for key, value in taken.items():
                if self._unwritten.get(key) == value:
                    del self._unwritten[key]

    def write_again(self) -> None:
        """Write today's peaks again, in case the database has lost them."""
        with self._lock:
            self._begin_day()
            for scope, peak in self._greatest.items():
                self._unwritten[scope, self._day] = peak

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
            for scope in self._occupied:
                self._raise_peak(scope, self._online(scope))

    def _raise_peak(self, scope: Scope, count: int) -> None:
        if count > self._greatest.get(scope, NO_PEAK)[0]:
            self._greatest[scope] = self._unwritten[scope, self._day] = (count, self._clock.now_ms())
