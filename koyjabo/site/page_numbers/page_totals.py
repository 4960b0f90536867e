"""Computes `page_sums` from the report "Viewed page" of all time when the sums cannot be continued, for example after
the feature was turned on. Otherwise they follow the log.
"""

from contextlib import suppress

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.errors import LedgerUnavailable, StillCounting
from koyjabo.base.database.throttle import Throttle
from koyjabo.base.jobs.claims import LeasedTask
from koyjabo.columns.columns import Columns
from . import page_queries, page_total_queries
from .page_numbers import PageNumbers
from .page_total_queries import PageViewTotals

PAGE_TOTALS_LEASE = "page_totals"


class PageTotals:
    """Call `tick` every second."""

    def __init__(self, base: Base) -> None:
        self._database, self._clock = base.database, base.clock
        self._numbers, self._columns = base.services[PageNumbers], base.services[Columns]
        self._task = LeasedTask(
            base.database, base.clock, base.runtime, PAGE_TOTALS_LEASE, "page_totals_interrupted", "page_totals_failed"
        )
        self._has_begun = False

    def tick(self) -> None:
        """Add new views to the sums. If the sums are not ready, compute them in a task, on one worker. Never raises."""
        if not self._numbers.is_on:
            return
        with suppress(LedgerUnavailable):  # the next tick tries again
            if self._task.is_running:
                self._task.keep()
                return
            self._begin()
            try:
                self._numbers.tick()
            except StillCounting:
                if self._task.take():
                    self._task.start(self._work)

    def _begin(self) -> None:
        """Discard sums that a server with a time zone farther east has stored."""
        if not self._has_begun:
            if self._database.read(page_queries.has_later_day, self._clock.today()):
                self.begin_again()
            self._has_begun = True

    def begin_again(self) -> None:
        """Discard the sums, because other days have begun. Raises LedgerUnavailable."""
        self._database.write(page_queries.discard)

    def read(self) -> PageViewTotals:
        """The numbers that reports show. Raises StillCounting, LedgerUnavailable."""
        return self._database.scan(page_total_queries.totals, self._clock, self._columns)

    def _work(self) -> None:
        """Replace all sums. If rows have changed in the meantime, or another worker does the same, they are not ready
        yet, and the next tick tries again.
        """
        with suppress(StillCounting):  # blocks are being stored; the next tick tries again
            throttle = Throttle(self._database)
            began = self._database.write(page_queries.discard)
            totals = self.read()
            throttle.repeat(page_queries.remove_some)
            rows, added = totals.rows(), 0
            while added < len(rows):
                added += throttle.do(page_queries.add_some, rows, added)
            self._database.write(page_total_queries.finish, self._columns, totals, began)
        self._task.release()
