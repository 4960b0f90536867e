"""Goes on counting after the database went back (specification: A database that goes back)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from koyjabo.audit.log import Actor, Subject
from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import out_of_turn
from koyjabo.counting import rollback_queries
from koyjabo.counting.high_water import HighWater, HighWaterMark, SharedHighWater
from koyjabo.counting.rollback_queries import LostVisits, NewEpoch
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import SITE, Scope

log = logging.getLogger(__name__)


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
        self._high_water = high_water
        self._ask = ask
        self._count = count
        self._alone = threading.Lock()

    def recover(self) -> None:
        """Begin a new epoch if the site's counter stands below what any live worker has acknowledged. Returns when this
        worker knows the new epoch, whoever has begun it. Raises LedgerUnavailable.
        """
        epoch = self._high_water.site.epoch
        with out_of_turn(), self._alone:
            if self._high_water.site.epoch == epoch:
                self._begin_epoch()

    def _begin_epoch(self) -> None:
        self._high_water.questions += 1
        self.shared.gather(self._ask)
        marks = self._high_water.all()
        try:
            new = self._write(marks)
        except LedgerUnavailable:  # the connection was of the database before; an epoch that was begun is found
            new = self._write(marks)
        self._high_water.replace(marks, new.standing)
        self.shared.replace(marks, new.standing)
        for lost in new.lost:
            told = lost.as_object()
            log.error("ledger_rolled_back scope=%s from=%d to=%d lost=%d", *(told[k] for k in TOLD))
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
