"""Transactions for events on PostgreSQL: two round trips for a batch of any size (see `counting.ledger_postgres`).

An advisory lock puts the writers in order, so that ids become visible in order. The tables are locked first, so that a
restore, which replaces all rows, runs entirely before or entirely after.
"""

import json
from typing import Any

from koyjabo.base.database.json_rows import postgres_insert
from koyjabo.base.database.postgres import PostgresConnection, limits
from koyjabo.counting.continued_visits import EVENTS_LOCK, newest_visit
from koyjabo.counting.models import Event
from koyjabo.counting.writer_postgres import Planned, PostgresWriter, are_stored, stored_query
from .event_plan import EVENT_COLUMNS, KnownEvents, keys, plan, visitors
from .new_event import NewEvents, Recorded

POSTGRES_LOOK_UP = f"""
BEGIN ISOLATION LEVEL READ COMMITTED; {limits()}
LOCK TABLE events IN ROW EXCLUSIVE MODE;
SELECT pg_advisory_xact_lock({EVENTS_LOCK});
SELECT (SELECT coalesce(max(id), 0) FROM events), ARRAY(
    SELECT (SELECT e.id FROM events e WHERE e.visitor_id = b.visitor AND e.event_id = b.event)
    FROM unnest(%s::text[], %s::text[]) AS b(visitor, event)
), ARRAY(
    SELECT (
        SELECT json_build_array(v.id, v.scope)::text FROM visits v
        WHERE v.id = {newest_visit("b.visitor", "greatest")}
    ) FROM unnest(%s::text[]) AS b(visitor)
)
"""
POSTGRES_INSERT = postgres_insert(Event, EVENT_COLUMNS)
STORED_EVENTS = stored_query("events", "event_id", EVENT_COLUMNS)


class PostgresEventStore(PostgresWriter[NewEvents, Recorded]):
    """Events on PostgreSQL."""

    def _write(
        self, batch: list[NewEvents], connection: PostgresConnection, cursor: Any, first: Planned | None
    ) -> list[Recorded]:
        events, people = keys(batch), visitors(batch)
        cursor.execute(POSTGRES_LOOK_UP, ([visitor for visitor, _ in events], [event for _, event in events], people))
        newest, ids, visits = cursor.fetchone()
        known = KnownEvents(
            newest=newest,
            ids={key: number for key, number in zip(events, ids, strict=True) if number is not None},
            visits={who: tuple(json.loads(visit)) for who, visit in zip(people, visits, strict=True) if visit},
        )
        result = plan(batch, known, self._clock)
        if first and not result.rows and are_stored(cursor, STORED_EVENTS, first):
            result.results = first.outcomes
        self._planned = Planned(result.rows, result.results)
        if result.rows:
            cursor.execute(f"{connection.durable}{POSTGRES_INSERT}; COMMIT", [json.dumps(result.rows)])
        else:
            cursor.execute("COMMIT")
        return result.recorded()
