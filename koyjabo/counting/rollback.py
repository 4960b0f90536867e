"""Continues the count after the database was rolled back (specification: A rolled-back database)."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import KoyJaboError, LedgerUnavailable
from koyjabo.base.core.runtime import without_queueing
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import SITE, Scope
from koyjabo.people.audit.log import Actor, Subject
from . import rollback_queries
from .high_water import DatabaseRolledBack, HighWater, HighWaterMark, SharedHighWater, rollback_of
from .records import Outcome, Receipt
from .rollback_queries import LostVisits, NewEpoch

MAX_RECOVERIES = 5
"""How many times a call may recover from a rollback. A failover may lead to a second server that was rolled back."""

COMMIT_RETRY_S = 10.0
"""Time limit for retrying a commit, s."""

FAST_FAILURE_S = 1.0
"""An attempt that fails faster than this has probably hit a broken connection, so a second attempt is worthwhile, s."""

log = logging.getLogger(__name__)

Read = TypeVar("Read")


LOGGED_FIELDS = ("scope", "from", "to", "lost")


class Overtaken(LedgerUnavailable):
    """A visit was committed, but marks of other workers were collected before its receipt was used: if the database was
    rolled back in between, the visit may be lost.
    """

    def __init__(self, receipt: Receipt) -> None:
        super().__init__()
        self.receipt = receipt


class RollbackRecovery:
    """Detects rollbacks, and begins a new epoch after one. `ask` sends a request to all other workers, which then call
    `shared.reply` with it. `count` is called once per detected rollback.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        high_water: HighWater,
        shared: SharedHighWater,
        ask: Callable[[str], object],
        count: Callable[[], None],
    ) -> None:
        self.shared = shared
        self._database = database
        self._clock = clock
        self.high_water = high_water
        self._ask = ask
        self._count = count
        self._recovering = threading.Lock()
        self._failures = 0

    def kept(self, outcome: Outcome, rounds_before: int) -> Receipt:
        """The receipt of a commit that no rollback has overtaken. `rounds_before` is the value of `HighWater.rounds`
        before the commit began. Raises Overtaken, and the error if `outcome` is one.
        """
        if isinstance(outcome, KoyJaboError):
            raise outcome
        if rounds_before == self.high_water.rounds and outcome.snapshot.epoch >= self.high_water.site.epoch:
            return outcome
        raise Overtaken(outcome)

    def after(self, error: LedgerUnavailable, commit: Callable[[], Outcome]) -> Receipt:
        """Recover from the rollback that caused `error`, and commit the visit again, for up to COMMIT_RETRY_S.
        `commit` looks the visit up, and writes it if it is gone.

        Raises `error` if something else caused it, any error that a commit raises, and LedgerUnavailable if the
        database is rolled back repeatedly.
        """
        until = time.monotonic() + COMMIT_RETRY_S
        first: Receipt | None = None
        recoveries = 0
        while recoveries < MAX_RECOVERIES and time.monotonic() < until:
            if isinstance(error, Overtaken):
                first = first or error.receipt
            else:
                self._recover_from(error)
                recoveries += 1
            rounds_before = self.high_water.rounds
            try:
                outcome = commit()
                if first and isinstance(outcome, Receipt) and outcome.duplicate:
                    outcome = outcome._replace(duplicate=first.duplicate)  # it repeats the first attempt, not a request
                return self.kept(outcome, rounds_before)
            except LedgerUnavailable as next_error:
                error = next_error
        raise LedgerUnavailable

    def current(self, read: Callable[[], Read]) -> Read:
        """Run `read`, and repeat it after a rollback. Raises LedgerUnavailable."""
        for _ in range(MAX_RECOVERIES):
            try:
                return read()
            except LedgerUnavailable as error:
                self._recover_from(error)
        raise LedgerUnavailable

    def _recover_from(self, error: LedgerUnavailable) -> None:
        """Recover if `error` was caused by a rollback; otherwise raise it."""
        cause = rollback_of(error)
        if cause is None:
            raise error
        self.recover(cause)

    def recover(self, cause: DatabaseRolledBack) -> None:
        """Collect the marks of all live workers. If the site's counter is below them, begin a new epoch. Returns when
        this worker knows the new epoch, even if another worker began it. Raises LedgerUnavailable, including for
        calls that waited for a failed attempt.
        """
        self.high_water.merge({SITE: cause.mark})
        failures = self._failures
        with without_queueing(), self._recovering:
            if self._failures != failures:
                raise LedgerUnavailable
            try:
                if cause.server and self.high_water.server != cause.server:
                    self._gather()  # no more commits on the previous server can follow
                    self._prepare_server()
                    self.high_water.server = cause.server
                elif not cause.server and self.high_water.site.epoch <= cause.mark.epoch:  # no epoch has begun since
                    self._begin_epoch()
            except LedgerUnavailable:
                self._failures += 1
                raise

    def _gather(self) -> None:
        self.high_water.rounds += 1
        self.shared.gather(self._ask)

    def _prepare_server(self) -> None:
        """Prepare the server for writing, if possible. Otherwise, the first write that fails does it."""
        for _ in range(2):  # the first connection may be to the previous server
            with suppress(LedgerUnavailable):
                self._database.write(rollback_queries.prepare_server)
                break

    def _begin_epoch(self) -> None:
        self._gather()
        marks, began = self.high_water.all(), time.monotonic()
        try:
            all_lost, standing = self._write(marks)
        except LedgerUnavailable:
            if time.monotonic() - began > FAST_FAILURE_S:
                raise
            # The connection was to the previous database. If the epoch has already begun, this attempt finds it.
            all_lost, standing = self._write(marks)
        self.high_water.replace(marks, standing)
        self.shared.replace(marks, standing)
        for lost in all_lost:
            fields = lost.as_object()
            log.error("ledger_rolled_back scope=%s from=%d to=%d lost=%d", *(fields[name] for name in LOGGED_FIELDS))
        if all_lost:
            self._count()

    def _write(self, marks: Mapping[Scope, HighWaterMark]) -> NewEpoch:
        result: NewEpoch = self._database.write(
            rollback_queries.begin_epoch, marks, self._clock.now_ms(), audit=lambda new: _Entries(new.lost)
        )
        return result


class _Entries:
    """The audit log entries, one per scope."""

    def __init__(self, lost: list[LostVisits]) -> None:
        self._lost = lost

    def store(self, session: Any) -> None:
        for lost in self._lost:
            subject = (
                Subject("total", "site", "") if lost.scope == SITE else Subject("community", lost.scope, lost.name)
            )
            Actor(None, "", "", lost.at_ms).entry(
                rollback_queries.ROLLED_BACK_ACTION, subject, **lost.as_object()
            ).store(session)
