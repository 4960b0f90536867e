"""Read answers from sums or from rows: at once, or in turns for readers of share links."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from typing import Any, TypeVar

from koyjabo.core.clock import Clock
from koyjabo.core.errors import TooBusy
from koyjabo.core.i18n import N_
from koyjabo.core.runtime import out_of_turn
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.reports.engine.raw.kept_queries import KeptAnswers
from koyjabo.reports.engine.rollups.range_queries import Source
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.traits.parser import TraitParser

Result = TypeVar("Result")

PATIENCE_S = 10.0
"""How long a reader of a share link waits for its turn."""

MANY_READERS = N_("Many people are reading shared reports right now. Please try again shortly.")


class AnswerReader:
    """Keeps what it has read, on the threads of the database that read it."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, parser: TraitParser) -> None:
        self._database = database
        self._clock = clock
        self._kept = KeptAnswers(parser, clock)
        self._source = Source.new(parser)
        self._turn: Callable[[], AbstractContextManager[None]] = nullcontext

    def answer(
        self,
        from_sums: Callable[..., Result | None],
        from_rows: Callable[..., Result],
        question: Question,
        *args: Any,
    ) -> Result:
        """From sums, if these can answer. Raises StillCounting, LedgerUnavailable."""
        with self._turn():
            if not question.filters:
                found = self._database.report(from_sums, self._source, self._clock, question, *args)
                if found is not None:
                    return found
            return self._database.scan(self._kept.answer, from_rows, question, *args)

    def in_turns(self) -> AnswerReader:
        """The same, with what it keeps, for readers of share links: one answer at a time, so that a published link
        delays the panel by one answer at most. It also raises TooBusy, after PATIENCE_S.
        """
        found, lock = copy(self), threading.Lock()
        found._turn = lambda: _held(lock)
        return found


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
