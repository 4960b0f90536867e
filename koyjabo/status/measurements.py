"""What this worker measures of the promises, until it is stored with what the others measure (decision 100).

Nothing here is on the way of a visit: retries are read from a counter, and the rest happens beside it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from koyjabo.cluster.workers import Worker, Workers
from koyjabo.core.clock import MINUTE_MS, Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.status import measurement_queries
from koyjabo.status.latencies import bucket_of
from koyjabo.status.measurement_queries import FREED, MONTH_MS, OUTAGE, RETRIES, Measured

WRITE_S = 10.0
"""The interval of `write`. A worker that is killed loses what it has measured since."""


class Measurements:
    """Call `look` every second, `tick` every WRITE_S and `write` at the end.

    `retries` says how many retries this worker has recognised so far. `has_leases` is False where no other worker would
    free the members of this one.
    """

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, workers: Workers, retries: Callable[[], int], has_leases: bool
    ) -> None:
        self._database = database
        self._clock = clock
        self._workers = workers
        self._retries = retries
        self._measures = (RETRIES, OUTAGE, *([FREED] if has_leases else []))
        self._stored = Counter[str]()
        self._freed = 0
        self._pushes = Counter[int]()
        self._outage = Counter[int]()  # of each minute, all that was noticed
        self._untold: set[int] = set()  # the minutes that have changed since they were stored
        self._out_since: int | None = None  # by `elapsed_ms`
        self._is_known = False  # whether the database knows since when these are measured
        self._alone = threading.Lock()

    def pushed(self, seconds: float) -> None:
        """Record how long after a commit its frames were written to the sockets of this worker."""
        self._pushes[bucket_of(1000 * seconds)] += 1

    def freed(self, people: int) -> None:
        """Record that this worker has ended the leases of people whose worker had stopped to renew them."""
        self._freed += people

    def look(self) -> None:
        """Notice when no live worker can save visits, and when one can again. An outage is stored when it is over, so
        that readers do not see it gone until the next `tick`.
        """
        workers, now_ms = self._workers.live(), self._clock.elapsed_ms()
        if workers and all(map(_is_cut_off, workers)):
            if self._out_since is None:
                last = max(each.unsaved_ms or self._clock.now_ms() for each in workers)
                self._out_since = now_ms - max(0, self._clock.now_ms() - last)
        elif self._out_since is not None:
            self._add_outage(now_ms - self._out_since)
            self._out_since = None
            self.write()

    @property
    def outage_ms(self) -> int:
        """For how long nothing could be saved until now; 0 while visits are saved."""
        return 0 if self._out_since is None else max(0, self._clock.elapsed_ms() - self._out_since)

    def tick(self) -> None:
        """As `write`, and at first although nothing is new, so that the database knows since when this is measured."""
        with self._alone:
            new = self._new()
            if any(new) or not self._is_known:
                self._store(new)

    def write(self) -> None:
        """Store what is new. What cannot be stored now waits for the next call."""
        with self._alone:
            new = self._new()
            if any(new):
                self._store(new)

    def forget(self) -> None:
        """The database may be another one: tell it again since when these are measured."""
        self._is_known = False

    def _store(self, new: Measured) -> None:
        try:
            self._database.write(measurement_queries.store, new, self._measures, self._clock.now_ms())
        except LedgerUnavailable:
            return
        self._is_known = True
        self._stored.update(new.sums)
        self._pushes.subtract(new.pushes)
        self._untold -= {each for each, ms in new.outage.items() if self._outage[each] == ms}

    def _new(self) -> Measured:
        so_far = {RETRIES: self._retries(), FREED: self._freed}
        sums = {name: so_far[name] - self._stored[name] for name in so_far if so_far[name] > self._stored[name]}
        return Measured(sums, +self._pushes, {each: self._outage[each] for each in self._untold})

    def _add_outage(self, length_ms: int) -> None:
        """By minute, as far as anything of it is shown."""
        ended_ms = self._clock.now_ms()
        at_ms = ended_ms - min(length_ms, MONTH_MS)
        self._outage = Counter({each: self._outage[each] for each in (*self._untold, at_ms - at_ms % MINUTE_MS)})
        while at_ms < ended_ms:
            minute_ms = at_ms - at_ms % MINUTE_MS
            upto_ms = min(minute_ms + MINUTE_MS, ended_ms)
            self._outage[minute_ms] += upto_ms - at_ms
            self._untold.add(minute_ms)
            at_ms = upto_ms


def _is_cut_off(worker: Worker) -> bool:
    return worker.unsaved_ms is not None or not worker.reads_ledger
