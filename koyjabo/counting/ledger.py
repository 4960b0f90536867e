"""The ledger: every visit once, under an ordinal nobody else has, on disk before anybody is told.

Visits that arrive together are committed together by one real thread (see `group`); the statements are in the sibling
modules `sqlite` and `postgres`.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from sqlalchemy.engine import URL

from koyjabo.clock import Clock
from koyjabo.counting.records import Figures, NewVisit, Receipt
from koyjabo.database.batch_worker import Group, Job
from koyjabo.database.lease import Fence
from koyjabo.database.loop_batcher import Turn
from koyjabo.errors import KoyJaboError, LedgerUnavailable
from koyjabo.models import SITE, Scope
from koyjabo.runtime import Runtime

log = logging.getLogger(__name__)

COMMIT_PATIENCE_S = 5.0
COMMIT_LIMIT_S = 10.0
READ_PATIENCE_S = 1.0
FAILED_LATELY_S = 10.0
"""How long a failed commit is remembered: whoever is sent elsewhere because of it cannot show that it is over."""

Keyed = tuple[NewVisit, str]
Outcome = Receipt | KoyJaboError
Read = tuple[Any, ...]
"""A method of the store, and its arguments."""
Take = Callable[[], list[Job[Keyed, Outcome]]]
OnBatch = Callable[[int, float], None]
OnCommit = Callable[[list[tuple[NewVisit, Receipt]]], None]


class LedgerStore(Protocol):
    """One database's way of keeping the ledger. SQLite and PostgreSQL are siblings of this file.

    `commit`, `writing` are called by one real thread; `figures` and `knows` by another, or by the requests themselves
    where `reads_block` is false. `commit` raises one of `unavailable` when the database cannot be reached or is locked;
    any other error is the fault of one visit. Reads raise one of `unreadable`.
    """

    unavailable: tuple[type[Exception], ...]
    unreadable: tuple[type[Exception], ...]
    reads_block: bool

    def writing(self): ...

    def commit(self, batch: list[Keyed]) -> list[Outcome]: ...

    def figures(self, scope: Scope) -> Figures | None: ...

    def knows(self, scope: Scope, visitor_id: str) -> bool: ...

    def close(self) -> None: ...


def open_store(database: URL, clock: Clock, fence: Fence = lambda cursor: None) -> LedgerStore:
    """The store for a database URL, as `config` normalises it. Nothing is connected yet.

    On PostgreSQL, `fence` is called within each transaction that writes. If it raises, `commit` writes nothing and
    raises the same.
    """
    if database.get_backend_name() == "sqlite":
        from koyjabo.counting.ledger_sqlite import SqliteStore

        return SqliteStore(str(database.database), clock)
    from koyjabo.counting.ledger_postgres import PostgresStore

    return PostgresStore(database, clock, fence)


class Writer(NamedTuple):
    """How those do who write."""

    waiting: int  # visits that are not committed yet
    oldest_s: float  # how long the first of them has waited
    has_failed: bool  # something could not be committed within FAILED_LATELY_S, and nothing was since


class Ledger:
    """`on_commit` is given the visits of each batch with their receipts, on the loop, before any `append` returns;
    `on_batch` is told how many jobs the batch had, and how long the first of them took, s.
    """

    def __init__(self, store: LedgerStore, runtime: Runtime, on_batch: OnBatch, on_commit: OnCommit) -> None:
        self._on_batch = on_batch
        self._on_commit = on_commit
        self._store = store
        self._failing = False
        self._failed_at = 0.0  # monotonic s
        self._writer: Group[Keyed, Outcome] = Group(
            runtime, self._commit, COMMIT_PATIENCE_S, COMMIT_LIMIT_S, self._done
        )
        self._reader: Group[Read, Any] | Turn[Read, Any] = (
            Group(runtime, self._answer, READ_PATIENCE_S, READ_PATIENCE_S)
            if store.reads_block
            else Turn(runtime, self._answer)
        )

    def append(self, visit: NewVisit) -> Receipt:
        """Commit a visit, together with whatever else is waiting.

        A visit that the client did not name gets a name of ours, so that a commit whose fate is unknown can be tried
        again. Raises LedgerUnavailable when nothing could be committed, UnknownCommunity for a scope that is none.
        """
        try:
            outcome = self._writer.do((visit, visit.visit_id or f"~{secrets.token_urlsafe(9)}"))
        except LedgerUnavailable as error:
            self._note_health(error)  # it may have been given up before any batch took it
            raise
        if isinstance(outcome, KoyJaboError):
            raise outcome
        return outcome

    def figures(self, scope: Scope = SITE) -> Figures | None:
        """The newest committed figures, read after this call began; None when there is no such scope.

        Always read, never remembered: another server may write to the same database. Raises LedgerUnavailable.
        """
        return self._reader.do((self._store.figures, scope))

    def knows(self, scope: Scope, visitor_id: str) -> bool:
        """Whether this visitor has ever registered a visit in `scope`. Raises LedgerUnavailable."""
        return self._reader.do((self._store.knows, scope, visitor_id))

    def writer(self) -> Writer:
        lately = time.monotonic() - self._failed_at < FAILED_LATELY_S
        return Writer(*self._writer.waiting(), self._failing and lately)

    def close(self) -> None:
        """Commit what waits and leave the database."""
        self._writer.close()
        self._reader.close()
        self._store.close()

    # On real threads (reads of SQLite apart): these neither log nor touch anything that belongs to the loop.

    def _answer(self, take: Callable[[], list[Job[Read, Any]]]) -> None:
        """Reads that wait together and ask for the same share one answer, begun after the last of them arrived."""
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
        except OSError as error:  # the lock beside the file cannot be had
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
            else:  # one of them is to blame: let it fail alone
                for job in jobs:
                    self._commit_together([job])
        else:
            for job, outcome in zip(jobs, outcomes, strict=True):
                job.result = outcome

    # On the loop again.

    def _done(self, jobs: list[Job[Keyed, Outcome]]) -> None:
        if jobs:
            self._note_health(next((job.error for job in jobs if job.error), None))
        committed = [(job.item[0], job.result) for job in jobs if isinstance(job.result, Receipt)]
        if committed:
            self._on_batch(len(committed), time.monotonic() - jobs[0].since)
            self._on_commit(committed)

    def _note_health(self, error: Exception | None) -> None:
        """One line when commits begin to fail and one when it is over, not one a visit."""
        if error:
            self._failed_at = time.monotonic()
        if bool(error) != self._failing:
            self._failing = not self._failing
            if error:
                log.error("ledger_unavailable cause=%r", str(error.__cause__ or error).strip())
            else:
                log.warning("ledger_recovered")
