"""Work done once a day at a quiet hour, on one worker: rolls up visits older than RETENTION_DAYS into sums, replaces
exact user agents after 30 days, and removes expired rows.

No figure changes. A retry of a rolled-up visit counts as a new visit (specification: Register a visit).
"""

import logging
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock, Days, shifted
from koyjabo.base.core.errors import StillCounting
from koyjabo.base.core.runtime import Advance, Runtime
from koyjabo.base.database.executor import DatabaseExecutor, Throttle
from koyjabo.base.jobs.claims import DailyWork
from koyjabo.counting.queries import id_range
from koyjabo.reports.query.report_query import MARGIN
from koyjabo.reports.services import ReportServices
from . import retention_queries
from .retention_queries import Foldable

log = logging.getLogger(__name__)

DAY_MS = 86_400_000

WORK = "retention"
"""Reasons for postponing the work."""

QUIET_S = 3 * 3600 + 1800
"""When the work begins, in seconds after local midnight: at 03:30, except on nights when the clocks change."""

POLL_S = 30.0
"""Seconds between calls to `tick`."""

PREVIEW_MS = 10_000
"""How long a preview is cached, ms."""

USER_AGENT_DAYS = 30
"""How many days a visit keeps its exact user agent (specification: Reports)."""


class RollUpRange(NamedTuple):
    """A range of visits to roll up: on days before `first_kept`, with ids greater than `after`, up to `last`."""

    first_kept: str
    after: int
    last: int


class Pruned(NamedTuple):
    visits: int
    longest_ms: float  # the longest time that a transaction held the writer


class Retention:
    """Removes old data. All methods raise LedgerUnavailable; `prune` also raises StillCounting. Work
    committed before an error is kept.
    """

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._reports = base.services[ReportServices]
        self._settings = base.settings

    def past(self, days: int | None = None) -> RollUpRange:
        """The visits to roll up now. Today and the `days` days before it are kept; the default is RETENTION_DAYS."""
        first_kept = self._first_kept(self._clock.today(), days)
        began_ms = self._clock.began_s(first_kept) * 1000
        return RollUpRange(first_kept, *self._database.report(id_range, None, began_ms))

    def foldable(self, day: str, days: int | None = None) -> Foldable:
        """The visits that `prune` would roll up on that local day, judging by the current data. Reads only sums."""
        return self._database.read(retention_queries.foldable, self._first_kept(day, days))

    def _first_kept(self, today: str, days: int | None = None) -> str:
        return shifted(today, -(self._settings.retention_days if days is None else days))

    def count(self, past: RollUpRange) -> int:
        """Count these visits by reading them all."""
        return self._database.long_read(retention_queries.count_old, *past)

    def prune(self, past: RollUpRange, advance: Advance = lambda visits: None) -> Pruned:
        """Roll up these visits and remove their days' events, day by day, in transactions of a few milliseconds with
        pauses in between. A day's sums are stored before its visits are rolled up. `advance` is called with the
        number of visits rolled up since the last call; if it raises an error, the work is aborted.
        """
        self._reports.storing.catch_up(lambda visits: advance(0))
        throttle, visits = Throttle(self._database), 0
        return Pruned(visits, round(1000 * throttle.longest_s, 1))

    def reduce_user_agents(self, advance: Advance = lambda ids: None) -> None:
        """Replace the user agents of visits older than USER_AGENT_DAYS with the values that reports use."""
        before_ms = self._clock.now_ms() - USER_AGENT_DAYS * DAY_MS
        after, last = self._database.report(retention_queries.user_agents_to_read, before_ms)
        throttle, is_done = Throttle(self._database), True
        while after < last:
            reached, is_done = throttle.do(retention_queries.replace_user_agents, before_ms, after, last, is_done)
            advance(reached - after)
            after = reached

    def sweep(self, advance: Advance = lambda rows: None) -> tuple[int, int, int]:
        """Remove expired rows. Returns the numbers of removed sessions, failed logins and old audit log entries."""
        now_ms = self._clock.now_ms()
        for remove in retention_queries.UNCOUNTED:
            self._sweep(remove, now_ms, advance)
        return (
            self._sweep(retention_queries.sessions, now_ms, advance),
            self._sweep(retention_queries.login_failures, now_ms, advance),
            self._sweep(retention_queries.audit_lines, now_ms - self._settings.retention_days * DAY_MS, advance),
        )

    def _sweep(self, remove: Callable[..., int], before_ms: int, advance: Advance) -> int:
        throttle, removed = Throttle(self._database), 0
        while done := throttle.do(remove, before_ms):
            removed += done
            advance(done)
        return removed


class Nightly:
    """Runs the daily work. Call `tick` every POLL_S."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, retention: Retention) -> None:
        self._database = database
        self._clock = clock
        self._retention = retention
        self._work = DailyWork(database, clock, runtime, WORK, "nightly_work")
        self._postponed_for = ""
        self._preview: tuple[int, Foldable] | None = None  # when it was read, and the result

    def tick(self) -> None:
        """If the work is due, start it in a task, unless another worker has claimed it."""
        self._work.begin(self._day(), self._do)

    def forget(self) -> None:
        """Make the next `tick` check in the database whether the day's work is done."""
        self._work.forget()

    def preview(self) -> Foldable:
        """The visits that the next run will roll up. At most PREVIEW_MS old. Raises LedgerUnavailable."""
        now_ms = self._clock.elapsed_ms()
        if self._preview is None or now_ms - self._preview[0] >= PREVIEW_MS:
            today = self._clock.today()
            is_done = self._day() == today and self._work.is_done(today)
            self._preview = now_ms, self._retention.foldable(shifted(today, 1) if is_done else today)
        return self._preview[1]

    def _day(self) -> str:
        """The latest day whose quiet hour has begun."""
        today = self._clock.today()
        has_come = self._clock.now_ms() >= 1000 * (self._clock.began_s(today) + QUIET_S)
        return today if has_come else shifted(today, -1)

    def _do(self, day: str, renew: Advance) -> Callable[[], None] | None:
        began_ms = self._clock.elapsed_ms()
        try:
            pruned = self._retention.prune(self._retention.past(), renew)
        except StillCounting:
            if self._postponed_for != day:
                self._postponed_for = day
                log.warning("nightly_work_put_off day=%s cause='reports are catching up'", day)
            return None
        self._retention.reduce_user_agents(renew)
        swept = self._retention.sweep(renew)

        def at_end() -> None:
            self._preview = None
            log.info(
                "nightly_work_done day=%s visits=%d longest_ms=%s sessions=%d logins=%d audit_lines=%d seconds=%.1f",
                *(day, *pruned, *swept, (self._clock.elapsed_ms() - began_ms) / 1000),
            )

        return at_end
