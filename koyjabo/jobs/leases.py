"""Leases for continuous work on a single worker across all servers. A lease is a row in `nightly_work`."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import Runtime
from koyjabo.database import work_claim_queries
from koyjabo.database.executor import DatabaseExecutor

log = logging.getLogger(__name__)


class WorkLease:
    """The lease `name`, as seen by this worker. All methods except `release` raise LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, name: str) -> None:
        self._database = database
        self._clock = clock
        self._name = name
        self._is_used = False
        self.worker = secrets.token_hex(16)
        """This worker's name in the row."""

    def take(self) -> bool:
        """Take or renew the lease. Returns False while another worker has it."""
        if not self._database.read(work_claim_queries.is_lease_free, self._name, self.worker, self._clock.now_ms()):
            return False
        return self._database.write(work_claim_queries.renew_lease, self._name, self.holder(), self._clock.now_ms())

    def holder(self) -> str:
        """The `worker`, for an operation that takes or renews the lease in its own transaction."""
        self._is_used = True
        return self.worker

    def release(self) -> None:
        """Let another worker take the lease at once."""
        if self._is_used:
            with suppress(LedgerUnavailable):  # otherwise it expires
                self._database.write(work_claim_queries.release_lease, self._name, self.worker)


class LeasedTasks(WorkLease):
    """Runs tasks while this worker has the lease, one at a time in each queue. `interrupted` and `failed` are the
    events logged when a task ends early because the database is down or because of an error, respectively.
    """

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, name: str, interrupted: str, failed: str
    ) -> None:
        super().__init__(database, clock, name)
        self._runtime = runtime
        self._interrupted = interrupted
        self._failed = failed
        self.busy: set[str] = set()
        """The queues that have a running task."""

    def start(self, queue: str, work: Callable[[], object]) -> None:
        """Do the work in a task, unless the queue already has one."""
        if queue not in self.busy:
            self.busy.add(queue)
            self._runtime.start_task(partial(self._do, queue, work))

    def _do(self, queue: str, work: Callable[[], object]) -> None:
        try:
            work()
        except LedgerUnavailable as error:
            log.warning("%s cause=%r", self._interrupted, str(error.__cause__ or error))
        except Exception:
            log.exception(self._failed)
        finally:
            self.busy.discard(queue)
