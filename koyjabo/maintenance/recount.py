"""Counting the ledger again, and saying whether all numbers agree."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from koyjabo.audit import log as audit
from koyjabo.audit import queries
from koyjabo.audit.log import Actor, AuditRecord, Entry, Subject
from koyjabo.clock import Clock
from koyjabo.cluster.workers import Progress, Workers
from koyjabo.database import engine
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.errors import KoyJaboError, LedgerUnavailable
from koyjabo.identity import Account
from koyjabo.maintenance.recount_queries import recount, rows_to_count
from koyjabo.runtime import Runtime

log = logging.getLogger(__name__)

BEGUN, ENDED = "ledger.recount", "ledger.recounted"
LEDGER = Subject("ledger", "", "")
MOST_PROBLEMS = 20
"""Sentences of a recount that are kept."""

ATTEMPTS, RETRY_S = 100, 5.0
"""To write down what came of one while the database is away: 8 minutes, 25 if it lets every attempt wait."""

NEWS_MS = 5_000
"""By then, every worker that is heard of has told that it recounts."""


@dataclass(frozen=True)
class Recount:
    """A recount about to be made: how many rows it has to read, and `run(progress)`, which returns what is wrong."""

    rows: int
    run: Callable[[Callable[[int], None]], list[str]]


class RecountState(NamedTuple):
    """What is known of recounts. `last` is a line of the audit log: how the newest one ended, with `agrees`, `rows`,
    `seconds`, `problems` (sentences, MOST_PROBLEMS at most) and `problem_count` in its details, or `error`, if it could
    not be made; or that it began (BEGUN). Then it was interrupted, unless one goes on.
    """

    going_on: Progress | None  # on whichever worker
    last: AuditRecord | None


@contextmanager
def recounting() -> Iterator[Recount]:
    """Recount ledger, counters and rollups as of this moment. Needs an application context."""
    with engine.snapshot() as connection:
        yield Recount(rows_to_count(connection), lambda progress: recount(connection, progress))


class Recounts:
    """From the panel, for admins of the site; everybody else is Forbidden. Raises LedgerUnavailable.

    `on_change` is called when a recount of this worker has begun or ended.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        runtime: Runtime,
        workers: Workers,
        on_change: Callable[[], None],
    ) -> None:
        self._on_change = on_change
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._workers = workers
        self._progress: Progress | None = None
        self._lock = threading.Lock()  # around beginning; nothing waits while it is held

    def begin(self, account: Account) -> None:
        """Begin a recount, which goes on by itself, and ends with a line in the audit log. One at a time: while any
        worker that is heard of makes one, this does nothing.

        It ends with its worker. SIGTERM does not wait for it, since it may take hours: the log then says that it began
        and never that it ended, and nobody goes on with it. Begin another.
        """
        account.require_site_admin()
        by = audit.actor(account, self._clock)
        with self._lock:
            if self._going_on() is not None:
                return
            self._progress = Progress(by.at_ms, 0, 0)
        try:
            has_begun = self._begin(by)
        except BaseException:
            self._end()
            raise
        if not has_begun:
            self._end()
            return
        self._on_change()
        self._runtime.start_task(partial(self._recount, by))

    def progress(self) -> Progress | None:
        """How far the recount of this worker is; None when there is none."""
        return self._progress

    def state(self, account: Account) -> RecountState:
        """As far as workers are heard of: while Redis is away, one that another worker makes looks interrupted."""
        account.require_site_admin()
        going_on, last = self._going_on(), self._database.read(_newest)
        if last and going_on is None and _has_just_begun(last, self._clock.now_ms()):
            going_on = Progress(last.at_ms, 0, 0)
        return RecountState(going_on, last)

    def _going_on(self) -> Progress | None:
        return self._progress or next((each.recount for each in self._workers.all() if each.recount), None)

    def _begin(self, by: Actor) -> bool:
        """Write that it begins, unless another worker has written that so lately that it need not have told us yet."""

        def entry(last: AuditRecord | None) -> Entry | None:
            return None if _has_just_begun(last, by.at_ms) else by.entry(BEGUN, LEDGER)

        return not _has_just_begun(self._database.write(_newest, audit=entry), by.at_ms)

    def _end(self) -> None:
        self._progress = None
        self._on_change()

    def _recount(self, by: Actor) -> None:
        try:
            details = self._outcome()
            self._keep(by._replace(at_ms=self._clock.now_ms()).entry(ENDED, LEDGER, **details))
        finally:
            self._end()

    def _outcome(self) -> dict[str, Any]:
        began_ms = self._clock.elapsed_ms()
        try:
            found = _verdict(self._database.long_read(self._count))
        except KoyJaboError as error:
            found = {"error": str(error)}
        except Exception:
            log.exception("recount_failed")
            found = {"error": KoyJaboError.sentence}
        seconds, progress = round((self._clock.elapsed_ms() - began_ms) / 1000, 1), self._progress
        return {**found, "rows": progress.rows if progress else 0, "seconds": seconds}

    def _keep(self, entry: Entry) -> None:
        """Write down what came of hours of work, as soon as the database is there for it. An attempt that was not
        answered in time may have succeeded, so each looks first.
        """

        def once(found: tuple[AuditRecord, ...]) -> Entry | None:
            return None if found and found[0][1:] == entry else entry

        for _ in range(ATTEMPTS):
            try:
                self._database.write(queries.newest, before=None, count=1, action=ENDED, audit=once)
            except LedgerUnavailable:
                self._wait()
            else:
                return
        log.error("recount_not_written agrees=%s", entry.details.get("agrees"))

    def _wait(self) -> None:
        waiter = self._runtime.waiter()
        self._runtime.later(RETRY_S, waiter.wake)
        waiter.wait()

    def _count(self, session: Any) -> list[str]:
        """On a real thread."""
        connection, begun = session.connection(), self._progress
        assert begun is not None
        self._progress = begun._replace(rows=rows_to_count(connection))
        return recount(connection, self._advance)

    def _advance(self, rows: int) -> None:
        if self._progress is not None:
            self._progress = self._progress._replace(done=self._progress.done + rows)


def _newest(session: Any) -> AuditRecord | None:
    """The last line there is of a recount."""
    found = [line for action in (BEGUN, ENDED) for line in queries.newest(session, None, 1, action=action)]
    return max(found, key=lambda line: line.id, default=None)


def _has_just_begun(last: AuditRecord | None, now_ms: int) -> bool:
    return last is not None and last.action == BEGUN and abs(now_ms - last.at_ms) < NEWS_MS


def _verdict(problems: list[str]) -> dict[str, Any]:
    return {"agrees": not problems, "problems": problems[:MOST_PROBLEMS], "problem_count": len(problems)}
