"""The ledger's transactions on PostgreSQL: three round trips for a batch of any size.

Rows are passed as JSON, one parameter for each table, and unpacked by the server. Lock, look-up and writes are three
messages: a statement sees what was committed before it began, and the look-up must see what the lock waited for.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import psycopg2
from sqlalchemy.engine import URL

from koyjabo.clock import Clock
from koyjabo.counting import daily_people_postgres
from koyjabo.counting.batch_plan import KnownRows, Plan, asked, plan
from koyjabo.counting.daily_people import DailyPeople, StoredDay
from koyjabo.counting.records import CounterSnapshot, NewVisit, Receipt
from koyjabo.database.lease import Fence
from koyjabo.database.postgres import connect, limits
from koyjabo.errors import KoyJaboError
from koyjabo.models import SITE, Scope

Row = tuple[Any, ...]
Outcome = tuple[int, bool] | KoyJaboError
"""(ordinal, is a retry), or the error of one visit."""

LOCK = f"""
BEGIN ISOLATION LEVEL READ COMMITTED; {limits()}
SELECT scope, epoch, revision, visits, total, unique_visitors FROM counters
WHERE scope = ANY(%s) ORDER BY scope <> 'site', scope FOR UPDATE
"""
# With arrays, the planner sees the number of rows and uses the index instead of reading the whole table.
LOOK_UP = """
SELECT 'retry', v.visitor_id, v.visit_id, v.ordinal, NULL FROM unnest(%s::text[], %s::text[]) AS b(visitor, visit)
JOIN visits v ON v.visitor_id = b.visitor AND v.visit_id = b.visit
UNION ALL
SELECT 'visitor', w.scope, w.visitor_id, 0, w.user_id FROM unnest(%s::text[], %s::text[]) AS b(scope, visitor)
JOIN visitors w ON w.scope = b.scope AND w.visitor_id = b.visitor
UNION ALL
SELECT 'day', scope, day, visits, NULL FROM daily_visits WHERE day = %s AND scope = ANY(%s)
"""
LOOK_UP_WITH_PEOPLE = f"{LOOK_UP} UNION ALL SELECT 'person', '', '', 0, seen FROM ({daily_people_postgres.SEEN}) AS s"
WRITE = """
INSERT INTO visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s,
                    client_ms, place, referrer, user_agent, page, user_id, is_bot)
SELECT (r->>0)::bigint, (r->>1)::bigint, r->>2, r->>3, r->>4, (r->>5)::bigint, r->>6, (r->>7)::bigint,
       (r->>8)::bigint, r->>9, r->>10, r->>11, r->>12, r->>13, (r->>14)::boolean
FROM json_array_elements(%s) r;
INSERT INTO visitors (scope, visitor_id, first_visit, user_id)
SELECT r->>0, r->>1, (r->>2)::bigint, r->>3 FROM json_array_elements(%s) r;
INSERT INTO daily_visits AS d (scope, day, visits, new_visitors)
SELECT r->>0, r->>1, (r->>2)::bigint, (r->>3)::bigint FROM json_array_elements(%s) r
ON CONFLICT (scope, day) DO UPDATE
SET visits = d.visits + excluded.visits, new_visitors = d.new_visitors + excluded.new_visitors;
INSERT INTO hourly_visits AS h (scope, hour_s, visits, new_visitors)
SELECT r->>0, (r->>1)::bigint, (r->>2)::bigint, (r->>3)::bigint FROM json_array_elements(%s) r
ON CONFLICT (scope, hour_s) DO UPDATE
SET visits = h.visits + excluded.visits, new_visitors = h.new_visitors + excluded.new_visitors;
UPDATE counters c
SET visits = (r->>1)::bigint, total = (r->>2)::bigint, unique_visitors = (r->>3)::bigint, revision = (r->>4)::bigint
FROM json_array_elements(%s) r WHERE c.scope = r->>0;
"""
COMMIT = "COMMIT"
FIGURES = f"""
{limits()}
SELECT c.scope, c.epoch, c.revision, c.visits, c.total, c.unique_visitors, %s, coalesce(d.visits, 0)
FROM counters c LEFT JOIN daily_visits d ON d.scope = c.scope AND d.day = %s
WHERE c.scope = ANY(%s)
"""
KNOWS = f"{limits()} SELECT EXISTS (SELECT 1 FROM visitors WHERE scope = %s AND visitor_id = %s)"


class PostgresStore:
    """Two connections: one for writing, used by one thread, and one for reading, used by another.

    `fence` is called within each transaction that writes. If it raises, `commit` writes nothing and raises the same.
    """

    unavailable: tuple[type[Exception], ...] = (psycopg2.OperationalError, psycopg2.InterfaceError)
    unreadable = unavailable
    reads_block = True  # a read is a round trip, so it runs on a thread

    def __init__(self, url: URL, clock: Clock, fence: Fence) -> None:
        self._url = url
        self._clock = clock
        self._fence = fence
        self._writing: Any = None
        self._reading: Any = None
        self._planned: list[Outcome] = []

    def writing(self) -> AbstractContextManager[object]:
        """Holds nothing: servers queue at the lock of the counter row."""
        return nullcontext()

    def commit(self, batch: list[tuple[NewVisit, str]]) -> list[Receipt | KoyJaboError]:
        """Write `batch` in one transaction.

        After a broken connection, tries once more on a new one. Visits that the first attempt has stored keep their
        ordinals and are not marked as retries.
        """
        fresh = self._writing is None
        self._planned = []
        try:
            return self._attempt(batch).receipts(batch)
        except self.unavailable as error:
            if _was_refused(error) or (fresh and not self._planned):
                raise
        planned = self._planned
        made = self._attempt(batch)
        made.outcomes = _as_planned(planned or made.outcomes, made.outcomes)
        return made.receipts(batch)

    def _attempt(self, batch: list[tuple[NewVisit, str]]) -> Plan:
        if self._writing is None:
            self._writing = connect(self._url)
        try:
            with self._writing.cursor() as cursor:
                made = plan(batch, self._known(cursor, batch), self._clock)
                self._planned = made.outcomes
                self._fence(cursor)  # after the counters, which every transaction locks first
                cursor.execute(*_message(made))
        except BaseException:
            _close(self._writing)
            self._writing = None
            raise
        return made

    def _known(self, cursor: Any, batch: list[tuple[NewVisit, str]]) -> KnownRows:
        scopes = list({SITE} | {visit.scope for visit, _ in batch})
        cursor.execute(LOCK, (scopes,))
        locked = cursor.fetchall()
        today = self._clock.today()
        visitors = list({(scope, visit.visitor_id) for visit, _ in batch for scope in (SITE, visit.scope)})
        retries = [visit.visitor_id for visit, _ in batch], [visit_id for _, visit_id in batch]
        known_visitors = [scope for scope, _ in visitors], [visitor for _, visitor in visitors]
        wanted = (*retries, *known_visitors, today, scopes)
        people = asked(batch, self._clock)
        if people:
            cursor.execute(LOOK_UP_WITH_PEOPLE, (*wanted, *daily_people_postgres.columns(people)))
        else:
            cursor.execute(LOOK_UP, wanted)
        return self._known_rows(locked, today, cursor.fetchall())

    def _known_rows(self, locked: list[Row], today: str, found: list[Row]) -> KnownRows:
        days = {scope: visits for kind, scope, _, visits, _ in found if kind == "day"}
        seen = [StoredDay._make(json.loads(row[4])) for row in found if row[0] == "person"]
        return KnownRows(
            snapshot={row[0]: CounterSnapshot._make((*row, today, days.get(row[0], 0))) for row in locked},
            ordinals={(visitor, visit): ordinal for kind, visitor, visit, ordinal, _ in found if kind == "retry"},
            visitors={(scope, visitor): user_id for kind, scope, visitor, _, user_id in found if kind == "visitor"},
            people=DailyPeople(seen, self._clock),
        )

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
            _close(self._reading)
            self._reading = None
            if fresh or _was_refused(error):
                raise
            return self._read(statement, parameters)

    def close(self) -> None:
        _close(self._writing)
        _close(self._reading)


def _message(made: Plan) -> tuple[str, tuple[str, ...]]:
    """The writes of a plan and the commit, as one message with its parameters."""
    if not made.visits:
        return COMMIT, ()
    if not made.people.days:
        return WRITE + COMMIT, _rows(made)
    return WRITE + daily_people_postgres.WRITE + COMMIT, (*_rows(made), *daily_people_postgres.rows(made.people))


def _rows(made: Plan) -> tuple[str, ...]:
    snapshot = [made.snapshot[scope] for scope in made.touched]
    tables = (
        made.visits,
        made.visitors,
        [(*key, *sums) for key, sums in made.days.items()],
        [(*hour, *sums) for hour, sums in made.hours.items()],
        [(f.scope, f.visits, f.total, f.unique_visitors, f.revision) for f in snapshot],
    )
    return tuple(json.dumps(rows) for rows in tables)


def _as_planned(planned: list[Outcome], found: list[Outcome]) -> list[Outcome]:
    """The outcomes of the second attempt; where it found the visit as the first one planned it, the first outcome."""
    return [first if first == (_ordinal(now), False) else now for first, now in zip(planned, found, strict=True)]


def _ordinal(outcome: Outcome) -> int | None:
    return outcome[0] if isinstance(outcome, tuple) else None


def _was_refused(error: Any) -> bool:
    """Whether the server refused with an error other than its shutdown (SQLSTATE 57P): a retry at once is useless."""
    return bool(error.pgcode) and not error.pgcode.startswith("57P")


def _close(connection: Any) -> None:
    if connection is not None:
        with suppress(psycopg2.Error):
            connection.close()
