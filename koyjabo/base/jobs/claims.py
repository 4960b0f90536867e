"""Work that a single worker across all servers does: once a day, or all the time. Claims are in the database, so they
need no Redis and survive restarts (decision 97). Also stores results of long work, after an outage if need be.
"""

import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import Advance, Runtime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.outage_causes import reason_of
from . import job_queries
from .job_queries import Claim

log = logging.getLogger(__name__)

DAILY_POLL_S = 30.0
"""Interval between calls that begin a day's work if it is due, s."""

RENEW_MS = 10_000
"""Interval between renewals of a day's claim, ms. Other workers may take the claim after twelve times this long."""

STORE_ATTEMPTS, STORE_RETRY_S = 100, 5.0
"""Number of attempts to store a result while the database is down, and the pause between them, s. This takes 8 minutes,
or 25 minutes if every attempt times out.
"""

Work = Callable[[str, Advance], Callable[[], object] | None]
"""Does a day's work. It has to call the Advance regularly, which renews the claim. If the Advance raises an error, the
work is aborted. Returns a function to call once the work is stored as done, or None if it has to be done later.
"""


class ClaimLost(Exception):
    """Another worker has taken the claim, because this one did not renew it in time."""


class DailyWork:
    """The work `name`, in a row of `nightly_work`. `event` is the prefix of its log events. A server that was down does
    the work once it is back, and a restart does not repeat it.
    """

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

    def begin(self, day: str, work: Work, is_possible: Callable[[str], bool] = lambda day: True) -> None:
        """Do the work in a task, unless it is done, claimed by another worker, or currently not possible."""
        if self._is_busy or day == self._done_for:
            return
        claim = Claim(self._name, day, secrets.token_hex(16))
        with suppress(LedgerUnavailable):  # the next call tries again
            if not self._database.read(job_queries.is_free, claim, self._clock.now_ms()) or not is_possible(day):
                return
            if self._database.write(job_queries.take, claim, self._clock.now_ms()):
                self._is_busy = True
                self._runtime.start_task(partial(self._do, claim, work))

    def _do(self, claim: Claim, work: Work) -> None:
        """Do the work. If it fails, the claim is no longer renewed, so that another worker can take it and continue."""
        try:
            at_end = work(claim.day, self._renewal(claim))
            if at_end is not None:
                if not self._database.write(job_queries.end, claim, self._clock.now_ms()):
                    raise ClaimLost(claim.worker)
                self._done_for = claim.day
                at_end()
        except (LedgerUnavailable, ClaimLost) as error:
            if not self._database.is_closed:  # otherwise the server stops
                log.warning("%s_interrupted day=%s cause=%r", self._event, claim.day, reason_of(error))
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
            if not self._database.write(job_queries.keep, claim.name, claim.worker, self._clock.now_ms()):
                raise ClaimLost(claim.worker)

        return renew


class WorkLease:
    """The lease `name` for continuous work, as seen by this worker. All methods except `release` raise
    LedgerUnavailable.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, name: str) -> None:
        self._database = database
        self._clock = clock
        self._name = name
        self._is_used = False
        self.worker = secrets.token_hex(16)
        """This worker's name in the row."""

    def is_free(self) -> bool:
        """Whether no other worker has the lease."""
        return self._database.read(job_queries.is_lease_free, self._name, self.worker, self._clock.now_ms())

    def take(self) -> bool:
        """Take or renew the lease. Returns False while another worker has it."""
        if not self.is_free():
            return False
        return self._database.write(job_queries.take_lease, self._name, self.holder(), self._clock.now_ms())

    def keep(self) -> bool:
        """Renew the lease. Returns False if it was released, or another worker has it."""
        return self._database.write(job_queries.keep, self._name, self.worker, self._clock.now_ms())

    def holder(self) -> str:
        """The `worker`, for an operation that takes or renews the lease in its own transaction."""
        self._is_used = True
        return self.worker

    def release(self) -> None:
        """Let another worker take the lease at once."""
        if self._is_used:
            with suppress(LedgerUnavailable):  # otherwise it expires
                self._database.write(job_queries.release_lease, self._name, self.worker)


class LeasedTask(WorkLease):
    """Runs one task at a time while this worker has the lease. `interrupted` and `failed` are the events logged when a
    task ends early because the database is down or because of an error, respectively.
    """

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, name: str, interrupted: str, failed: str
    ) -> None:
        super().__init__(database, clock, name)
        self._runtime = runtime
        self._interrupted = interrupted
        self._failed = failed
        self.is_running = False

    def start(self, work: Callable[[], object]) -> None:
        """Do the work in a task, unless one is running."""
        if not self.is_running:
            self.is_running = True
            self._runtime.start_task(partial(self._do, work))

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except LedgerUnavailable as error:
            if not self._database.is_closed:
                log.warning("%s cause=%r", self._interrupted, reason_of(error))
        except Exception:
            log.exception(self._failed)
        finally:
            self.is_running = False


def is_stored(store: Callable[[], object]) -> bool:
    """Store the result of long work as soon as the database can be reached. Returns False if that takes too long. An
    attempt that timed out may have succeeded, so `store` may be called again after it has succeeded.
    """
    for _ in range(STORE_ATTEMPTS):
        try:
            store()
        except LedgerUnavailable:
            time.sleep(STORE_RETRY_S)
        else:
            return True
    return False
