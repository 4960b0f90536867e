"""The ledger: stores every visit once, under a unique ordinal, on disk before the request is answered.

One real thread commits visits that arrive together in one transaction (see `database.batch_worker`). The statements are
in the sibling modules `ledger_sqlite` and `ledger_postgres`.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from sqlalchemy.engine import URL

from koyjabo.core.clock import Clock
from koyjabo.core.errors import KoyJaboError, LedgerUnavailable
from koyjabo.core.runtime import Runtime, out_of_turn
from koyjabo.counting.high_water import (
    DatabaseWentBack,
    HighWater,
    HighWaterMark,
    mark_of,
    require_not_below,
    rollback_of,
)
from koyjabo.counting.milestones import NO_MILESTONES, Milestones
from koyjabo.counting.records import CounterSnapshot, NewVisit, Receipt
from koyjabo.database.batch_worker import STUCK_S, BatchStore, BatchWorker, Job, LoopBatcher, commit_jobs
from koyjabo.database.lease import Fence
from koyjabo.database.outage_causes import cause_of
from koyjabo.models import SITE, Scope

log = logging.getLogger(__name__)

COMMIT_PATIENCE_S = 5.0
COMMIT_LIMIT_S = 10.0
READ_PATIENCE_S = 1.0

ATTEMPTS = 5
"""How often a call goes on after the database has gone back: on another server, and perhaps on one after that."""

FAILED_LATELY_S = 10.0
"""How long a failed commit counts as a current failure. A load balancer that sends visits elsewhere because of it would
otherwise never see the recovery, since no commit would show it.
"""

MOST_REFUSED = 20_000
"""So many refused visits of an outage are told apart; more are not counted."""

Keyed = tuple[NewVisit, str]
Outcome = Receipt | KoyJaboError
Read = tuple[Any, ...]
"""(method of the store, *arguments)"""
OnBatch = Callable[[int, float], None]
OnCommit = Callable[[list[tuple[NewVisit, Receipt]]], None]


class LedgerStore(BatchStore[Keyed, Outcome], Protocol):
    """The ledger's operations on one database. `ledger_sqlite` and `ledger_postgres` implement it.

    One real thread calls `commit` and `writing`. Another one calls `snapshot` and `knows`; if `reads_block` is false,
    the requests call them. Reads raise one of `unreadable`.
    """

    unreadable: tuple[type[Exception], ...]
    reads_block: bool

    def snapshot(self, scope: Scope) -> CounterSnapshot | None: ...

    def knows(self, scope: Scope, visitor_id: str) -> bool: ...

    def interrupt_read(self) -> None:
        """Called by another thread: let a read fail if it waits for a server."""

    def remembered(self) -> HighWaterMark:
        """The site's mark, as far as the database's files remember it."""

    def close(self) -> None: ...


def open_store(
    database: URL,
    clock: Clock,
    fence: Fence = lambda cursor: None,
    milestones: Milestones = NO_MILESTONES,
    high_water: HighWater | None = None,
) -> LedgerStore:
    """The store for a database URL as `settings` normalises it. Opens no connection yet. Its visits reach `milestones`.

    `commit` raises DatabaseWentBack while the site's counter stands below `high_water`. On PostgreSQL, `fence` is
    called within each transaction that writes. If it raises, `commit` writes nothing and raises the same.
    """
    if database.get_backend_name() == "sqlite":
        from koyjabo.counting.ledger_sqlite import SqliteStore

        return SqliteStore(str(database.database), clock, milestones, high_water or HighWater())
    from koyjabo.counting.ledger_postgres import PostgresStore

    return PostgresStore(database, clock, fence, milestones, high_water or HighWater())


class Writer(NamedTuple):
    """The state of the queue of commits."""

    waiting: int  # uncommitted visits
    oldest_s: float  # how long the first of them has waited
    has_failed: bool  # a commit failed within the last FAILED_LATELY_S, and none has succeeded since
    failing_since: float | None  # when the first visit came that failed; None after a success; monotonic s
    failed_at: float  # of the newest failure, monotonic s; 0.0 before the first
    cause: str = ""  # of the failures, one of `outage_causes.CAUSES`; "" if they do not say
    refused: int = 0  # the visits that failed since then, each counted once however often it was sent


class Ledger:
    """Commits visits and reads figures.

    Calls `on_commit` on the event loop with the visits of each batch and their receipts, before any `append` returns;
    then `on_batch` receives the size of the batch and how long its first visit took, s. Calls `recover` when the
    database has gone back behind `high_water`, and tries again.
    """

    def __init__(
        self,
        store: LedgerStore,
        runtime: Runtime,
        high_water: HighWater,
        recover: Callable[[DatabaseWentBack], None],
        on_batch: OnBatch,
        on_commit: OnCommit,
    ) -> None:
        high_water.merge({SITE: store.remembered()})
        self._high_water = high_water
        self._recover = recover
        self._on_batch = on_batch
        self._on_commit = on_commit
        self._store = store
        self._failing_since: float | None = None  # monotonic s, like the next
        self._failed_at = 0.0
        self._cause = ""
        self._refused: set[tuple[str, str]] = set()
        self._writer: BatchWorker[Keyed, Outcome] = BatchWorker(
            runtime, partial(commit_jobs, store), COMMIT_PATIENCE_S, COMMIT_LIMIT_S, self._complete
        )
        self._reader: BatchWorker[Read, Any] | LoopBatcher[Read, Any] = (
            BatchWorker(runtime, self._answer_reads, READ_PATIENCE_S, READ_PATIENCE_S)
            if store.reads_block
            else LoopBatcher(runtime, self._answer_reads)
        )
        self._writer.interrupt_after(STUCK_S, store.interrupt)
        self._reader.interrupt_after(STUCK_S, store.interrupt_read)

    def append(self, visit: NewVisit) -> Receipt:
        """Commit a visit in one batch with all other queued visits.

        A visit without a `visit_id` gets a generated one, so that a commit with an unknown outcome can be retried.
        A commit from before the database was found to have gone back is looked up again, and if it is gone, the visit
        is committed again. Raises LedgerUnavailable when the visit could not be committed, UnknownCommunity for an
        unknown scope.
        """
        keyed, first, refused = (visit, visit.visit_id or f"~{secrets.token_urlsafe(9)}"), None, 0
        until = time.monotonic() + COMMIT_LIMIT_S
        while refused < ATTEMPTS and time.monotonic() < until:
            questions = self._high_water.questions
            receipt = self._commit(keyed)
            if receipt is None:
                refused += 1
                continue
            if first and receipt.duplicate:  # of this very call
                receipt = receipt._replace(duplicate=first.duplicate)
            if self._stands(receipt, questions):
                return receipt
            first = first or receipt
        raise LedgerUnavailable

    def append_all(self, visits: Sequence[NewVisit]) -> list[Receipt | KoyJaboError]:
        """As `append`, for visits that all have a `visit_id`: together and in this order. Returns errors."""
        questions = self._high_water.questions
        try:
            jobs = self._writer.put([(each, str(each.visit_id)) for each in visits])
        except LedgerUnavailable as error:
            for each in visits:
                self._note_refused((each, str(each.visit_id)))
            return [error for _ in visits]
        with out_of_turn():
            jobs[-1].waiter.wait()  # when the last one is done, the others are: one wait instead of 500
            return [self._settle(job, questions) for job in jobs]

    def _settle(self, job: Job[Keyed, Outcome], questions: int) -> Receipt | KoyJaboError:
        first, visit = None, job.item[0]
        try:
            outcome = job.outcome()
            if isinstance(outcome, KoyJaboError) or self._stands(outcome, questions):
                return outcome
            first = outcome
        except LedgerUnavailable as error:
            if rollback_of(error) is None:
                self._note_health(error, time.monotonic())
                self._note_refused(job.item)
                return error
        try:
            receipt = self.append(visit)  # the database seems to have gone back
        except KoyJaboError as error:
            return error
        return receipt._replace(duplicate=first.duplicate) if first and receipt.duplicate else receipt

    def _stands(self, receipt: Receipt, questions: int) -> bool:
        """Whether a receipt may be sent that was committed after the question of this number."""
        return questions == self._high_water.questions and receipt.snapshot.epoch >= self._high_water.site.epoch

    def _commit(self, keyed: Keyed) -> Receipt | None:
        """None when the database seemed to have gone back; it goes on now."""
        came_at = time.monotonic()
        try:
            outcome = self._do(keyed)
        except LedgerUnavailable as error:
            self._note_health(error, came_at)  # it may have timed out before any batch included it
            self._note_refused(keyed)
            raise
        if isinstance(outcome, KoyJaboError):
            raise outcome
        return outcome

    def _do(self, keyed: Keyed) -> Outcome | None:
        try:
            return self._writer.do(keyed)
        except LedgerUnavailable as error:
            self._recover_from(error)
        return None

    def _recover_from(self, error: LedgerUnavailable) -> None:
        """Raises `error` if it has another cause than a database that seems to have gone back."""
        cause = rollback_of(error)
        if cause is None:
            raise error
        self._recover(cause)

    def snapshot(self, scope: Scope = SITE) -> CounterSnapshot | None:
        """The newest committed figures, read after this call began; None for an unknown scope.

        Never cached, because another server may write to the same database. Raises LedgerUnavailable.
        """
        for _ in range(ATTEMPTS):
            try:
                snapshot: CounterSnapshot | None = self._reader.do((self._store.snapshot, scope))
            except LedgerUnavailable as error:
                self._recover_from(error)
            else:
                return snapshot
        raise LedgerUnavailable

    def knows(self, scope: Scope, visitor_id: str) -> bool:
        """Whether this visitor has ever registered a visit in `scope`. Raises LedgerUnavailable."""
        return bool(self._reader.do((self._store.knows, scope, visitor_id)))

    def writer(self) -> Writer:
        lately = time.monotonic() - self._failed_at < FAILED_LATELY_S
        has_failed = self._failing_since is not None and lately
        waiting, oldest_s = self._writer.waiting()
        refused = len(self._refused)
        return Writer(waiting, oldest_s, has_failed, self._failing_since, self._failed_at, self._cause, refused)

    def close(self) -> None:
        """Commit the queued visits and close the database."""
        self._writer.close()
        self._reader.close()
        self._store.close()

    # Runs on a real thread, except for reads of SQLite: it must not log or use objects of the event loop.

    def _answer_reads(self, take: Callable[[], list[Job[Read, Any]]]) -> None:
        """Equal reads that wait together share one answer, read after the last of them arrived."""
        answers: dict[Read, Any] = {}
        for job in take():
            try:
                if job.item not in answers:
                    answers[job.item] = self._read(*job.item)
                job.result = answers[job.item]
            except DatabaseWentBack as error:
                job.error = LedgerUnavailable.because(error)
            except self._store.unreadable as error:
                job.error = LedgerUnavailable.because(error)

    def _read(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Where a community stands below its mark, the site's counter says whether the database went back: a community
        that is restored from the archive may do so as well.
        """
        site, own = self._high_water.site, self._high_water.of(arguments[0])
        answer = method(*arguments)
        if isinstance(answer, CounterSnapshot):
            if answer.scope == SITE:
                require_not_below(answer, site)
            elif own.is_above(mark_of(answer)):
                self._read(self._store.snapshot, SITE)
        return answer

    # Run on the event loop.

    def _complete(self, jobs: list[Job[Keyed, Outcome]]) -> None:
        if jobs:
            self._note_outcomes(jobs)
        committed = [(job.item[0], job.result) for job in jobs if isinstance(job.result, Receipt)]
        if committed:
            self._on_batch(len(committed), time.monotonic() - jobs[0].since)
            self._on_commit(committed)

    def _note_outcomes(self, jobs: list[Job[Keyed, Outcome]]) -> None:
        errors = [job.error for job in jobs if job.error]
        failed = [each for each in errors if not (isinstance(each, LedgerUnavailable) and rollback_of(each))]
        if failed or not errors:  # else the calls go on: whether they fail is not known yet
            self._note_health(failed[0] if failed else None, jobs[0].since)

    def _note_health(self, error: Exception | None, came_at: float) -> None:
        """Log one line when commits begin to fail and one when they succeed again, instead of one for each visit."""
        was_failing = self._failing_since is not None
        if error:
            self._failed_at = time.monotonic()
            self._failing_since = self._failing_since if was_failing else came_at
            self._cause = cause_of(error.__cause__ or error) or self._cause
            if not was_failing:
                log.error("ledger_unavailable cause=%r", str(error.__cause__ or error).strip())
        elif was_failing:
            self._failing_since, self._cause = None, ""
            self._refused.clear()
            log.warning("ledger_recovered")

    def _note_refused(self, keyed: Keyed) -> None:
        if len(self._refused) < MOST_REFUSED:
            self._refused.add((keyed[0].visitor_id, keyed[1]))
