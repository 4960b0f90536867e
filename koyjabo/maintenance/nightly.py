"""Runs retention once a day, at a quiet hour, on one worker of all servers.

The claim is in the database, so it needs no Redis and survives restarts: a server that was down at that hour does the
work when it is back, and a restart does not repeat it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import partial

from koyjabo.core.clock import Clock, shifted
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import Runtime
from koyjabo.database import work_claim_queries
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.work_claim_queries import Claim, ClaimLost
from koyjabo.maintenance.retention import Retention
from koyjabo.maintenance.retention_queries import Foldable
from koyjabo.reports.projection.folding_queries import NotProjected
from koyjabo.visit_log import import_queries
from koyjabo.visit_log.import_queries import ImportUnderWay

log = logging.getLogger(__name__)

WORK = "retention"
IMPORTED = "visits are imported"
"""Why the work waits."""

QUIET_S = 3 * 3600 + 1800
"""Seconds after the beginning of the local day: 03:30, except in a night in which the clocks change."""

LOOK_S = 30.0
"""Seconds between two calls of `tick`."""

RENEW_MS = 10_000
"""The interval of renewals of the claim: a twelfth of the time after which other workers may take it."""


PREVIEW_MS = 10_000
"""For how long a preview is shown without another look at the database."""


class Nightly:
    """Call `tick` every LOOK_S."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, retention: Retention) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._retention = retention
        self._done_for = self._postponed_for = ""
        self._busy = False
        self._preview: tuple[int, Foldable] | None = None  # when it was read, and what

    def tick(self) -> None:
        """Start the work in a task if it is due, unless another worker has claimed it or visits are being imported."""
        day = self._day()
        if self._busy or day == self._done_for:
            return
        claim = Claim(WORK, day, secrets.token_hex(16))
        try:
            is_taken = self._take(claim)
        except LedgerUnavailable:
            return  # the next tick tries again
        if is_taken:
            self._busy = True
            self._runtime.start_task(partial(self._work, claim))

    def forget(self) -> None:
        """Ask the database again whether the work of the day is done."""
        self._done_for = ""

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
        is_done = self._day() == today and self._database.read(work_claim_queries.is_done, WORK, today)
        return shifted(today, 1) if is_done else today

    def _day(self) -> str:
        """The newest day whose quiet hour has come."""
        today = self._clock.today()
        has_come = self._clock.now_ms() >= 1000 * (self._clock.began_s(today) + QUIET_S)
        return today if has_come else shifted(today, -1)

    def _take(self, claim: Claim) -> bool:
        now_ms = self._clock.now_ms()
        if not self._database.read(work_claim_queries.is_free, claim, now_ms):
            return False
        if self._database.read(import_queries.is_going_on):
            self._postpone(claim, IMPORTED)
            return False
        return self._database.write(work_claim_queries.take, claim, now_ms)

    def _postpone(self, claim: Claim, cause: str) -> None:
        """Wait until something has ended. Logged once a day, so that an import that never ends is noticed."""
        if self._postponed_for != claim.day:
            self._postponed_for = claim.day
            log.warning("nightly_work_put_off day=%s cause=%r", claim.day, cause)

    def _work(self, claim: Claim) -> None:
        try:
            self._do(claim)
        except (ImportUnderWay, NotProjected) as error:  # the claim is not renewed any more, and so becomes free
            self._postpone(
                claim, "visits are imported" if isinstance(error, ImportUnderWay) else "visits are projected"
            )
        except (LedgerUnavailable, ClaimLost) as error:  # the next worker continues the work
            log.warning("nightly_work_interrupted day=%s cause=%r", claim.day, str(error.__cause__ or error))
        except Exception:
            log.exception("nightly_work_failed day=%s", claim.day)
        finally:
            self._busy = False

    def _do(self, claim: Claim) -> None:
        began_ms, renew = self._clock.elapsed_ms(), self._renewal(claim)
        pruned = self._retention.prune(self._retention.past(), renew)
        self._retention.reduce_user_agents(renew)
        self._retention.sweep_values(renew)
        swept = self._retention.sweep(renew)
        self._database.write(work_claim_queries.end, claim, self._clock.now_ms())
        self._done_for, self._preview = claim.day, None
        log.info(
            "nightly_work_done day=%s visits=%d longest_ms=%s sessions=%d logins=%d audit_lines=%d seconds=%.1f",
            *(claim.day, *pruned, *swept, (self._clock.elapsed_ms() - began_ms) / 1000),
        )

    def _renewal(self, claim: Claim) -> Callable[[int], None]:
        """Returns a function that renews the claim, if it is due. It raises ClaimLost."""
        renewed_ms = self._clock.elapsed_ms()

        def renew(done: int) -> None:
            nonlocal renewed_ms
            if self._clock.elapsed_ms() - renewed_ms < RENEW_MS:
                return
            renewed_ms = self._clock.elapsed_ms()
            if not self._database.write(work_claim_queries.renew, claim, self._clock.now_ms()):
                raise ClaimLost(claim.worker)

        return renew
