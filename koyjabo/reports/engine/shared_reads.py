"""Shares snapshots among open pages. All pages reload when there is a visit, but only a few snapshots are read, however
many pages are open.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from koyjabo.core.errors import LedgerUnavailable, StillCounting, TooBusy
from koyjabo.core.runtime import out_of_turn
from koyjabo.reports.engine.requests import ReportRequest

LEAST_REST_S, RESTS, MOST_REST_S = 0.1, 3, 10.0
"""Pause after a snapshot: 0.1 s or three times its duration, whichever is longer, but at most 10 s. Open pages
therefore cause at most ten reads a second, which take a quarter of the time.
"""


class _Batch:
    """Requests waiting for the same snapshot."""

    def __init__(self) -> None:
        self.requests: dict[ReportRequest, None] = {}
        self.results: dict[ReportRequest, Any] | None = None
        self.error: Exception = LedgerUnavailable()  # why there are no results
        self.done = threading.Event()


class SharedReads:
    """Answers lists of requests. `read` returns the results for one list from one snapshot, and raises the same errors
    as reports.

    If a shared snapshot fails, each call reads its own requests again, so that one failing report does not break the
    others.
    """

    def __init__(self, read: Callable[[Sequence[ReportRequest]], Iterable[Any]]) -> None:
        self._read = read
        self._next: _Batch | None = None
        self._guard = threading.Lock()  # guards `_next`; must not be held while waiting
        self._turn = threading.Lock()  # held by the call that reads
        self._rested_at = 0.0  # monotonic s

    def read(self, requests: Sequence[ReportRequest]) -> list[Any]:
        """Wait for a snapshot that begins after this call, shared with all calls that wait for it."""
        with self._guard:
            is_first = self._next is None
            batch = self._next = self._next or _Batch()
            batch.requests.update(dict.fromkeys(requests))
        with out_of_turn():
            if is_first:
                self._read_batch(batch)
            batch.done.wait()
        if batch.results is None:
            if isinstance(batch.error, StillCounting | TooBusy) or batch.requests.keys() == set(requests):
                raise batch.error
            with out_of_turn():
                return self._read_rested(lambda: requests)
        return [batch.results[request] for request in requests]

    def _read_batch(self, batch: _Batch) -> None:
        def waiting() -> Sequence[ReportRequest]:
            with self._guard:
                self._next = None
            return list(batch.requests)

        try:
            batch.results = dict(zip(batch.requests, self._read_rested(waiting), strict=True))
        except Exception as error:
            batch.error = error
        finally:
            with self._guard:
                if self._next is batch:  # the reading task was ended during its pause
                    self._next = None
            batch.done.set()

    def _read_rested(self, requests: Callable[[], Sequence[ReportRequest]]) -> list[Any]:
        """Read after the pause. Only one call reads at a time."""
        with self._turn:
            time.sleep(max(0.0, self._rested_at - time.monotonic()))
            asked = requests()
            began = time.monotonic()
            try:
                return list(self._read(asked))
            finally:
                ended = time.monotonic()
                self._rested_at = ended + min(MOST_REST_S, max(LEAST_REST_S, RESTS * (ended - began)))
