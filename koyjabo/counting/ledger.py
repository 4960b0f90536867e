"""The ledger: stores each visit once, under a unique number, on disk before the request gets its response.

One real thread commits visits that arrive together in one transaction (see `base.database.batch_worker`). The
statements are in the modules `ledger_sqlite` and `ledger_postgres`.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from koyjabo.base.core.errors import KoyJaboError, LedgerUnavailable
from koyjabo.base.core.runtime import Runtime, without_queueing
from koyjabo.base.database.batch_worker import STUCK_S, BatchWorker, Job, LoopBatcher, commit_jobs
from koyjabo.base.models import SITE, Scope
from .high_water import DatabaseRolledBack, mark_of, require_not_below, rollback_of
from .ledger_query import LedgerQuery
from .ledger_store import LedgerStore
from .outage import Outage, Writer
from .records import CounterSnapshot, Keyed, NewVisit, Outcome, Receipt
from .rollback import RollbackRecovery

VISIT_COMMIT_PATIENCE_S = 5.0
VISIT_COMMIT_LIMIT_S = 10.0
READ_PATIENCE_S = 1.0

Read = tuple[Any, ...]
"""(method of the store, *arguments)"""
OnBatch = Callable[[int, float], None]
OnCommit = Callable[[list[tuple[NewVisit, Receipt]]], None]


class Ledger:
    """Commits visits and reads numbers.

    `on_commit` is called on the event loop with each batch of visits and their receipts, before any `append` returns.
    Then `on_batch` is called with the size of the batch and how long its first visit took, s.

    If the database was rolled back, `recovery` repairs the count and the calls are repeated (specification: A
    rolled-back database).
    """

    def __init__(
        self, store: LedgerStore, runtime: Runtime, recovery: RollbackRecovery, on_batch: OnBatch, on_commit: OnCommit
    ) -> None:
        self._high_water = recovery.high_water
        self._high_water.merge({SITE: store.remembered()})
        self._recovery = recovery
        self._on_batch = on_batch
        self._on_commit = on_commit
        self._store = store
        self._unreadable: tuple[type[Exception], ...] = (DatabaseRolledBack, *store.unreadable)
        self._outage = Outage()
        self._writer: BatchWorker[Keyed, Outcome] = BatchWorker(
            runtime, partial(commit_jobs, store), VISIT_COMMIT_PATIENCE_S, VISIT_COMMIT_LIMIT_S, self._complete
        )
        self._reader: BatchWorker[Read, Any] | LoopBatcher[Read, Any] = (
            BatchWorker(runtime, self._answer_reads, READ_PATIENCE_S, READ_PATIENCE_S)
            if store.reads_block
            else LoopBatcher(runtime, self._answer_reads)
        )
        self._writer.interrupt_after(STUCK_S, store.interrupt)
        self._reader.interrupt_after(STUCK_S, store.interrupt_read)

    def append(self, visit: NewVisit) -> Receipt:
        """Commit a visit in a batch with all other queued visits. A visit without a `visit_id` gets a generated one, so
        that a commit with an unknown outcome can be retried. Raises LedgerUnavailable if the visit could not be
        committed, and UnknownCommunity for an unknown scope.
        """
        keyed = visit, visit.visit_id or f"~{secrets.token_urlsafe(9)}"
        began, rounds_before = time.monotonic(), self._high_water.rounds
        try:
            return self._recovery.kept(self._writer.do(keyed), rounds_before)
        except LedgerUnavailable as error:
            return self._recovered(error, keyed, began)

    def append_all(self, visits: Sequence[NewVisit]) -> list[Outcome]:
        """Commit several visits together, in this order. All must have a `visit_id`. Errors are returned,
        not raised.
        """
        keyed, rounds_before = [(visit, str(visit.visit_id)) for visit in visits], self._high_water.rounds
        try:
            jobs = self._writer.put(keyed)
        except LedgerUnavailable as error:
            return [error for _ in visits]
        with without_queueing():
            jobs[-1].waiter.wait()  # the last one finishes last, so this is one wait instead of 500
            return [self._outcome(job, rounds_before) for job in jobs]

    def _outcome(self, job: Job[Keyed, Outcome], rounds_before: int) -> Outcome:
        try:
            try:
                return self._recovery.kept(job.outcome(), rounds_before)
            except LedgerUnavailable as error:
                return self._recovered(error, job.item, job.since)
        except KoyJaboError as error:
            return error

    def _recovered(self, error: LedgerUnavailable, keyed: Keyed, began: float) -> Receipt:
        """Commit a visit again if a rollback caused `error`. Otherwise records the failure, even if the visit has not
        joined a batch, and raises `error`. `began` is when its first commit began, monotonic s.
        """
        try:
            return self._recovery.after(error, partial(self._writer.do, keyed))
        except LedgerUnavailable as error:
            self._outage.failed(error, began)
            raise

    def snapshot(self, scope: Scope = SITE) -> CounterSnapshot | None:
        """The latest committed numbers, read after this call began; None for an unknown scope. Never cached, because
        another server may write to the same database. Raises LedgerUnavailable.
        """
        read: Callable[[], CounterSnapshot | None] = partial(self._reader.do, (self._store.snapshot, scope))
        return self._recovery.current(read)

    def knows(self, scope: Scope, visitor_id: str) -> bool:
        """Whether this visitor has ever registered a visit in the scope. Raises LedgerUnavailable."""
        return bool(self._reader.do((self._store.knows, scope, visitor_id)))

    def read(self, query: LedgerQuery) -> Any:
        """Run a feature's query. Raises LedgerUnavailable."""
        return self._reader.do((self._store.run, SITE, query))

    def writer(self) -> Writer:
        return self._outage.writer(*self._writer.waiting())

    def close(self) -> None:
        """Commit the queued visits and close the database."""
        self._writer.close()
        self._reader.close()
        self._store.close()

    # The following methods run on a real thread, except for SQLite reads. They must not log or use objects of the event
    # loop.

    def _answer_reads(self, take: Callable[[], list[Job[Read, Any]]]) -> None:
        """Run all waiting reads together. Identical reads share a result, which is read after the last of them has
        arrived.
        """
        results: dict[Read, Any] = {}
        for job in take():
            try:
                if job.item not in results:
                    results[job.item] = self._read(*job.item)
                job.result = results[job.item]
            except self._unreadable as error:
                job.error = LedgerUnavailable.because(error)

    def _read(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Run a read. Raises DatabaseRolledBack if its numbers are below the marks. A community may be below its mark
        because it was restored from the archive, so the site's counter decides.
        """
        site, own = self._high_water.site, self._high_water.of(arguments[0])
        result = method(*arguments)
        if isinstance(result, CounterSnapshot):
            if result.scope == SITE:
                require_not_below(result, site)
            elif own.is_above(mark_of(result)):
                self._read(self._store.snapshot, SITE)
        return result

    # The following methods run on the event loop.

    def _complete(self, jobs: list[Job[Keyed, Outcome]]) -> None:
        errors = [job.error for job in jobs if job.error]
        failed = [error for error in errors if not (isinstance(error, LedgerUnavailable) and rollback_of(error))]
        if failed:
            self._outage.failed(failed[0], jobs[0].since)
        elif jobs and not errors:  # otherwise the calls are retried, and may still succeed
            self._outage.succeeded()
        committed = [(job.item[0], job.result) for job in jobs if isinstance(job.result, Receipt)]
        if committed:
            self._on_batch(len(committed), time.monotonic() - jobs[0].since)
            self._on_commit(committed)
