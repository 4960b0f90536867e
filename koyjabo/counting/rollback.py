"""Goes on counting after the database went back (specification: A database that goes back)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from koyjabo.audit.log import Actor, Subject
from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import out_of_turn
from koyjabo.counting import rollback_queries
from koyjabo.counting.high_water import DatabaseWentBack, HighWater, HighWaterMark, SharedHighWater, rollback_of
from koyjabo.counting.records import Receipt
from koyjabo.counting.rollback_queries import LostVisits, NewEpoch
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import SITE, Scope

ATTEMPTS = 5
"""How often one call recovers from a rollback: on another server, and perhaps on one after that."""

REPEATED_S = 10.0
"""How long a commit is repeated."""

AT_ONCE_S = 1.0
"""An attempt that fails within this time has found a broken connection, and another one may succeed."""

log = logging.getLogger(__name__)

Read = TypeVar("Read")


class RollbackRecovery:
    """`ask` is called with a question for all other workers, which call `shared.answer` with it. `count` is called once
    for each time that the database was found to have gone back.
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
        self, commit: Callable[[], Receipt], questions: int, begun: Callable[[], Receipt] | None = None
    ) -> Receipt:
        """Commit one visit until its receipt stands. `begun` waits for a commit that was begun before, with others.

        When the database was rolled back, `commit` looks the visit up again, and writes it again if it is gone.
        `questions` is what `HighWater.questions` was before the first commit began. Raises what a commit raises, and
        LedgerUnavailable when the database is rolled back again and again.
        """
        first, recoveries, until = None, 0, time.monotonic() + REPEATED_S
        attempt = begun or commit
        while recoveries < ATTEMPTS and time.monotonic() < until:
            try:
                receipt = attempt()
            except LedgerUnavailable as error:
                if attempt is commit or rollback_of(error) is None:
                    self._recover_from(error)
                    recoveries += 1
                # Else others of its batch have recovered, or the next commit finds out that nobody has.
            else:
                if first and receipt.duplicate:  # of the first attempt, not of an earlier request
                    receipt = receipt._replace(duplicate=first.duplicate)
                if questions == self.high_water.questions and receipt.snapshot.epoch >= self.high_water.site.epoch:
                    return receipt
                first = first or receipt
            attempt, questions = commit, self.high_water.questions
        raise LedgerUnavailable

    def current(self, read: Callable[[], Read]) -> Read:
        """`read` something, again when the database was rolled back. Raises LedgerUnavailable."""
        for _ in range(ATTEMPTS):
            try:
                return read()
            except LedgerUnavailable as error:
                self._recover_from(error)
        raise LedgerUnavailable

    def _recover_from(self, error: LedgerUnavailable) -> None:
        """Raises `error` if it has another cause than a rollback."""
        cause = rollback_of(error)
        if cause is None:
            raise error
        self.recover(cause)

    def recover(self, cause: DatabaseWentBack) -> None:
        """Gather what all live workers have acknowledged, and begin a new epoch if the site's counter stands below it.
        Returns when this worker knows the new epoch, whoever has begun it. Raises LedgerUnavailable, also for those who
        have waited for an attempt that failed.
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
        """What was committed on the server before is known afterwards: nobody can commit there any more."""
        if self.high_water.server != server:
            self._gather()
            self.high_water.server = server

    def _gather(self) -> None:
        self.high_water.questions += 1
        self.shared.gather(self._ask)

    def _begin_epoch(self) -> None:
        self._gather()
        marks, began = self.high_water.all(), time.monotonic()
        try:
            new = self._write(marks)
        except LedgerUnavailable:
            if time.monotonic() - began > AT_ONCE_S:
                raise
            new = self._write(marks)  # the connection was of the database before; an epoch that was begun is found
        self.high_water.replace(marks, new.standing)
        self.shared.replace(marks, new.standing)
        for lost in new.lost:
            told = lost.as_object()
            log.error("ledger_rolled_back scope=%s from=%d to=%d lost=%d", *(told[name] for name in TOLD))
        if new.lost:
            self._count()

    def _write(self, marks: Mapping[Scope, HighWaterMark]) -> NewEpoch:
        result: NewEpoch = self._database.write(
            rollback_queries.begin_epoch, marks, self._clock.now_ms(), audit=lambda new: _Entries(new.lost)
        )
        return result


TOLD = ("scope", "from", "to", "lost")


class _Entries:
    """The lines of the audit log, one for each scope."""

    def __init__(self, lost: list[LostVisits]) -> None:
        self._lost = lost

    def store(self, session: Any) -> None:
        for each in self._lost:
            subject = (
                Subject("total", "site", "") if each.scope == SITE else Subject("community", each.scope, each.name)
            )
            Actor(None, "", "", each.at_ms).entry(rollback_queries.EVENT, subject, **each.as_object()).store(session)
