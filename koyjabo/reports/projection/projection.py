"""Keeps the tables of Insights up to the ledger: one worker of all servers at a time, a batch of visits at a time.

Reports add what it has not read yet, so that it need not hurry: it waits until a batch is worth its writes.
"""

from __future__ import annotations

import logging
import secrets
import time
from contextlib import suppress

from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import Advance, Runtime
from koyjabo.database import work_claim_queries
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.throttle import Throttle
from koyjabo.reports.projection import batch_queries, clearing_queries, folding_queries, referrer_queries, state_queries
from koyjabo.reports.projection.batch_queries import Batch
from koyjabo.reports.projection.clearing_queries import BEGINNING, Position
from koyjabo.reports.projection.sum_queries import Folded
from koyjabo.reports.projection.trait_parser import TraitParser

log = logging.getLogger(__name__)

LEASE = "insights"
LOOK_S = 2.0
"""Seconds between two calls of `tick`."""

WORTHWHILE, PATIENCE_MS = 500, 30_000
"""A batch begins when this number of visits waits, or the first of them has waited for PATIENCE_MS: each batch writes
the bitmaps of the day again, 2 bytes for each visitor and dimension.
"""

BATCH = 1_000
"""The most visits in one transaction."""

REST = 0.5
"""The pause after a batch, in multiples of the time that it took."""


RENEW_MS = 20_000
"""The interval of renewals of the lease: a third of its length."""


class LeaseLost(Exception):
    """This worker did not renew its lease for so long that another one has taken it."""


class Projection:
    """All methods wait. Those of which it is not said otherwise raise LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, parser: TraitParser) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._parser = parser
        self._worker = secrets.token_hex(16)
        self.last_behind = 0
        """What `behind` was when it was last asked, by `tick` or another call."""
        self._busy = False
        self._renewed_ms = 0
        self._waiting_since: int | None = None  # ms of the clock's elapsed time

    def behind(self) -> int:
        """How many visits have not been read yet."""
        self.last_behind = self._database.read(state_queries.behind)
        return self.last_behind

    def tick(self) -> None:
        """Start the work in a task if there is enough to do, unless another worker does it. Raises no error."""
        if self._busy:
            return
        with suppress(LedgerUnavailable):  # the next tick tries again
            waits = bool(self._database.read(referrer_queries.asked_days))
            if self._is_due(self.behind(), waits) and self._is_leased():
                self._busy = True
                self._runtime.start_task(self._work)

    def catch_up(self, advance: Advance = lambda visits: None) -> None:
        """Read all visits there are now. Calls `advance` with the number of visits since the last call; what it raises
        ends the work. Correct, if wasteful, beside another worker that does the same.
        """
        newest = self._database.read(state_queries.newest_visit)
        if not self._database.read(state_queries.read).is_current:
            self._clear(advance)
        while (batch := self._prepared()) is not None and batch.before.upto < newest:
            began = time.monotonic()
            if self._database.write(batch_queries.write, batch):
                advance(batch.after.upto - batch.before.upto)
            time.sleep(REST * (time.monotonic() - began))
        while (day := self._database.background_read(referrer_queries.prepare, self._clock)) is not None:
            self._database.write(referrer_queries.write, day)
            advance(0)

    def leave_people_out(self, first_kept: str, advance: Advance = lambda visits: None) -> None:
        """Of the sums of all days before this one."""
        throttle, folded = Throttle(self._database), Folded.before(first_kept, self._clock)
        groups = self._database.long_read(folding_queries.with_people, folded)
        while groups:
            done = throttle.do(folding_queries.leave_people_out, groups)
            groups = groups[done:]
            if not done:  # a visitor was forgotten meanwhile
                self.catch_up(lambda visits: advance(0))
                groups = self._database.long_read(folding_queries.with_people, folded)
            advance(0)

    def _clear(self, advance: Advance) -> None:
        position: Position | None = BEGINNING
        while position is not None:
            position = self._database.write(clearing_queries.clear, position, self._clock)
            advance(0)

    def _prepared(self) -> Batch | None:
        return self._database.background_read(batch_queries.prepare, self._parser, self._clock, BATCH)

    def _is_due(self, behind: int, waits: bool) -> bool:
        """`waits`: there is other work than new visits."""
        now_ms = self._clock.elapsed_ms()
        if not behind and not waits:
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = now_ms
        return behind >= WORTHWHILE or now_ms - self._waiting_since >= PATIENCE_MS

    def _is_leased(self) -> bool:
        """Take or renew the lease. Returns False if another worker has it."""
        self._renewed_ms = self._clock.elapsed_ms()
        return self._database.write(work_claim_queries.renew_lease, LEASE, self._worker, self._clock.now_ms())

    def _renew(self, visits: int) -> None:
        if self._clock.elapsed_ms() - self._renewed_ms >= RENEW_MS and not self._is_leased():
            raise LeaseLost

    def _work(self) -> None:
        try:
            self.catch_up(self._renew)
            self._database.write(work_claim_queries.release_lease, LEASE, self._worker)
            self._waiting_since = None
        except (LedgerUnavailable, LeaseLost) as error:
            log.warning("projection_interrupted cause=%r", str(error.__cause__ or error))
        except Exception:
            log.exception("projection_failed")
        finally:
            self._busy = False
