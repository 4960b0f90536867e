"""Transactions for events on SQLite: four statements for a batch of any size (see `counting.ledger_sqlite`)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import AbstractContextManager

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.json_rows import sqlite_insert
from koyjabo.base.database.sqlite import FileLock, SqliteConnection, connect
from koyjabo.base.models import Event
from koyjabo.reports.events.event_queries import newest_visit
from koyjabo.reports.events.records import EVENT_COLUMNS, KnownEvents, NewEvents, Recorded, keys, plan, visitors

LOOK_UP = f"""
SELECT (SELECT coalesce(max(id), 0) FROM events), (
    SELECT json_group_array(json_array(e.visitor_id, e.event_id, e.id)) FROM json_each(?) j
    JOIN events e ON e.visitor_id = j.value ->> 0 AND e.event_id = j.value ->> 1
), (
    SELECT json_group_array(json_array(v.visitor_id, v.id, v.scope)) FROM json_each(?) j
    JOIN visits v ON v.id = {newest_visit("j.value", "max")}
)
"""
ADD = sqlite_insert(Event, EVENT_COLUMNS)


class SqliteEventStore:
    """A connection for writing, used by one thread."""

    unavailable: tuple[type[Exception], ...] = (sqlite3.OperationalError, OSError)

    def __init__(self, path: str, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = FileLock(path)
        self._connection: SqliteConnection | None = None

    def writing(self) -> AbstractContextManager[object]:
        """Hold the file lock that every process takes before it writes."""
        return self._lock.held()

    def commit(self, batch: list[NewEvents]) -> list[Recorded]:
        """Write `batch` in one transaction. After an error, none of it is written."""
        if self._connection is None or self._connection.is_replaced:
            self._connection = connect(self._path, instead_of=self._connection)
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            made = plan(batch, self._known(batch), self._clock)
            if made.rows:
                execute(ADD, (json.dumps(made.rows),))
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise
        return made.recorded()

    def _known(self, batch: list[NewEvents]) -> KnownEvents:
        assert self._connection is not None
        arguments = (json.dumps(keys(batch)), json.dumps(visitors(batch)))
        newest, stored, visits = self._connection.execute(LOOK_UP, arguments).fetchone()
        return KnownEvents(
            newest=newest,
            ids={(visitor, event): number for visitor, event, number in json.loads(stored)},
            visits={visitor: (number, scope) for visitor, number, scope in json.loads(visits)},
        )

    def interrupt(self) -> None:
        """Do nothing, because SQLite itself limits how long it waits."""

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._lock.close()
