"""Stores complete blocks of visits and events in pieces, on a single worker at a time. Blocks may be late, because
reports also read rows without a block.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress

from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import Advance, Runtime
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.jobs import job_queries
from koyjabo.reports.live.live import Live
from koyjabo.reports.log import block_queries

log = logging.getLogger(__name__)

LEASE = "insights"
POLL_S = 5.0
"""Seconds between calls to `tick`."""

RENEW_MS = 20_000
"""How often the lease is renewed, ms: after a third of its length."""


class LeaseLost(Exception):
    """This worker did not renew its lease in time, and another worker has taken it."""


class Storing:
    """Stores blocks. All methods wait, and raise LedgerUnavailable. `live` belongs to the thread for scans."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, live: Live) -> None:
        self._database, self._clock, self._runtime, self._live = database, clock, runtime, live
        self._worker = secrets.token_hex(16)
        # Blocks made with other rules are replaced only once, because two servers may run different rules for a long
        # time.
        self._has_begun = False
        self._busy = False
        self._renewed_ms = 0
        self.last_behind = 0
        """The number of visits without a block at the last `tick`."""

    def tick(self) -> None:
        """Start a task that stores blocks, if some are due and no other worker is storing them. Never raises."""
        if self._busy:
            return
        with suppress(LedgerUnavailable):  # the next tick tries again
            has_other_rules = self._has_other_rules()
            self.last_behind, is_due = self._database.read(block_queries.backlog)
            if (has_other_rules or is_due) and self._is_leased():
                self._busy = True
                self._runtime.start_task(self._work)

    def behind(self) -> int:
        """Return the number of visits without a block."""
        return self._database.read(block_queries.backlog).visits

    def catch_up(self, advance: Advance = lambda visits: None) -> None:
        """Store all blocks that are due now. Two workers may do this at the same time.

        Calls `advance` with the number of visits since the last call. If it raises, the work is aborted.
        """
        if self._has_other_rules():
            self._database.write(block_queries.replace_rules, self._live.rules)
            self._has_begun = True
        has_more, upto = True, 0
        while has_more:
            read = self._database.scan(self._live.read_some)
            if read.unsaved:
                self._database.write(block_queries.save, read.state, self._live.rules, read.unsaved)
            advance(max(0, self._live.visits.upto - upto))
            has_more, upto = read.has_more, self._live.visits.upto

    def _has_other_rules(self) -> bool:
        """Return whether the stored blocks must be rebuilt because they were made with other rules. Also makes this
        worker notice changed rows within POLL_S.
        """
        rules = self._database.scan(self._live.at).rules
        return not self._has_begun and rules not in (None, self._live.rules)

    def _is_leased(self) -> bool:
        """Take or renew the lease. Returns False if another worker has it."""
        self._renewed_ms = self._clock.elapsed_ms()
        return self._database.write(job_queries.renew_lease, LEASE, self._worker, self._clock.now_ms())

    def _renew(self, visits: int) -> None:
        if self._clock.elapsed_ms() - self._renewed_ms >= RENEW_MS and not self._is_leased():
            raise LeaseLost

    def _work(self) -> None:
        try:
            self.catch_up(self._renew)
            self._database.write(job_queries.release_lease, LEASE, self._worker)
        except (LedgerUnavailable, LeaseLost) as error:
            log.warning("blocks_interrupted cause=%r", str(error.__cause__ or error))
        except Exception:
            log.exception("blocks_failed")
        finally:
            self._busy = False
