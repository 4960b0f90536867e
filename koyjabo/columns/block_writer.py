"""Stores complete blocks of visits and events in pieces, on a single worker at a time. Blocks may be late, because
reports also read rows without a block.
"""

from contextlib import suppress

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import Advance
from koyjabo.base.jobs.claims import LeasedTask
from .blocks import block_queries
from .dimensions.sources import own_hosts
from .sums.running_sums import RunningSums

STORING_LEASE = "insights"
STORING_POLL_S = 5.0
"""Seconds between calls to `tick`."""


class BlockWriter:
    """Stores blocks. All methods wait, and raise LedgerUnavailable. `sums` belong to the thread for scans."""

    def __init__(self, base: Base, sums: RunningSums) -> None:
        self._database, self._sums = base.database, sums
        self._settings, self._clock, self._zone = base.settings, base.clock, base.clock.zone
        self._task = LeasedTask(
            base.database, base.clock, base.runtime, STORING_LEASE, "blocks_interrupted", "blocks_failed"
        )
        # Blocks made with other rules are replaced only once, because two servers may run different rules for a long
        # time.
        self._has_begun = False
        self.last_behind = 0
        """The number of visits without a block at the last `tick`."""

    def tick(self) -> None:
        """Start a task that stores blocks, if some are due and no other worker is storing them. Never raises."""
        with suppress(LedgerUnavailable):  # the next tick tries again
            if self._task.is_running:
                self._task.keep()  # if another worker has it, both store, and each block is stored once
                return
            has_other_rules = self._has_other_rules()
            self.last_behind, is_due = self._database.read(block_queries.backlog)
            if (has_other_rules or is_due) and self._task.take():
                self._task.start(self._work)

    def follow_settings(self, _: object) -> None:
        """Follow the site's hosts and its time zone. If they have changed, forget what was computed. Stored blocks are
        rebuilt if their rules differ.
        """
        zone = self._clock.zone
        if self._sums.parser.follow(own_hosts(self._settings)) or zone != self._zone:
            self._zone = zone
            self._has_begun = False
            self._sums.is_stale = True  # without waiting for the thread for scans

    def catch_up(self, advance: Advance = lambda visits: None) -> None:
        """Store all blocks that are due now. Two workers may do this at the same time.

        Calls `advance` with the number of visits since the last call. If it raises, the work is aborted.
        """
        if self._has_other_rules():
            self._database.write(block_queries.replace_rules, self._sums.rules)
            self._has_begun = True
        has_more, upto = True, 0
        while has_more:
            state, unsaved, has_more = self._database.scan(self._sums.read_some)
            if unsaved:
                self._database.write(block_queries.save, state, self._sums.rules, unsaved)
            advance(max(0, self._sums.visits.upto - upto))
            upto = self._sums.visits.upto

    def _has_other_rules(self) -> bool:
        """Return whether the stored blocks must be rebuilt because they were made with other rules. Also makes this
        worker notice changed rows within STORING_POLL_S.
        """
        rules = self._database.scan(self._sums.at).rules
        return not self._has_begun and rules not in (None, self._sums.rules)

    def _work(self) -> None:
        self.catch_up()
        self._task.release()
