"""Decides which report reads rows next on the one thread for scans: the panel goes first, then the reader who has
used the least of its time.
"""

import threading
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, NamedTuple

from koyjabo.base.core.errors import LedgerUnavailable, TooBusy
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.runtime import without_queueing

SHARE, BUDGET_WINDOW_S, MAX_REST_S = 0.25, 60.0, 10.0
"""A payer may use a quarter of the thread's time: up to 15 s at once, and then as much as a minute gives back. It rests
for at most 10 s before each further scan.
"""

MAX_WAITING_SCANS, MAX_WAITING_OF_ADDRESS, MAX_WAITING_OF_OTHERS = 100, 10, 200
"""Maximum number of different scans that wait: of one payer, of one address, and of all payers without the panel."""

PATIENCE_S = 30.0
"""How long a scan waits for others, in seconds."""

MANY_REPORTS = N_("Too many reports are waiting right now. Please try again shortly.")


class ReportReader(NamedTuple):
    """Who a scan is for. Each of the `payers` is charged for its time. The `address` of a stranger, if any, is charged
    twice, so that it cannot use up all of a share link's time. Readers at different addresses share equal scans.
    """

    payers: tuple[str, ...] = ()
    is_first: bool = False  # whether the scan goes before all scans that are not
    has_budget: bool = True  # whether the scan waits while a payer has used up its time
    patience_s: float = PATIENCE_S
    sentence: str = MANY_REPORTS  # why the reader was refused
    is_wanted: Callable[[], bool] = lambda: True  # called before the scan
    address: str = ""  # the network, see `client_address.customer`

    @property
    def charged(self) -> tuple[str, ...]:
        return (*self.payers, self.address) if self.address else self.payers


class _Scan:
    """A scan that has not begun, shared by all equal calls."""

    def __init__(self, key: tuple[Any, ...], reader: ReportReader) -> None:
        self.key, self.reader, self.calls = key, reader, 0
        self.refused_s = 0.0  # when the last call gives up, monotonic
        self.changed, self.done = threading.Event(), threading.Event()
        self.results: list[Any] = []
        self.error: Exception | None = LedgerUnavailable()  # if the task that reads is ended


class ScanQueue:
    """Runs scans one at a time. `scan` returns the results for a list of requests from one snapshot, and `now_s` a
    monotonic time.
    """

    def __init__(self, scan: Callable[[Sequence[Any]], list[Any]], now_s: Callable[[], float] = time.monotonic) -> None:
        self._scan, self._now_s = scan, now_s
        self._waiting: dict[tuple[Any, ...], _Scan] = {}  # in order of arrival
        self._running: _Scan | None = None
        self._guard = threading.Lock()  # guards all attributes; must not be held while waiting
        self._paid_until_s: dict[str, float] = {}  # by payer: when its share will have paid for its scans, monotonic
        self._others_from_s = 0.0  # when scans that are not first may begin, monotonic

    def read(self, requests: Sequence[Any], reader: ReportReader) -> list[Any]:
        """Wait for a snapshot that begins after this call, shared with equal calls that wait for it. Raises what `scan`
        raises, and TooBusy after `patience_s`, or if too many scans of a payer wait.
        """
        key = reader.payers, reader.is_first, reader.has_budget, *requests
        with self._guard:
            scan = self._waiting.get(key)
            is_new = scan is None
            if scan is None:
                self._require_space(reader)
                scan = self._waiting[key] = _Scan(key, reader)
            scan.calls += 1
            scan.refused_s = self._now_s() + reader.patience_s
        with without_queueing():
            if is_new:
                self._run(scan, requests)
            scan.done.wait()
        if scan.error:
            raise scan.error
        return scan.results

    def _require_space(self, reader: ReportReader) -> None:
        readers = [scan.reader for scan in self._waiting.values()]
        is_full = not reader.is_first and sum(not other.is_first for other in readers) >= MAX_WAITING_OF_OTHERS
        for payer in reader.charged:
            most = MAX_WAITING_OF_ADDRESS if payer == reader.address else MAX_WAITING_SCANS
            is_full = is_full or sum(payer in other.charged for other in readers) >= most
        if is_full:
            raise TooBusy(reader.sentence)

    def _run(self, scan: _Scan, requests: Sequence[Any]) -> None:
        began_s = None
        try:
            self._wait(scan)
            began_s = self._now_s()
            scan.results, scan.error = self._scan(requests), None
        except Exception as error:
            scan.error = error
        finally:
            self._end(scan, 0.0 if began_s is None else self._now_s() - began_s)
            scan.done.set()
            self._begin_next(self._now_s())

    def _wait(self, scan: _Scan) -> None:
        """Wait until this scan may run. Raises TooBusy."""
        while not self._begin_next(now_s := self._now_s(), scan):
            due_s, refused_s = self._due_s(scan), scan.refused_s
            if now_s >= refused_s:
                raise TooBusy(scan.reader.sentence)
            # By the same time as above: a scan that became due since then would wait until it gives up.
            scan.changed.wait(min(refused_s, due_s if due_s > now_s else refused_s) - now_s)
            scan.changed.clear()
        if scan.calls == 1 and not scan.reader.is_wanted():
            raise TooBusy(scan.reader.sentence)

    def _begin_next(self, now_s: float, caller: _Scan | None = None) -> bool:
        """Begin the next scan, unless one is running. If all of them have to wait, the first one due wakes up then.
        Returns whether the caller's scan is running.
        """
        with self._guard:
            if self._running or not self._waiting:
                return self._running is caller
            due = [scan for scan in self._waiting.values() if self._due_s(scan) <= now_s]
            if due:
                next_ = min(due, key=lambda scan: (not scan.reader.is_first, self._paid_s(scan, now_s)))
                del self._waiting[next_.key]
                self._running = next_
            else:
                next_ = min(self._waiting.values(), key=self._due_s)
            if next_ is not caller:
                next_.changed.set()
            return self._running is caller

    def _due_s(self, scan: _Scan) -> float:
        """When a scan may begin, monotonic."""
        reader = scan.reader
        paid_s = self._paid_s(scan, -inf) - BUDGET_WINDOW_S if reader.has_budget else -inf
        return paid_s if reader.is_first else max(paid_s, self._others_from_s)

    def _paid_s(self, scan: _Scan, now_s: float) -> float:
        return max([now_s, *(self._paid_until_s.get(payer, now_s) for payer in scan.reader.charged)])

    def _end(self, scan: _Scan, took_s: float) -> None:
        """Charge a scan. Together, the scans of readers other than the panel take at most half of the time."""
        now_s = self._now_s()
        with self._guard:
            if self._running is scan:
                self._running = None
            elif self._waiting.get(scan.key) is scan:
                del self._waiting[scan.key]
            if not scan.reader.is_first:
                self._others_from_s = max(self._others_from_s, now_s + took_s)
            known = {payer: until_s for payer, until_s in self._paid_until_s.items() if until_s > now_s}
            for payer in scan.reader.charged:
                until_s = known.get(payer, now_s) + (1 + (payer == scan.reader.address)) * took_s / SHARE
                known[payer] = min(until_s, now_s + BUDGET_WINDOW_S + MAX_REST_S)
            self._paid_until_s = known
