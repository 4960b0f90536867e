"""The ledger's transactions on SQLite: a constant number of statements for a batch of any size.

Visits are passed as parameters, and other rows as JSON that `json_each` unpacks. So Python calls SQLite once per
statement, and releases the interpreter lock while the statement runs.
"""

import json
import sqlite3
import threading
import time
from contextlib import closing
from functools import lru_cache
from itertools import chain
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.file_lock import FileLock
from koyjabo.base.database.json_rows import insert_sums, sqlite_insert
from koyjabo.base.database.sqlite import SqliteConnection, connect
from koyjabo.base.models import SITE, Scope
from . import daily_people_sqlite
from .batch_plan import (
    INSERTED_VISIT_COLUMNS,
    BatchPlan,
    FirstVisit,
    KnownRows,
    other_days,
    person_days,
    plan,
    sought,
    users,
)
from .continued_visits import VIEW_COLUMNS, ContinuedVisits, LatestPage, continuing, newest_visit
from .daily_people import DailyPeople, StoredDay
from .daily_people_sqlite import Execute
from .high_water import NO_MARK, HighWater, HighWaterMark, mark_of, require_not_below
from .ledger_query import LedgerQuery
from .milestones import Milestones
from .models import PAGEVIEW, DailyVisits, Event, HourlyVisits, Visitor
from .records import CounterSnapshot, Keyed, Outcome
from .stats import encode
from .writer_sqlite import SqliteWriter

FILE_CHECK_S = 0.25
"""How often a read checks whether its file was replaced, s."""

READ_TIMEOUT_S = 0.05
"""How long a read waits for a lock, s. It is short, because reads run on the event loop."""

SQLITE_SNAPSHOT = """
SELECT c.scope, c.epoch, c.revision, c.visits, c.total, c.unique_visitors, ?1, coalesce(d.visits, 0), v.at_ms, v.place
FROM counters c LEFT JOIN daily_visits d ON d.scope = c.scope AND d.day = ?1
LEFT JOIN visits v ON v.id = c.visits AND c.scope = 'site' WHERE c.scope = ?2
"""
# Everything in one row, as JSON. Each additional row would release and retake the interpreter lock, which lets a busy
# event loop run in between.
SQLITE_LOOK_UP_VISITS = """
SELECT (
    SELECT json_group_array(json_array(
        c.scope, c.epoch, c.revision, c.visits, c.total, c.unique_visitors, ?1, coalesce(d.visits, 0),
        v.at_ms, v.place))
    FROM counters c LEFT JOIN daily_visits d ON d.scope = c.scope AND d.day = ?1
    LEFT JOIN visits v ON v.id = c.visits AND c.scope = 'site' WHERE c.scope IN (SELECT value FROM json_each(?2))
), (
    SELECT json_group_array(json_array(v.visitor_id, v.visit_id, v.ordinal, v.day_number)) FROM json_each(?3) j
    JOIN visits v ON v.visitor_id = j.value ->> 1 AND v.visit_id = j.value ->> 2
), (
    SELECT json_group_array(json_array(w.scope, w.visitor_id, w.user_id)) FROM json_each(?3) j
    JOIN visitors w ON w.scope = j.value ->> 0 AND w.visitor_id = j.value ->> 1
)
"""
SQLITE_LOOK_UP_PEOPLE = f"""{SQLITE_LOOK_UP_VISITS}, ({daily_people_sqlite.SQLITE_PERSON_DAYS.format(days="?4")}), (
    SELECT json_group_array(c.id) FROM communities c
    WHERE c.id IN (SELECT value FROM json_each(?2)) AND NOT (c.is_open OR c.count_anonymous)
), (
    SELECT json_group_array(json_array(m.community_id, m.user_id)) FROM json_each(?5) j
    JOIN memberships m ON m.community_id = j.value ->> 0 AND m.user_id = j.value ->> 1
)
"""
VISITS_OF_OTHER_DAYS = (
    "SELECT day, visits FROM daily_visits WHERE scope = 'site' AND day IN (SELECT value FROM json_each(?))"
)
SQLITE_LOOK_UP_PAGES = f"""
SELECT (SELECT coalesce(max(id), 0) FROM events), (
    SELECT json_group_array(json_array(e.visitor_id, e.event_id)) FROM json_each(?1) j
    JOIN events e ON e.visitor_id = j.value ->> 0 AND e.event_id = j.value ->> 1
), (
    SELECT json_group_array(json_array(v.visitor_id, v.id, v.scope, max(v.at_ms, coalesce((
        SELECT e.at_ms FROM events e WHERE e.visit_id = v.id AND e.name = '{PAGEVIEW}' ORDER BY e.id DESC LIMIT 1
    ), 0)))) FROM (SELECT DISTINCT value ->> 0 AS visitor FROM json_each(?1)) b
    JOIN visits v ON v.id = {newest_visit("b.visitor", "max")}
)
"""
ADD_VIEWS = sqlite_insert(Event, VIEW_COLUMNS)
ADD_VISITORS = sqlite_insert(Visitor, FirstVisit._fields)
ADD_TO_DAY, ADD_TO_HOUR = (insert_sums(table, "VALUES (?, ?, ?, ?)") for table in (DailyVisits, HourlyVisits))
ADD_MILESTONE = """
INSERT INTO announcements (key, type, scope, at_ms, data) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING
"""
SET_COUNTER = "UPDATE counters SET visits = ?, total = ?, unique_visitors = ?, revision = ? WHERE scope = ?"
SQLITE_KNOWS_VISITOR = "SELECT EXISTS (SELECT 1 FROM visitors WHERE scope = ? AND visitor_id = ?)"

DATABASE_NAME = "SELECT name FROM database_identity"


@lru_cache
def insert_visits(most: int) -> str:
    """An INSERT of up to `most` visits. It takes a third of the time of JSON. Rows that only fill it up have no id."""
    row = f"({', '.join('?' * len(INSERTED_VISIT_COLUMNS))})"
    return f"""
INSERT INTO visits ({", ".join(INSERTED_VISIT_COLUMNS)})
SELECT * FROM (VALUES {", ".join([row] * most)}) WHERE column1 IS NOT NULL
"""


class LastMark:
    """The site's mark after the last commit of any process. It is stored in the lock file, which every process holds
    when it commits, so it outlives them. After a crash of the machine it may be out of date.
    """

    def __init__(self, lock: FileLock) -> None:
        self.name = b""
        """Name of the database. The file may still contain the mark of an earlier database."""
        self._lock = lock

    def read(self) -> HighWaterMark:
        name, *values = self._lock.read().split() or [b""]
        return HighWaterMark._make(map(int, values)) if name == self.name and len(values) == len(NO_MARK) else NO_MARK

    def write(self, mark: HighWaterMark) -> None:
        self._lock.write(" ".join([self.name.decode(), *map(str, mark)]).encode())


def _name(connection: sqlite3.Connection) -> bytes:
    return str(connection.execute(DATABASE_NAME).fetchone()[0]).encode()


class SqliteStore(SqliteWriter):
    """The ledger on SQLite, with a second connection for reading, used by all threads. `commit` also raises
    DatabaseRolledBack.
    """

    unreadable: tuple[type[Exception], ...] = (sqlite3.DatabaseError, OSError)
    reads_block = False  # a read in WAL mode does not wait for a writer, so it may run on the event loop

    def __init__(self, path: str, clock: Clock, milestones: Milestones, high_water: HighWater) -> None:
        super().__init__(path, clock)
        self._milestones = milestones
        self._high_water = high_water
        self._mark = LastMark(self._lock)
        self._reading: SqliteConnection | None = None
        self._checked_at = 0.0  # when the file was last checked, monotonic s
        self._read_lock = threading.Lock()

    def commit(self, batch: list[Keyed]) -> list[Outcome]:
        result: BatchPlan = self._transaction(batch)
        if result.visits:
            self._mark.write(mark_of(result.snapshot[SITE]))
        return result.receipts()

    def _connect(self) -> SqliteConnection:
        connection = super()._connect()
        self._mark.name = _name(connection)
        return connection

    def _write(self, batch: list[Keyed], execute: Execute) -> BatchPlan:
        rows = self._known(batch, execute)
        require_not_below(rows.snapshot[SITE], self._high_water.site.raised_to(self._mark.read()))
        result = plan(batch, rows, self._clock, self._milestones)
        if result.views:
            execute(ADD_VIEWS, (encode(result.views),))
        if not result.visits:
            return result
        most = 1 << (len(result.visits) - 1).bit_length()  # few statements to prepare
        filling = (None,) * (most - len(result.visits)) * len(INSERTED_VISIT_COLUMNS)
        execute(insert_visits(most), [*chain(*result.visits), *filling])
        if result.visitors:
            execute(ADD_VISITORS, (encode(result.visitors),))
        for key, sums in result.days.items():
            execute(ADD_TO_DAY, (*key, *sums))
        for hour, sums in result.hours.items():
            execute(ADD_TO_HOUR, (*hour, *sums))
        for scope in result.touched:
            now = result.snapshot[scope]
            execute(SET_COUNTER, (now.visits, now.total, now.unique_visitors, now.revision, scope))
        for milestone in result.milestones:
            execute(ADD_MILESTONE, milestone)
        daily_people_sqlite.write(execute, result.people)
        return result

    def remembered(self) -> HighWaterMark:
        with closing(connect(self._path)) as connection:
            self._mark.name = _name(connection)
        return self._mark.read()

    def _known(self, batch: list[Keyed], execute: Execute) -> KnownRows:
        scopes = list({SITE} | {visit.scope for visit, _ in batch})
        people = person_days(batch, self._clock)
        of_communities = (people, users(batch)) if people else ()
        today = self._clock.today()
        days = other_days(batch, today, self._clock)
        parameters = [today, *map(encode, (scopes, sought(batch), *of_communities))]
        row = execute(SQLITE_LOOK_UP_PEOPLE if people else SQLITE_LOOK_UP_VISITS, parameters).fetchone()
        counters, numbers, users_of_visitors, *rest = map(json.loads, row)
        seen, closed, members = rest or ((), (), ())
        figures = {row[0]: CounterSnapshot(*row) for row in counters}
        return KnownRows(
            snapshot=figures,
            numbers={(visitor, visit): (ordinal, day_number) for visitor, visit, ordinal, day_number in numbers},
            visitors={(scope, visitor): user_id for scope, visitor, user_id in users_of_visitors},
            people=DailyPeople(map(StoredDay._make, seen), self._clock),
            day_visits={
                today: figures[SITE].day_visits,
                **dict(execute(VISITS_OF_OTHER_DAYS, (encode(days),)) if days else ()),
            },
            closed=set(closed),
            members={(scope, user_id) for scope, user_id in members},
            pages=self._pages(batch, execute),
        )

    def _pages(self, batch: list[Keyed], execute: Execute) -> ContinuedVisits | None:
        keys = continuing(batch)
        if not keys:
            return None
        newest, views, latest = execute(SQLITE_LOOK_UP_PAGES, (encode(keys),)).fetchone()
        pages = {visitor: LatestPage(*page) for visitor, *page in json.loads(latest)}
        return ContinuedVisits(newest, set(map(tuple, json.loads(views))), pages)

    def snapshot(self, scope: Scope) -> CounterSnapshot | None:
        """The latest committed numbers; None for an unknown scope."""
        row = self._read(SQLITE_SNAPSHOT, (self._clock.today(), scope))
        return CounterSnapshot._make(row) if row else None

    def knows(self, scope: Scope, visitor_id: str) -> bool:
        return bool(self._read(SQLITE_KNOWS_VISITOR, (scope, visitor_id))[0])

    def run(self, scope: Scope, query: LedgerQuery) -> Any:
        return query.sqlite(self._read)

    def _read(self, statement: str, parameters: tuple[Any, ...]) -> Any:
        with self._read_lock:
            try:
                if self._reading is None or self._is_replaced(self._reading):
                    self._reading = connect(self._path, READ_TIMEOUT_S, instead_of=self._reading)
                    self._reading.execute("PRAGMA cache_size = -256")  # KiB; it always reads the same few rows
                return self._reading.execute(statement, parameters).fetchone()
            except self.unreadable:
                failed, self._reading = self._reading, None  # the next read opens a new connection
                if failed is not None:
                    failed.close()
                raise

    def _is_replaced(self, connection: SqliteConnection) -> bool:
        """Whether the database file was replaced. Checked rarely, because the check takes a tenth of a read's time."""
        now = time.monotonic()
        if now - self._checked_at < FILE_CHECK_S:
            return False
        self._checked_at = now
        return connection.is_replaced

    def interrupt_read(self) -> None:
        """Do nothing: reads do not wait."""

    def close(self) -> None:
        # With real threads, a read may still be running. SQLite must not close a connection during one.
        with self._read_lock:
            if self._reading is not None:
                self._reading.close()
        super().close()
