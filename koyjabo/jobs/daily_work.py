"""Work that a single worker across all servers does once a day. The claim is in the database, so it needs no Redis and
survives restarts. A server that was down does the work once it is back, and a restart does not repeat it (decision
114).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import Advance, Runtime
from koyjabo.database import work_claim_queries
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.work_claim_queries import Claim, ClaimLost

log = logging.getLogger(__name__)

RENEW_MS = 10_000
"""Interval between renewals of the claim, ms. Other workers may take the claim after twelve times this long."""

Work = Callable[[str, Advance], Callable[[], object] | None]
"""Does a day's work. It has to call the Advance regularly, which renews the claim. If the Advance raises an error, the
work is aborted. Returns a function to call once the work is stored as done, or None if it has to be done later.
"""


class DailyWork:
    """The work `name`, in a row of `nightly_work`. `event` is the prefix of its log events."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, name: str, event: str) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._name = name
        self._event = event
        self._done_for = ""
        self._is_busy = False

    def forget(self) -> None:
        """Forget whether the day's work is done, so that the database is read again."""
        self._done_for = ""

    def is_done(self, day: str) -> bool:
        """Whether any worker has done the day's work. Raises LedgerUnavailable."""
        return self._database.read(work_claim_queries.is_done, self._name, day)

    def begin(self, day: str, work: Work, is_possible: Callable[[str], bool] = lambda day: True) -> None:
        """Do the work in a task, unless it is done, claimed by another worker, or currently not possible."""
        if self._is_busy or day == self._done_for:
            return
        claim = Claim(self._name, day, secrets.token_hex(16))
        with suppress(LedgerUnavailable):  # the next call tries again
            if not self._database.read(work_claim_queries.is_free, claim, self._clock.now_ms()) or not is_possible(day):
                return
            if self._database.write(work_claim_queries.take, claim, self._clock.now_ms()):
                self._is_busy = True
                self._runtime.start_task(partial(self._do, claim, work))

    def _do(self, claim: Claim, work: Work) -> None:
        """Do the work. If it fails, the claim is no longer renewed, so that another worker can take it and continue."""
        try:
            at_end = work(claim.day, self._renewal(claim))
            if at_end is not None:
                if not self._database.write(work_claim_queries.end, claim, self._clock.now_ms()):
                    raise ClaimLost(claim.worker)
                self._done_for = claim.day
                at_end()
        except (LedgerUnavailable, ClaimLost) as error:
            log.warning("%s_interrupted day=%s cause=%r", self._event, claim.day, str(error.__cause__ or error))
        except Exception:
            log.exception("%s_failed day=%s", self._event, claim.day)
        finally:
            self._is_busy = False

    def _renewal(self, claim: Claim) -> Advance:
        """A function that renews the claim when due. It raises ClaimLost."""
        renewed_ms = self._clock.elapsed_ms()

        def renew(done: int) -> None:
            nonlocal renewed_ms
            if self._clock.elapsed_ms() - renewed_ms < RENEW_MS:
                return
            renewed_ms = self._clock.elapsed_ms()
            if not self._database.write(work_claim_queries.renew, claim, self._clock.now_ms()):
                raise ClaimLost(claim.worker)

        return renew
