"""Runs retention once a day, at a quiet hour, on one worker of all servers."""

from __future__ import annotations

import logging
from collections.abc import Callable

from koyjabo.core.clock import Clock, shifted
from koyjabo.core.runtime import Advance, Runtime
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.jobs.daily_work import DailyWork
from koyjabo.maintenance.retention import Retention
from koyjabo.maintenance.retention_queries import Foldable
from koyjabo.reports.projection.folding_queries import NotProjected
from koyjabo.visit_log import import_queries
from koyjabo.visit_log.import_queries import ImportUnderWay

log = logging.getLogger(__name__)

WORK = "retention"
IMPORTED, PROJECTED = "visits are imported", "visits are projected"
"""Why the work waits."""

QUIET_S = 3 * 3600 + 1800
"""Seconds after the beginning of the local day: 03:30, except in a night in which the clocks change."""

LOOK_S = 30.0
"""Seconds between two calls of `tick`."""

PREVIEW_MS = 10_000
"""For how long a preview is shown without another look at the database."""


class Nightly:
    """Call `tick` every LOOK_S."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, retention: Retention) -> None:
        self._database = database
        self._clock = clock
        self._retention = retention
        self._work = DailyWork(database, clock, runtime, WORK, "nightly_work")
        self._postponed_for = ""
        self._preview: tuple[int, Foldable] | None = None  # when it was read, and what

    def tick(self) -> None:
        """Start the work in a task if it is due, unless another worker has claimed it or visits are being imported."""
        self._work.begin(self._day(), self._is_possible, self._do)

    def forget(self) -> None:
        """Ask the database again whether the work of the day is done."""
        self._work.forget()

    def preview(self) -> Foldable:
        """The visits that the next run will fold, unless more of these days are imported. At most PREVIEW_MS old.
        Raises LedgerUnavailable.
        """
        now_ms = self._clock.elapsed_ms()
        if self._preview is None or now_ms - self._preview[0] >= PREVIEW_MS:
            self._preview = now_ms, self._retention.foldable(self._next_day())
        return self._preview[1]

    def _next_day(self) -> str:
        """The local day on which the next run begins: today until today's run has ended."""
        today = self._clock.today()
        is_done = self._day() == today and self._work.is_done(today)
        return shifted(today, 1) if is_done else today

    def _day(self) -> str:
        """The newest day whose quiet hour has come."""
        today = self._clock.today()
        has_come = self._clock.now_ms() >= 1000 * (self._clock.began_s(today) + QUIET_S)
        return today if has_come else shifted(today, -1)

    def _is_possible(self, day: str) -> bool:
        if self._database.read(import_queries.is_going_on):
            self._postpone(day, IMPORTED)
            return False
        return True

    def _postpone(self, day: str, cause: str) -> None:
        """Wait until something has ended. Logged once a day, so that an import that never ends is noticed."""
        if self._postponed_for != day:
            self._postponed_for = day
            log.warning("nightly_work_put_off day=%s cause=%r", day, cause)

    def _do(self, day: str, renew: Advance) -> Callable[[], None] | None:
        began_ms = self._clock.elapsed_ms()
        try:
            pruned = self._retention.prune(self._retention.past(), renew)
        except (ImportUnderWay, NotProjected) as error:
            self._postpone(day, IMPORTED if isinstance(error, ImportUnderWay) else PROJECTED)
            return None
        self._retention.reduce_user_agents(renew)
        self._retention.sweep_values(renew)
        swept = self._retention.sweep(renew)

        def at_end() -> None:
            self._preview = None
            log.info(
                "nightly_work_done day=%s visits=%d longest_ms=%s sessions=%d logins=%d audit_lines=%d seconds=%.1f",
                *(day, *pruned, *swept, (self._clock.elapsed_ms() - began_ms) / 1000),
            )

        return at_end
