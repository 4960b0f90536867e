"""Runs recounts of the ledger, one at a time: in the background (every night, or for an admin), and for the command
line, which can also repair derived tables (in an application context).
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.cluster.workers import Progress
from koyjabo.base.core.errors import KoyJaboError, LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.base.core.runtime import Advance, ReportProgress
from koyjabo.base.database import engine
from koyjabo.base.database.engine import exclusive_transaction
from koyjabo.base.database.outage_causes import reason_of
from koyjabo.base.database.rows import raise_sequences
from koyjabo.base.jobs import job_queries
from koyjabo.base.jobs.claims import ClaimLost, WorkLease, is_stored
from koyjabo.columns.columns import Columns
from koyjabo.people.audit import log as audit, queries
from koyjabo.people.audit.log import Actor, Subject
from koyjabo.people.audit.queries import AuditRecord
from . import repair_queries
from .recount_queries import MAX_STORED_PROBLEMS, RecountResult, newest_id, recount

log = logging.getLogger(__name__)

RECOUNT_BEGUN, RECOUNT_ENDED = "ledger.recount", "ledger.recounted"
LEDGER_SUBJECT = Subject("ledger", "", "")

RECOUNT_ACTIONS = {
    RECOUNT_BEGUN: N_("Recount started"),
    RECOUNT_ENDED: N_("Recount finished"),
    "ledger.repair": N_("Numbers repaired"),
    "total.set": N_("Total changed"),
}
ROUTINE_RECOUNT_ACTIONS = {RECOUNT_BEGUN: "", RECOUNT_ENDED: '"agrees": true'}

RECOUNT_LEASE = "recount"
"""The row in `nightly_work` that names the worker that recounts."""

LEASE_RENEWAL_S = 10.0
"""Seconds between renewals of the lease."""

INTERRUPTION_PAUSE_MS = 3_600_000
"""An interrupted or failed nightly recount is started again this long after it began, ms."""

MAX_CLOCK_DIFFERENCE_MS = 5_000
"""How far the clocks of two servers may differ, ms."""

RECOUNT_TIME = "04:30"
"""Time of day in TIMEZONE when the nightly recount begins. Retention has finished by then."""

REPAIR_REASON = "koyjabo verify --repair"
PAIRS_REASON = "rows with the same key were separated"


class RecountState(NamedTuple):
    """The state of recounts. `last` is the latest audit entry about a recount. A RECOUNT_ENDED entry has the details
    `agrees`, `rows`, `seconds`, `problems` (at most MAX_STORED_PROBLEMS sentences) and `problem_count`, or an `error`
    if the recount failed. Unless `running` is set, a RECOUNT_BEGUN entry means that the recount was interrupted.
    """

    running: Progress | None  # on any worker
    last: AuditRecord | None


def store_recount(session: Any, by: Actor, details: dict[str, Any]) -> None:
    """Store an audit entry for the end of a recount at `by.at_ms`."""
    by.entry(RECOUNT_ENDED, LEDGER_SUBJECT, **details).store(session)


class Recounts:
    """Runs recounts. Methods that take an account raise Forbidden unless it is an admin of the site. All raise
    LedgerUnavailable.
    """

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._runtime = base.runtime
        self._workers = base.cluster.workers
        self._on_change: Callable[[], None] = lambda: None
        self._columns = base.services[Columns]
        self._lease = WorkLease(base.database, base.clock, RECOUNT_LEASE)
        self._run: _Run | None = None

    def follow(self, on_change: Callable[[], None]) -> None:
        """Set the function to call when a recount begins or ends on this worker."""
        self._on_change = on_change

    def run(self, progress: ReportProgress) -> RecountResult:
        """Recount a snapshot of the whole database for the operator. `progress` is called on another thread."""

        def count(session: Any) -> RecountResult:
            connection = session.connection()
            with progress(newest_id(connection, "visits"), "Recounting") as advance:
                return recount(connection, advance, self._columns, self._clock)

        return self._database.long_read(count)

    def verify(self, progress: ReportProgress) -> RecountResult:
        """Like `run`, but also write the result to the audit log, so that the server knows about it."""
        by, began_ms = audit.actor(OPERATOR, self._clock), self._clock.elapsed_ms()
        result = self.run(progress)
        details = {**result.details(), "seconds": self._seconds_since(began_ms)}
        try:
            self._database.write(store_recount, by._replace(at_ms=self._clock.now_ms()), details)
        except LedgerUnavailable as error:  # the command still gets its result
            log.warning("recount_not_recorded cause=%r", reason_of(error))
        return result

    def repair(self, progress: ReportProgress) -> tuple[list[str], list[str]]:
        """Raise sequences that are behind, and recount. If there are problems, repair them and recount again, in one
        transaction that makes writers wait. If a total falls, a new epoch begins, so that pages accept it. Needs an
        application context. Returns the problems that were repaired and those that are left, one sentence each. Raises
        LedgerUnavailable and UnusableDatabase.
        """
        with engine.translated_errors():
            self._database.write(lambda session: raise_sequences(session.connection()))
            if not self.verify(progress).problems:
                return [], []
            with exclusive_transaction() as connection:
                with progress(3 * newest_id(connection, "visits"), "Repairing") as advance:
                    before = repair_queries.repair(connection, self._clock, advance, self._columns, REPAIR_REASON)
                    result = recount(connection, advance, self._columns, self._clock)
                by = audit.actor(OPERATOR, self._clock)
                left = result.problems
                repaired = [problem for problem in before if problem not in left]
                if repaired:
                    details = {
                        "problems": repaired[:MAX_STORED_PROBLEMS],
                        "problem_count": len(repaired),
                        "left": len(left),
                    }
                    by.entry("ledger.repair", LEDGER_SUBJECT, **details).store(connection)
                    by.entry(RECOUNT_ENDED, LEDGER_SUBJECT, **result.details(), seconds=0.0).store(connection)
            return repaired, left

    def repair_separated(self) -> None:
        """Repair what is derived from rows that a migration has separated (`base.database.pairs_postgres`). Needs an
        application context. Raises LedgerUnavailable and UnusableDatabase.
        """
        with engine.translated_errors():
            if not self._database.read(job_queries.separated_rows):
                return
            with exclusive_transaction() as connection:
                if job_queries.separated_rows(connection):  # no other worker has just done it
                    problems = repair_queries.repair(connection, self._clock, lambda rows: None, None, PAIRS_REASON)
                    job_queries.forget_separated_rows(connection)
                    log.warning("pairs_recounted problems=%d", len(problems))

    def store_blocks(self, progress: ReportProgress) -> None:
        """Store all blocks of columns that are due, for example after a repair."""
        behind = self._database.read(lambda session: self._columns.read(session).behind)
        with progress(behind, "Reading visits for reports") as advance:
            self._columns.catch_up(advance)

    def tick(self) -> None:
        """Begin a recount, unless there has been one since the last RECOUNT_TIME that covers half of the visits. Call
        this every half minute.
        """
        since_ms = self._clock.newest_ms(RECOUNT_TIME)
        with suppress(LedgerUnavailable):  # the next call tries again
            last, visits = self._database.read(_newest_and_visits)
            if last and is_outgrown(last.details.get("rows") if "agrees" in last.details else None, visits):
                since_ms = last.at_ms + 1
            if self._run is None and not _was_since(since_ms, last, self._clock.now_ms()):
                self.begin(OPERATOR, since_ms)

    def renew(self) -> None:
        """Renew the lease of a running recount. If another worker has taken it, the recount ends without a result. Call
        this every LEASE_RENEWAL_S.
        """
        run = self._run
        if run is not None:
            with suppress(LedgerUnavailable):  # the next call tries again
                run.is_lost = not self._lease.keep()

    def close(self) -> None:
        """Let another worker recount at once."""
        self._lease.release()

    def begin(self, account: Account, since_ms: int | None = None) -> None:
        """Begin a recount in the background. When it ends, an audit entry is written. Does nothing while a worker is
        recounting, or if there has been a recount since `since_ms`.

        The recount ends with its worker: SIGTERM does not wait for it, because it may take hours. The audit log then
        contains only the RECOUNT_BEGUN entry, and `tick` on any worker starts another recount after
        INTERRUPTION_PAUSE_MS.
        """
        account.require_site_admin()
        by = audit.actor(account, self._clock)
        # A worker of the previous version has no lease.
        if self._running() is not None or not self._lease.is_free():
            return
        worker = self._lease.holder()

        def operation(session: Any) -> bool:
            """Take the lease and write the RECOUNT_BEGUN entry. All workers try to begin the nightly recount."""
            if not job_queries.take_lease(session, RECOUNT_LEASE, worker, by.at_ms):
                return False
            if since_ms is not None and _was_since(since_ms, _newest(session), by.at_ms):
                job_queries.release_lease(session, RECOUNT_LEASE, worker)
                return False
            by.entry(RECOUNT_BEGUN, LEDGER_SUBJECT).store(session)
            return True

        if self._database.write(operation):
            self._run = _Run(Progress(by.at_ms, 0, 0))
            self._on_change()
            self._runtime.start_task(partial(self._recount, self._run, by))

    def progress(self) -> Progress | None:
        """The progress of this worker's recount, or None."""
        return self._run.progress if self._run is not None else None

    def state(self, account: Account) -> RecountState:
        """The state, for admins and viewers of the site."""
        account.require_site_viewer()
        running, last = self._running(), self._database.read(_newest)
        if last and last.action == RECOUNT_BEGUN and running is None:
            if self._lease.is_free():
                last = self._database.read(_newest)  # it may have just ended
            else:  # its worker has not reported yet, or Redis is unavailable
                running = Progress(last.at_ms, 0, 0)
        return RecountState(running, last)

    def _running(self) -> Progress | None:
        """The progress of a recount on this worker, or on one that has reported it."""
        return self.progress() or next((worker.recount for worker in self._workers.live() if worker.recount), None)

    def _recount(self, run: "_Run", by: Actor) -> None:
        began_ms, worker = self._clock.elapsed_ms(), self._lease.worker
        try:
            details = self._details(run) | {"rows": run.progress.rows, "seconds": self._seconds_since(began_ms)}
            ended_by = by._replace(at_ms=self._clock.now_ms())

            def operation(session: Any) -> None:
                """Do nothing if an attempt that timed out has succeeded, or if another worker has taken over."""
                if job_queries.keep(session, RECOUNT_LEASE, worker, ended_by.at_ms):
                    store_recount(session, ended_by, details)
                    job_queries.release_lease(session, RECOUNT_LEASE, worker)

            if not is_stored(lambda: self._database.write(operation)):
                log.error("recount_not_written agrees=%s", details.get("agrees"))
        except ClaimLost:
            log.warning("recount_replaced")
        finally:
            self._run = None
            self._on_change()

    def _details(self, run: "_Run") -> dict[str, Any]:
        """The details of the audit entry. Raises ClaimLost."""
        try:
            return self.run(run.reported).details()
        except ClaimLost:
            raise
        except KoyJaboError as error:
            return {"error": str(error)}
        except Exception:
            log.exception("recount_failed")
            return {"error": KoyJaboError.sentence}

    def _seconds_since(self, began_ms: int) -> float:
        return round((self._clock.elapsed_ms() - began_ms) / 1000, 1)


@dataclass(slots=True)
class _Run:
    """A recount on this worker."""

    progress: Progress
    is_lost: bool = False  # whether another worker has taken the lease

    @contextmanager
    def reported(self, rows: int, label: str) -> Iterator[Advance]:
        """Count progress. Runs on a real thread."""
        self.progress = self.progress._replace(rows=rows)
        yield self._advance

    def _advance(self, rows: int) -> None:
        if self.is_lost:
            raise ClaimLost
        self.progress = self.progress._replace(done=self.progress.done + rows)


def _newest(session: Any) -> AuditRecord | None:
    """The latest audit entry about a recount."""
    lines = [line for action in (RECOUNT_BEGUN, RECOUNT_ENDED) for line in queries.newest(session, (action,), 1)]
    return max(lines, key=lambda line: line.id, default=None)


def _newest_and_visits(session: Any) -> tuple[AuditRecord | None, int]:
    return _newest(session), newest_id(session.connection(), "visits")


def is_outgrown(recounted: int | None, visits: int) -> bool:
    """Whether a recount of that many visits covers less than half of them."""
    return recounted is not None and 2 * recounted < visits


def _was_since(at_ms: int, last: AuditRecord | None, now_ms: int) -> bool:
    """Whether the entry is from that time or later. An interrupted or failed recount counts only for
    INTERRUPTION_PAUSE_MS. An entry from the future is ignored, because a clock must have been wrong.
    """
    if last is None or not at_ms <= last.at_ms <= now_ms + MAX_CLOCK_DIFFERENCE_MS:
        return False
    has_result = last.action == RECOUNT_ENDED and "error" not in last.details
    return has_result or now_ms - last.at_ms < INTERRUPTION_PAUSE_MS
