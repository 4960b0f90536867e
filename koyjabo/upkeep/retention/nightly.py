"""Work done once a day at a quiet hour, on one worker: retention."""

import logging
from collections.abc import Callable

from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.core.runtime import Advance, Runtime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.jobs import job_queries
from koyjabo.base.jobs.claims import ClaimLost, DailyWork
from .retention import Retention

log = logging.getLogger(__name__)

RETENTION_WORK = "retention"

QUIET_TIME_S = 3 * 3600 + 1800
"""When the work begins, in seconds after local midnight: at 03:30, except on nights when the clocks change."""


class Nightly:
    """Runs the daily work. Call `tick` every DAILY_POLL_S."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, retention: Retention) -> None:
        self._database = database
        self._clock = clock
        self._retention = retention
        self._work = DailyWork(database, clock, runtime, RETENTION_WORK, "nightly_work")

    def tick(self) -> None:
        """If the work is due, start it in a task, unless another worker has claimed it, or the clock is in doubt."""
        if self._clock.allows_removal:
            self._work.begin(self._day(), self._do)

    def forget(self) -> None:
        """Make the next `tick` check in the database whether the day's work is done."""
        self._work.forget()

    def last_ended_ms(self) -> int | None:
        """When the work last ended; None before the first night. Raises LedgerUnavailable."""
        return self._database.read(job_queries.last_ended_ms, RETENTION_WORK)

    def _day(self) -> str:
        """The latest day whose quiet hour has begun."""
        today = self._clock.today()
        has_come = self._clock.now_ms() >= 1000 * (self._clock.began_s(today) + QUIET_TIME_S)
        return today if has_come else shifted(today, -1)

    def _do(self, day: str, renew: Advance) -> Callable[[], None]:
        began_ms = self._clock.elapsed_ms()

        def advance(rows: int) -> None:
            if not self._clock.allows_removal:
                raise ClaimLost("The clock is in doubt.")
            renew(rows)

        reduced = self._retention.reduce(self._retention.first_kept(), advance)
        self._retention.reduce_user_agents(advance)
        advance(0)
        swept = self._retention.sweep(advance)

        def at_end() -> None:
            log.info(
                "nightly_work_done day=%s visits=%d longest_ms=%s sessions=%d logins=%d audit_lines=%d seconds=%.1f",
                *(day, *reduced, swept["sessions"], swept["login_failures"], swept["audit_log"]),
                (self._clock.elapsed_ms() - began_ms) / 1000,
            )

        return at_end
