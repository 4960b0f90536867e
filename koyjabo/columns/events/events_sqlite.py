"""Transactions for events on SQLite: four statements for a batch of any size (see `counting.ledger_sqlite`)."""

import json

from koyjabo.base.database.json_rows import sqlite_insert
from koyjabo.counting.continued_visits import newest_visit
from koyjabo.counting.daily_people_sqlite import Execute
from koyjabo.counting.models import Event
from koyjabo.counting.writer_sqlite import SqliteWriter
from .event_plan import EVENT_COLUMNS, EventPlan, KnownEvents, keys, plan, visitors
from .new_event import NewEvents, Recorded

SQLITE_LOOK_UP = f"""
SELECT (SELECT coalesce(max(id), 0) FROM events), (
    SELECT json_group_array(json_array(e.visitor_id, e.event_id, e.id)) FROM json_each(?) j
    JOIN events e ON e.visitor_id = j.value ->> 0 AND e.event_id = j.value ->> 1
), (
    SELECT json_group_array(json_array(v.visitor_id, v.id, v.scope)) FROM json_each(?) j
    JOIN visits v ON v.id = {newest_visit("j.value", "max")}
)
"""
SQLITE_INSERT = sqlite_insert(Event, EVENT_COLUMNS)


class SqliteEventStore(SqliteWriter):
    """Events on SQLite."""

    def commit(self, batch: list[NewEvents]) -> list[Recorded]:
        """Write `batch` in one transaction. After an error, none of it is written."""
        result: EventPlan = self._transaction(batch)
        return result.recorded()

    def _write(self, batch: list[NewEvents], execute: Execute) -> EventPlan:
        newest, ids, visits = execute(SQLITE_LOOK_UP, (json.dumps(keys(batch)), json.dumps(visitors(batch)))).fetchone()
        known = KnownEvents(
            newest=newest,
            ids={(visitor, event): number for visitor, event, number in json.loads(ids)},
            visits={visitor: (number, scope) for visitor, number, scope in json.loads(visits)},
        )
        result = plan(batch, known, self._clock)
        if result.rows:
            execute(SQLITE_INSERT, (json.dumps(result.rows),))
        return result
