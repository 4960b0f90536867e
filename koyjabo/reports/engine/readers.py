"""Answer requests on threads of the database: at once, or in turns for readers of share links."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from typing import Any

from koyjabo.core.clock import Clock
from koyjabo.core.errors import TooBusy
from koyjabo.core.i18n import N_
from koyjabo.core.runtime import out_of_turn
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.reports.engine.cached_queries import answer_all
from koyjabo.reports.engine.requests import ReportRequest, dimensions
from koyjabo.reports.engine.snapshot_queries import Caches, NeedsScan
from koyjabo.reports.query.dimensions import has_many
from koyjabo.reports.traits.parser import TraitParser

PATIENCE_S = 10.0
"""How long a reader of a share link waits for its turn."""

MANY_READERS = N_("Many people are reading shared reports right now. Please try again shortly.")


class AnswerReader:
    """Keeps what it has read, on each of the two threads that read it."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, parser: TraitParser) -> None:
        self._database = database
        self._clock = clock
        self._reporting, self._scanning = (Caches.new(parser, may_scan) for may_scan in (False, True))
        self._turn: Callable[[], AbstractContextManager[None]] = nullcontext

    def answers(self, requests: Sequence[ReportRequest]) -> list[Any]:
        """Those of all requests, of one moment. Raises StillCounting, LedgerUnavailable."""
        with self._turn():
            if not any(map(_reads_visits, requests)):
                try:
                    return self._database.report(answer_all, self._clock, self._reporting, requests)
                except NeedsScan:
                    pass
            return self._database.scan(answer_all, self._clock, self._scanning, requests)

    def in_turns(self) -> AnswerReader:
        """The same, with what it keeps, for readers of share links: one page or call at a time, so that a published
        link delays the panel by one of these at most. It also raises TooBusy, after PATIENCE_S.
        """
        found, lock = copy(self), threading.Lock()
        found._turn = lambda: _held(lock)
        return found


def _reads_visits(request: ReportRequest) -> bool:
    """Whether stored sums cannot answer."""
    return bool(request.question.filters) or any(map(has_many, dimensions(request)))


@contextmanager
def _held(lock: threading.Lock) -> Iterator[None]:
    """Raises TooBusy."""
    with out_of_turn():
        if not lock.acquire(timeout=PATIENCE_S):
            raise TooBusy(MANY_READERS)
        try:
            yield
        finally:
            lock.release()
