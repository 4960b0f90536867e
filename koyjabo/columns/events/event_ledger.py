"""The ledger of page views and events. Once `record` returns, the event is on disk and counts exactly once.

A real thread commits events that arrive together in one transaction (see `base.database.batch_worker`). The statements
are in `events_sqlite` and `events_postgres`.
"""

import logging
from functools import partial
from typing import Protocol

from sqlalchemy.engine import URL

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import DiskAlmostFull
from koyjabo.base.database.batch_worker import STUCK_S, BatchStore, BatchWorker, commit_jobs
from koyjabo.base.database.free_space import FreeSpace
from koyjabo.base.settings.database_url import file_of
from koyjabo.realtime.services import RealtimeServices
from .new_event import NewEvents, Recorded

log = logging.getLogger(__name__)

EVENT_PATIENCE_S = 5.0
EVENT_LIMIT_S = 10.0

ENOUGH_EVENTS = 50
"""A transaction takes no further request once it has this many events, because visits wait for it."""


class EventStore(BatchStore[NewEvents, Recorded], Protocol):
    def close(self) -> None: ...


def open_store(database: URL, clock: Clock) -> EventStore:
    """Return the store for a database URL, as normalised by `settings`. Opens no connection yet."""
    if database.get_backend_name() == "sqlite":
        from .events_sqlite import SqliteEventStore

        return SqliteEventStore(str(database.database), clock)
    from .events_postgres import PostgresEventStore

    return PostgresEventStore(database, clock)


class EventLedger:
    """Records events. `space` is the database's free space."""

    def __init__(self, base: Base) -> None:
        file = file_of(base.settings.database_url)
        self.space = FreeSpace(file.parent if file else None)
        self._settings = base.settings
        self._on_recorded = base.services[RealtimeServices].events_recorded
        self._store = store = open_store(base.settings.database, base.clock)
        self._writer: BatchWorker[NewEvents, Recorded] = BatchWorker(
            base.runtime, partial(commit_jobs, store), EVENT_PATIENCE_S, EVENT_LIMIT_S, most=ENOUGH_EVENTS
        )
        self._writer.measure(len)
        self._writer.interrupt_after(STUCK_S, store.interrupt)

    def record(self, events: NewEvents, is_bot: bool) -> Recorded:
        """Record the events of one request durably, all or none (specification: Page views and events).

        Raises LedgerUnavailable if they could not be committed, and DiskAlmostFull. In both cases, none was recorded.
        """
        if is_bot and self._settings.bot_policy == "ignore":
            return Recorded(0, 0)
        if self.space.is_low():
            raise DiskAlmostFull
        recorded = self._writer.do(events)
        log.debug("events_recorded accepted=%d duplicates=%d stored_bytes=%d", *recorded)
        if recorded.accepted:
            self._on_recorded()
        return recorded

    def close(self) -> None:
        """Commit the queued events and close the database."""
        self._writer.close()
        self._store.close()
