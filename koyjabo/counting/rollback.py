"""Continues the count after the database was rolled back (specification: A rolled-back database)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import out_of_turn
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import SITE, Scope
from koyjabo.counting import rollback_queries
from koyjabo.counting.high_water import DatabaseRolledBack, HighWater, HighWaterMark, SharedHighWater, rollback_of
from koyjabo.counting.records import Receipt
from koyjabo.counting.rollback_queries import LostVisits, NewEpoch
from koyjabo.people.audit.log import Actor, Subject

MAX_RECOVERIES = 5
"""How many times a call may recover from a rollback. A failover may lead to a second server that was rolled back."""

RETRY_S = 10.0
"""Time limit for retrying a commit, s."""

FAST_FAILURE_S = 1.0
"""An attempt that fails faster than this has probably hit a broken connection, so a second attempt is worthwhile, s."""

log = logging.getLogger(__name__)

Read = TypeVar("Read")


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
        self._alone = threading.Lock()
        self._failures = 0

    def standing(
        self, commit: Callable[[], Receipt], rounds_before: int, first_commit: Callable[[], Receipt] | None = None
    ) -> Receipt:
        """Commit a visit, and return its receipt once a rollback cannot lose it. If a commit is already in progress,
        `first_commit` waits for it.

        `rounds_before` is the value of `HighWater.rounds` before the first commit began. After a rollback, `commit`
        looks the visit up, and writes it again if it is gone. Raises any error that a commit raises, and
        LedgerUnavailable if the database is rolled back repeatedly.
        """
        first, recoveries, until = None, 0, time.monotonic() + RETRY_S
        attempt = first_commit or commit
        while recoveries < MAX_RECOVERIES and time.monotonic() < until:
            try:
                receipt = attempt()
            except LedgerUnavailable as error:
                if attempt is commit or rollback_of(error) is None:
                    self._recover_from(error)
                    recoveries += 1
                # Otherwise another visit in its batch has started the recovery, or the next commit will.
            else:
                if first and receipt.duplicate:  # this repeats the first attempt, not an earlier request
                    receipt = receipt._replace(duplicate=first.duplicate)
                if rounds_before == self.high_water.rounds and receipt.snapshot.epoch >= self.high_water.site.epoch:
                    return receipt
                first = first or receipt
            attempt, rounds_before = commit, self.high_water.rounds
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
        epoch, failures = self.high_water.site.epoch, self._failures
        with out_of_turn(), self._alone:
            if self._failures != failures:
                raise LedgerUnavailable
            try:
                if cause.server:
                    self._gather_since(cause.server)
                elif self.high_water.site.epoch == epoch:
                    self._begin_epoch()
            except LedgerUnavailable:
                self._failures += 1
                raise

    def _gather_since(self, server: str) -> None:
        """Collect the marks of all workers, once per server. No more commits on the previous server can follow."""
        if self.high_water.server != server:
            self._gather()
            self.high_water.server = server

    def _gather(self) -> None:
        self.high_water.rounds += 1
        self.shared.gather(self._ask)

    def _begin_epoch(self) -> None:
        self._gather()
        marks, began = self.high_water.all(), time.monotonic()
        try:
            new = self._write(marks)
        except LedgerUnavailable:
            if time.monotonic() - began > FAST_FAILURE_S:
                raise
            # The connection was to the previous database. If the epoch has already begun, this attempt finds it.
            new = self._write(marks)
        self.high_water.replace(marks, new.standing)
        self.shared.replace(marks, new.standing)
        for lost in new.lost:
            fields = lost.as_object()
            log.error("ledger_rolled_back scope=%s from=%d to=%d lost=%d", *(fields[name] for name in LOGGED_FIELDS))
        if new.lost:
            self._count()

    def _write(self, marks: Mapping[Scope, HighWaterMark]) -> NewEpoch:
        result: NewEpoch = self._database.write(
            rollback_queries.begin_epoch, marks, self._clock.now_ms(), audit=lambda new: _Entries(new.lost)
        )
        return result


LOGGED_FIELDS = ("scope", "from", "to", "lost")


class _Entries:
    """The audit log entries, one per scope."""

    def __init__(self, lost: list[LostVisits]) -> None:
        self._lost = lost

    def store(self, session: Any) -> None:
        for lost in self._lost:
            subject = (
                Subject("total", "site", "") if lost.scope == SITE else Subject("community", lost.scope, lost.name)
            )
            Actor(None, "", "", lost.at_ms).entry(rollback_queries.EVENT, subject, **lost.as_object()).store(session)
