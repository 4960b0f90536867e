"""The ledger: stores every visit once, under a unique ordinal, on disk before the request is answered.

One real thread commits visits that arrive together in one transaction (see `database.batch_worker`). The statements are
in the sibling modules `ledger_sqlite` and `ledger_postgres`.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from sqlalchemy.engine import URL

from koyjabo.clock import Clock
from koyjabo.counting.records import CounterSnapshot, NewVisit, Receipt
from koyjabo.database.batch_worker import BatchWorker, Job
from koyjabo.database.lease import Fence
from koyjabo.database.loop_batcher import LoopBatcher
from koyjabo.errors import KoyJaboError, LedgerUnavailable
from koyjabo.models import SITE, Scope
from koyjabo.runtime import Runtime

log = logging.getLogger(__name__)

COMMIT_PATIENCE_S = 5.0
COMMIT_LIMIT_S = 10.0
READ_PATIENCE_S = 1.0
FAILED_LATELY_S = 10.0
"""How long a failed commit counts as a current failure. A load balancer that sends visits elsewhere because of it would
otherwise never see the recovery, since no commit would show it.
"""

Keyed = tuple[NewVisit, str]
Outcome = Receipt | KoyJaboError
Read = tuple[Any, ...]
"""(method of the store, *arguments)"""
Take = Callable[[], list[Job[Keyed, Outcome]]]
OnBatch = Callable[[int, float], None]
OnCommit = Callable[[list[tuple[NewVisit, Receipt]]], None]


class LedgerStore(Protocol):
    """The ledger's operations on one database. `ledger_sqlite` and `ledger_postgres` implement it.

    One real thread calls `commit` and `writing`. Another one calls `snapshot` and `knows`; if `reads_block` is false,
    the requests call them. `commit` raises one of `unavailable` when the database cannot be reached or is locked; any
    other error is caused by one visit. Reads raise one of `unreadable`.
    """

    unavailable: tuple[type[Exception], ...]
    unreadable: tuple[type[Exception], ...]
    reads_block: bool

    def writing(self) -> AbstractContextManager[object]: ...

    def commit(self, batch: list[Keyed]) -> list[Outcome]: ...

    def snapshot(self, scope: Scope) -> CounterSnapshot | None: ...

    def knows(self, scope: Scope, visitor_id: str) -> bool: ...

    def close(self) -> None: ...


def open_store(database: URL, clock: Clock, fence: Fence = lambda cursor: None) -> LedgerStore:
    """The store for a database URL as `settings` normalises it. Opens no connection yet.

    On PostgreSQL, `fence` is called within each transaction that writes. If it raises, `commit` writes nothing and
    raises the same.
    """
    if database.get_backend_name() == "sqlite":
        from koyjabo.counting.ledger_sqlite import SqliteStore

        return SqliteStore(str(database.database), clock)
    from koyjabo.counting.ledger_postgres import PostgresStore

    return PostgresStore(database, clock, fence)


class Writer(NamedTuple):
    """The state of the queue of commits."""

    waiting: int  # uncommitted visits
    oldest_s: float  # how long the first of them has waited
    has_failed: bool  # a commit failed within the last FAILED_LATELY_S, and none has succeeded since


class Ledger:
    """Commits visits and reads figures.

    Calls `on_commit` on the event loop with the visits of each batch and their receipts, before any `append` returns;
    then `on_batch` receives the size of the batch and how long its first visit took, s.
    """

    def __init__(self, store: LedgerStore, runtime: Runtime, on_batch: OnBatch, on_commit: OnCommit) -> None:
        self._on_batch = on_batch
        self._on_commit = on_commit
        self._store = store
        self._failing = False
        self._failed_at = 0.0  # monotonic s
        self._writer: BatchWorker[Keyed, Outcome] = BatchWorker(
            runtime, self._commit, COMMIT_PATIENCE_S, COMMIT_LIMIT_S, self._complete
        )
        self._reader: BatchWorker[Read, Any] | LoopBatcher[Read, Any] = (
            BatchWorker(runtime, self._answer_reads, READ_PATIENCE_S, READ_PATIENCE_S)
            if store.reads_block
            else LoopBatcher(runtime, self._answer_reads)
        )

    def append(self, visit: NewVisit) -> Receipt:
        """Commit a visit in one batch with all other queued visits.

        A visit without a `visit_id` gets a generated one, so that a commit with an unknown outcome can be retried.
        Raises LedgerUnavailable when the visit could not be committed, UnknownCommunity for an unknown scope.
        """
        try:
            outcome = self._writer.do((visit, visit.visit_id or f"~{secrets.token_urlsafe(9)}"))
        except LedgerUnavailable as error:
            self._note_health(error)  # it may have timed out before any batch included it
            raise
        if isinstance(outcome, KoyJaboError):
            raise outcome
        return outcome

    def snapshot(self, scope: Scope = SITE) -> CounterSnapshot | None:
        """The newest committed figures, read after this call began; None for an unknown scope.

        Never cached, because another server may write to the same database. Raises LedgerUnavailable.
        """
        snapshot: CounterSnapshot | None = self._reader.do((self._store.snapshot, scope))
        return snapshot

    def knows(self, scope: Scope, visitor_id: str) -> bool:
        """Whether this visitor has ever registered a visit in `scope`. Raises LedgerUnavailable."""
        return bool(self._reader.do((self._store.knows, scope, visitor_id)))

    def writer(self) -> Writer:
        lately = time.monotonic() - self._failed_at < FAILED_LATELY_S
        return Writer(*self._writer.waiting(), self._failing and lately)

    def close(self) -> None:
        """Commit the queued visits and close the database."""
        self._writer.close()
        self._reader.close()
        self._store.close()

    # Run on real threads, except for reads of SQLite: they must not log or use objects of the event loop.

    def _answer_reads(self, take: Callable[[], list[Job[Read, Any]]]) -> None:
        """Equal reads that wait together share one answer, read after the last of them arrived."""
        answers: dict[Read, Any] = {}
        for job in take():
            try:
                if job.item not in answers:
                    answers[job.item] = job.item[0](*job.item[1:])
                job.result = answers[job.item]
            except self._store.unreadable as error:
                job.error = LedgerUnavailable.because(error)

    def _commit(self, take: Take) -> None:
        try:
            with self._store.writing():
                jobs = take()
                if jobs:
                    self._commit_together(jobs)
        except OSError as error:  # the file lock could not be acquired
            for job in take():
                if job.result is None:
                    job.error = LedgerUnavailable.because(error)

    def _commit_together(self, jobs: list[Job[Keyed, Outcome]]) -> None:
        try:
            outcomes = self._store.commit([job.item for job in jobs])
        except Exception as error:
            if len(jobs) == 1 or isinstance(error, self._store.unavailable):
                for job in jobs:
                    job.error = LedgerUnavailable.because(error)
            else:  # one visit caused it: retry one by one, so that it fails alone
                for job in jobs:
                    self._commit_together([job])
        else:
            for job, outcome in zip(jobs, outcomes, strict=True):
                job.result = outcome

    # Run on the event loop.

    def _complete(self, jobs: list[Job[Keyed, Outcome]]) -> None:
        if jobs:
            self._note_health(next((job.error for job in jobs if job.error), None))
        committed = [(job.item[0], job.result) for job in jobs if isinstance(job.result, Receipt)]
        if committed:
            self._on_batch(len(committed), time.monotonic() - jobs[0].since)
            self._on_commit(committed)

    def _note_health(self, error: Exception | None) -> None:
        """Log one line when commits begin to fail and one when they succeed again, instead of one for each visit."""
        if error:
            self._failed_at = time.monotonic()
        if bool(error) != self._failing:
            self._failing = not self._failing
            if error:
                log.error("ledger_unavailable cause=%r", str(error.__cause__ or error).strip())
            else:
                log.warning("ledger_recovered")
