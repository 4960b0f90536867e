"""The present state of all promises, as every reader gets it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from koyjabo.badges.values import Phrase
from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.i18n import DIGITS
from koyjabo.core.runtime import out_of_turn
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.status import measurement_queries, promises
from koyjabo.status.promises import NOTHING, Evidence, Promise

KEPT_MS = 5_000
"""So long an answer is kept, however many readers there are."""

ALL_KEPT = {"en": "all kept", "bn": "সব রক্ষিত"}
NOT_KEPT = {"en": "%d of %d not kept", "bn": "%d-এর %d রক্ষিত নয়"}


class StatusNow(NamedTuple):
    as_of_ms: int
    promises: tuple[Promise, ...]

    @property
    def broken(self) -> int:
        return sum(each.ok is False for each in self.promises)


class LiveStatus:
    """`outage_ms` says for how long nothing could be saved until now, `is_away` whether the last regular read of the
    database failed: no reader then waits for it.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        outage_ms: Callable[[], int],
        is_away: Callable[[], bool],
        has_backups: bool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._outage_ms = outage_ms
        self._is_away = is_away
        self._has_backups = has_backups
        self._facts = NOTHING
        self._state = StatusNow(0, ())
        self._read_ms = -KEPT_MS  # by `elapsed_ms`
        self._reading = threading.Lock()

    def now(self) -> StatusNow:
        """At most KEPT_MS old. While the database cannot be read: by what was last read, and with this outage."""
        with out_of_turn(), self._reading:
            if not self._state.promises or self._clock.elapsed_ms() - self._read_ms >= KEPT_MS:
                self._read()
            return self._state

    def badge(self) -> Phrase:
        state = self.now()
        if not state.broken:
            return Phrase(ALL_KEPT, is_problem=False)
        broken, all_of_them = state.broken, len(state.promises)
        english = NOT_KEPT["en"] % (broken, all_of_them)
        bangla = (NOT_KEPT["bn"] % (all_of_them, broken)).translate(DIGITS["bn"])
        return Phrase({"en": english, "bn": bangla}, is_problem=True)

    def _read(self) -> None:
        now_ms = self._clock.now_ms()
        if not self._is_away():
            with suppress(LedgerUnavailable):  # then the outage says so
                self._facts = self._database.read(measurement_queries.facts, now_ms)
        evidence = Evidence(now_ms, self._facts, self._outage_ms(), self._has_backups)
        self._state, self._read_ms = StatusNow(now_ms, promises.judge(evidence)), self._clock.elapsed_ms()
