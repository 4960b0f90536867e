"""The ledger's transactions on PostgreSQL: two round trips for a batch of any size.

The first message locks the counters and looks rows up (`look_up_postgres`), the second writes and commits. Visits and
visitors are passed as JSON, one parameter for a table, and unpacked by the server. Sums are few rows, which as values
take the server half the time.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import psycopg2
from sqlalchemy.engine import URL

from koyjabo.core.clock import Clock
from koyjabo.core.errors import KoyJaboError
from koyjabo.counting import daily_people_postgres
from koyjabo.counting.batch_plan import VISIT_COLUMNS, BatchPlan, Counted, FirstVisit, plan
from koyjabo.counting.look_up_postgres import look_up
from koyjabo.counting.milestones import Milestones
from koyjabo.counting.records import CounterSnapshot, NewVisit, Receipt
from koyjabo.database.json_rows import insert_sums, postgres_insert
from koyjabo.database.lease import Fence
from koyjabo.database.postgres import close, connect, limits, was_committed, was_refused
from koyjabo.models import DailyVisits, HourlyVisits, Scope, Visit, Visitor

Row = tuple[Any, ...]
Outcome = Counted | KoyJaboError
"""How a visit was counted, or its error."""


class PlannedVisits(NamedTuple):
    """The rows that a transaction would write."""

    transaction: int  # its number on the server
    outcomes: list[Outcome]


WRITE = postgres_insert(Visit, VISIT_COLUMNS) + postgres_insert(Visitor, FirstVisit._fields)
ADD_SUMS = f"""
{insert_sums(DailyVisits, "{days}")};
{insert_sums(HourlyVisits, "{hours}")};
UPDATE counters c
SET visits = r.visits, total = r.total, unique_visitors = r.unique_visitors, revision = r.revision
FROM (VALUES {{counters}}) AS r(scope, visits, total, unique_visitors, revision) WHERE c.scope = r.scope;
"""
ADD_MILESTONES = """
INSERT INTO webhook_events (id, type, key, scope, at_ms, data) VALUES {milestones} ON CONFLICT (key) DO NOTHING;
"""
COMMIT = "COMMIT"
FIGURES = f"""
{limits()}
SELECT c.scope, c.epoch, c.revision, c.visits, c.total, c.unique_visitors, %s, coalesce(d.visits, 0), v.at_ms, v.place
FROM counters c LEFT JOIN daily_visits d ON d.scope = c.scope AND d.day = %s
LEFT JOIN visits v ON v.id = c.visits AND c.scope = 'site' WHERE c.scope = ANY(%s)
"""
KNOWS = f"{limits()} SELECT EXISTS (SELECT 1 FROM visitors WHERE scope = %s AND visitor_id = %s)"


class PostgresStore:
    """Two connections: one for writing, used by one thread, and one for reading, used by another.

    `fence` is called within each transaction that writes. If it raises, `commit` writes nothing and raises the same.
    """

    unavailable: tuple[type[Exception], ...] = (psycopg2.OperationalError, psycopg2.InterfaceError)
    unreadable = unavailable
    reads_block = True  # a read is a round trip, so it runs on a thread

    def __init__(self, url: URL, clock: Clock, fence: Fence, milestones: Milestones) -> None:
        self._url = url
        self._clock = clock
        self._fence = fence
        self._milestones = milestones
        self._writing: Any = None
        self._reading: Any = None
        self._planned: PlannedVisits | None = None

    def writing(self) -> AbstractContextManager[object]:
        """Holds nothing: servers queue at the lock of the counter row."""
        return nullcontext()

    def commit(self, batch: list[tuple[NewVisit, str]]) -> list[Receipt | KoyJaboError]:
        """Write `batch` in one transaction.

        After a broken connection, tries once more on a new one. If the first attempt was committed after all, its
        outcomes hold: its visits are not marked as retries.
        """
        fresh = self._writing is None
        self._planned = None
        try:
            return self._attempt(batch).receipts()
        except self.unavailable as error:
            if was_refused(error) or (fresh and not self._planned):
                raise
        return self._attempt(batch, self._planned).receipts()

    def _attempt(self, batch: list[tuple[NewVisit, str]], first: PlannedVisits | None = None) -> BatchPlan:
        """`first` is the plan of an attempt that may have been committed."""
        if self._writing is None:
            self._writing = connect(self._url)
        try:
            with self._writing.cursor() as cursor:
                transaction, known = look_up(cursor, batch, self._clock)
                made = plan(batch, known, self._clock, self._milestones)
                if first and was_committed(cursor, first.transaction):
                    made.outcomes = first.outcomes
                self._planned = PlannedVisits(transaction, made.outcomes)
                self._fence(cursor)  # after the counters, which every transaction locks first
                cursor.execute(*_message(made))
        except BaseException:
            close(self._writing)
            self._writing = None
            raise
        return made

    def snapshot(self, scope: Scope) -> CounterSnapshot | None:
        today = self._clock.today()
        rows = self._read(FIGURES, (today, today, [scope]))
        return CounterSnapshot(*rows[0]) if rows else None

    def knows(self, scope: Scope, visitor_id: str) -> bool:
        return bool(self._read(KNOWS, (scope, visitor_id))[0][0])

    def _read(self, statement: str, parameters: tuple[Any, ...]) -> list[Row]:
        """Tries once more on a new connection, because the server may have closed the old one while it was idle."""
        fresh = self._reading is None
        try:
            if self._reading is None:
                self._reading = connect(self._url)
            with self._reading.cursor() as cursor:
                cursor.execute(statement, parameters)
                rows: list[Row] = cursor.fetchall()
                return rows
        except self.unavailable as error:
            close(self._reading)
            self._reading = None
            if fresh or was_refused(error):
                raise
            return self._read(statement, parameters)

    def close(self) -> None:
        close(self._writing)
        close(self._reading)


def _message(made: BatchPlan) -> tuple[str, list[Any]]:
    """The writes of a plan and the commit, as one message with its parameters."""
    if not made.visits:
        return COMMIT, []
    sums = {
        "days": [(*key, *sums) for key, sums in made.days.items()],
        "hours": [(*hour, *sums) for hour, sums in made.hours.items()],
        "counters": [_counter(made.snapshot[scope]) for scope in made.touched],
    }
    message = WRITE + ADD_SUMS.format(**{name: _values(rows) for name, rows in sums.items()})
    parameters: list[Any] = [json.dumps(made.visits), json.dumps(made.visitors)]
    parameters += [value for rows in sums.values() for row in rows for value in row]
    if made.milestones:
        message += ADD_MILESTONES.format(milestones=_values([*made.milestones]))
        parameters += [value for row in made.milestones for value in row]
    if made.people.days:
        message += daily_people_postgres.WRITE
        parameters += daily_people_postgres.rows(made.people)
    return message + COMMIT, parameters


def _counter(snapshot: CounterSnapshot) -> Row:
    return snapshot.scope, snapshot.visits, snapshot.total, snapshot.unique_visitors, snapshot.revision


def _values(rows: list[Row]) -> str:
    """The placeholders of a list of VALUES."""
    return ", ".join([f"({', '.join(['%s'] * len(rows[0]))})"] * len(rows))
