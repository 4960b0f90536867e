"""Transactions for events on PostgreSQL: two round trips for a batch of any size (see `counting.ledger_postgres`).

An advisory lock puts the writers in order, so that ids become visible in order. The tables are locked first, so that a
restore, which replaces all rows, runs entirely before or entirely after.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from sqlalchemy.engine import URL

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.json_rows import postgres_insert
from koyjabo.base.database.postgres import UNAVAILABLE, PostgresLink, limits, was_committed, was_refused
from koyjabo.base.database.timelines import ServerTimeline
from koyjabo.base.models import Event
from koyjabo.reports.events.event_queries import EVENTS_LOCK, newest_visit
from koyjabo.reports.events.records import (
    EVENT_COLUMNS,
    EventPlan,
    Found,
    KnownEvents,
    NewEvents,
    Recorded,
    keys,
    plan,
    visitors,
)

LOOK_UP = f"""
BEGIN ISOLATION LEVEL READ COMMITTED; {limits()}
LOCK TABLE events IN ROW EXCLUSIVE MODE;
SELECT pg_advisory_xact_lock({EVENTS_LOCK});
SELECT txid_current(), (SELECT coalesce(max(id), 0) FROM events), ARRAY(
    SELECT (SELECT e.id FROM events e WHERE e.visitor_id = b.visitor AND e.event_id = b.event)
    FROM unnest(%s::text[], %s::text[]) AS b(visitor, event)
), ARRAY(
    SELECT (
        SELECT json_build_array(v.id, v.scope)::text FROM visits v
        WHERE v.id = {newest_visit("b.visitor", "greatest")}
    ) FROM unnest(%s::text[]) AS b(visitor)
)
"""
ADD = postgres_insert(Event, EVENT_COLUMNS)
COMMIT = "COMMIT"


class PlannedEvents(NamedTuple):
    """The rows that a transaction would write."""

    transaction: int  # its number on `server`
    server: ServerTimeline | None
    results: list[list[Found]]


class PostgresEventStore:
    """A connection for writing, used by one thread."""

    unavailable = UNAVAILABLE

    def __init__(self, url: URL, clock: Clock) -> None:
        self._clock = clock
        self._link = PostgresLink(url)
        self._planned: PlannedEvents | None = None

    def writing(self) -> AbstractContextManager[object]:
        """Do nothing, because servers queue at the advisory lock."""
        return nullcontext()

    def commit(self, batch: list[NewEvents]) -> list[Recorded]:
        """Write `batch` in one transaction.

        If the connection breaks, try once more on a new one. If it turns out that the first attempt was committed, its
        events do not count as retries.
        """
        fresh, self._planned = not self._link.is_open, None
        try:
            return self._attempt(batch).recorded()
        except self.unavailable as error:
            if was_refused(error) or (fresh and not self._planned):
                raise
        return self._attempt(batch, self._planned).recorded()

    def _attempt(self, batch: list[NewEvents], first: PlannedEvents | None = None) -> EventPlan:
        """Write the batch once. `first` is the plan of an earlier attempt whose outcome is not known."""
        connection = self._link.connection()
        try:
            with connection.cursor() as cursor:
                transaction, known = _look_up(cursor, batch)
                made = plan(batch, known, self._clock)
                if first and was_committed(cursor, first.transaction, first.server):
                    made.results = first.results
                self._planned = PlannedEvents(transaction, connection.server, made.results)
                if made.rows:
                    cursor.execute(connection.durable + ADD + COMMIT, [json.dumps(made.rows)])
                else:
                    cursor.execute(COMMIT)
        except BaseException:
            self._link.close()
            raise
        return made

    def interrupt(self) -> None:
        self._link.interrupt()

    def close(self) -> None:
        self._link.close()


def _look_up(cursor: Any, batch: list[NewEvents]) -> tuple[int, KnownEvents]:
    """Begin a transaction, take the lock, and read the rows that `batch` needs. Returns the transaction's number and
    the rows.
    """
    events, people = keys(batch), visitors(batch)
    cursor.execute(LOOK_UP, ([visitor for visitor, _ in events], [event for _, event in events], people))
    transaction, newest, ids, visits = cursor.fetchone()
    return transaction, KnownEvents(
        newest=newest,
        ids={key: number for key, number in zip(events, ids, strict=True) if number is not None},
        visits={who: tuple(json.loads(visit)) for who, visit in zip(people, visits, strict=True) if visit is not None},
    )
