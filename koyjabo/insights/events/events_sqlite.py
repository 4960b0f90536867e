"""The transactions of events on SQLite: four statements for a batch of any size (see `counting.ledger_sqlite`)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import AbstractContextManager

from koyjabo.clock import Clock
from koyjabo.database.sqlite import FileLock, connect
from koyjabo.insights.events.event_plan import KnownRows, keys, plan, visitors
from koyjabo.insights.events.event_queries import newest_visit
from koyjabo.insights.events.records import NewEvents, Recorded

LOOK_UP = f"""
SELECT (SELECT coalesce(max(id), 0) FROM events), (
    SELECT json_group_array(json_array(e.visitor_id, e.event_id, e.id)) FROM json_each(?) j
    JOIN events e ON e.visitor_id = j.value ->> 0 AND e.event_id = j.value ->> 1
), (
    SELECT json_group_array(json_array(v.visitor_id, v.id, v.scope)) FROM json_each(?) j
    JOIN visits v ON v.id = {newest_visit("j.value", "max")}
)
"""
ADD = """
INSERT INTO events (id, visitor_id, event_id, visit_id, scope, at_ms, day, hour_s, client_ms, name, page, props)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
       value ->> 8, value ->> 9, value ->> 10, value ->> 11
FROM json_each(?)
"""
ADD_SUMS = """
INSERT INTO event_sums (scope, dimension, period, value, count)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?) WHERE true
ON CONFLICT (scope, dimension, period, value) DO UPDATE SET count = count + excluded.count
"""


class SqliteEventStore:
    """A connection for writing, used by one thread."""

    unavailable: tuple[type[Exception], ...] = (sqlite3.OperationalError,)

    def __init__(self, path: str, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = FileLock(path)
        self._connection: sqlite3.Connection | None = None

    def writing(self) -> AbstractContextManager[object]:
        """Hold the file lock that all processes take before they write."""
        return self._lock.held()

    def commit(self, batch: list[NewEvents]) -> list[Recorded]:
        """Write `batch` in one transaction. After an error, nothing of it is written."""
        if self._connection is None:
            self._connection = connect(self._path)
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            made = plan(batch, self._known(batch), self._clock)
            if made.rows:
                execute(ADD, (json.dumps(made.rows),))
                execute(ADD_SUMS, (json.dumps(made.sum_rows()),))
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise
        return made.recorded()

    def _known(self, batch: list[NewEvents]) -> KnownRows:
        assert self._connection is not None
        wanted = (json.dumps(keys(batch)), json.dumps(visitors(batch)))
        newest, stored, visits = self._connection.execute(LOOK_UP, wanted).fetchone()
        return KnownRows(
            newest=newest,
            ids={(visitor, event): number for visitor, event, number in json.loads(stored)},
            visits={visitor: (number, scope) for visitor, number, scope in json.loads(visits)},
        )

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._lock.close()
