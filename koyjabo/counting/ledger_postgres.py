"""The ledger's transactions on PostgreSQL: one to three round trips for a batch of any size.

A process knows the numbers that its last commit left. While no other commit is known, it plans a batch of visits to the
site with these numbers, as if all visits and visitors were new. One message locks the counter, compares the numbers,
checks that no visit is stored, and writes only if everything is as expected (decision 10).

Otherwise, the first message begins the transaction, locks the counters and looks up the batch's rows. The second one
writes and commits. Under READ COMMITTED, each statement in a message sees all commits made before it starts, so a
statement after the locks sees the commits that they waited for. The site's counter is locked in a separate statement: a
transaction that adds a community's counter holds a share lock on the site's, so the next statement sees the new counter
and locks it.

Rows are passed as JSON. The server plans each statement only once per connection.
"""

import json
import time
from typing import Any

import psycopg2.errors
from sqlalchemy.engine import URL

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.json_rows import adding, postgres_insert
from koyjabo.base.database.postgres import (
    UNAVAILABLE_STATES,
    PostgresConnection,
    PostgresLink,
    limits,
    was_refused,
)
from koyjabo.base.models import SITE, Scope
from . import daily_people_postgres
from .batch_plan import (
    INSERTED_VISIT_COLUMNS,
    BatchPlan,
    KnownRows,
    other_days,
    person_days,
    plan,
    sought,
    users,
)
from .continued_visits import EVENTS_LOCK, VIEW_COLUMNS, ContinuedVisits, LatestPage, continuing, newest_visit
from .daily_people import DailyPeople, StoredDay
from .high_water import NO_MARK, DatabaseRolledBack, HighWater, HighWaterMark, mark_of, require_not_below
from .ledger_query import LedgerQuery
from .milestones import Milestones
from .models import PAGEVIEW, DailyVisits, Event, HourlyVisits, StoredMilestone
from .plan_rows_postgres import AS_EXPECTED, LOOKED_UP, other_rows, site_rows, write_plan
from .prepared_postgres import PLAN_ONCE, SERVER_NAME, PreparedStatements
from .records import CounterSnapshot, Keyed, Outcome
from .stats import encode
from .writer_postgres import Planned, PostgresWriter, are_stored, stored_query

BEGIN_MESSAGE = f"SET LOCAL TRANSACTION ISOLATION LEVEL READ COMMITTED; {limits()}{PLAN_ONCE}"
"""Begins a message that is one transaction. The server commits it at the message's end."""

BEGIN = f"BEGIN; {BEGIN_MESSAGE}"

LOOK_UP_S = 1.0
"""How long all batches are looked up after one did not fit the expected numbers, s. That batch took three messages
instead of two, and the next one would also while other workers commit.
"""

POSTGRES_COUNTERS = """
SELECT c.scope::text, c.epoch::bigint, c.revision::bigint, c.visits::bigint, c.total::bigint, c.unique_visitors::bigint,
    %s::text, coalesce((SELECT d.visits FROM daily_visits d WHERE d.scope = c.scope AND d.day = %s), 0)::bigint,
    v.at_ms::bigint, v.place::text{columns}
FROM counters c
LEFT JOIN LATERAL (SELECT at_ms, place FROM visits WHERE id = c.visits AND c.scope = 'site' LIMIT 1) v ON true
{join} WHERE c.scope = ANY(%s)
"""
"""A query for snapshots. Its parameters are the day, twice, the parameters of `join`, and the scopes. The casts let
statements prepared before a migration go on.
"""

LOOKED_UP_WITH_SITE = "LEFT JOIN LATERAL (SELECT {}) r ON c.scope = 'site'"
"""A `join` that adds columns to the site's row."""

# A subquery per key always uses the index; for a join, the planner may read the whole table. `unnest` keeps the order
# of the keys, so the array has one element for each, such as "[4001, 3]+user" or "". One array for visits and visitors
# takes two thirds of the time of two.
POSTGRES_LOOK_UP_VISITS = f"""
{SERVER_NAME}, ARRAY(
    SELECT concat((SELECT json_build_array(v.ordinal, v.day_number) FROM visits v
                   WHERE v.visitor_id = b.visitor AND v.visit_id = b.visit),
                  (SELECT concat('+', w.user_id) FROM visitors w WHERE w.scope = b.scope AND w.visitor_id = b.visitor))
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS b(scope, visitor, visit)
)
"""
VISITS_OF_DAYS = """, ARRAY(
    SELECT json_build_array(d.day, d.visits)::text FROM daily_visits d WHERE d.scope = 'site' AND d.day = ANY(%s)
)
"""
ROWS_OF_COMMUNITIES = f""", ARRAY({daily_people_postgres.POSTGRES_PERSON_DAYS}), ARRAY(
    SELECT c.id FROM communities c WHERE c.id = ANY(%s) AND NOT (c.is_open OR c.count_anonymous)
), ARRAY(
    SELECT (SELECT true FROM memberships m WHERE m.community_id = b.community AND m.user_id = b.person)
    FROM unnest(%s::text[], %s::text[]) AS b(community, person)
)
"""

COUNTER_COLUMNS = len(CounterSnapshot._fields)

LOOK_UPS = {
    "look_up": POSTGRES_LOOK_UP_VISITS,
    "look_up_days": POSTGRES_LOOK_UP_VISITS + VISITS_OF_DAYS,
    "look_up_people": POSTGRES_LOOK_UP_VISITS + ROWS_OF_COMMUNITIES,
    "look_up_days_people": POSTGRES_LOOK_UP_VISITS + VISITS_OF_DAYS + ROWS_OF_COMMUNITIES,
}

LOCK_EVENTS_TABLE = f"LOCK TABLE events IN ROW EXCLUSIVE MODE; SELECT pg_advisory_xact_lock({EVENTS_LOCK});"
"""Like the writers of events (`columns.events`): their ids become visible in order, and a restore waits."""

POSTGRES_LOOK_UP_PAGES = f"""
SELECT (SELECT coalesce(max(id), 0) FROM events)::bigint, ARRAY(
    SELECT EXISTS (SELECT 1 FROM events e WHERE e.visitor_id = b.visitor AND e.event_id = b.name)
    FROM unnest(%s::text[], %s::text[]) AS b(visitor, name)
), ARRAY(
    SELECT (
        SELECT json_build_array(v.id, v.scope, greatest(v.at_ms, (
            SELECT max(e.at_ms) FROM events e WHERE e.visit_id = v.id AND e.name = '{PAGEVIEW}'
        )))::text FROM visits v WHERE v.id = {newest_visit("b.visitor", "greatest")}
    ) FROM unnest(%s::text[]) AS b(visitor)
)
"""

STATEMENTS = PreparedStatements(
    {
        "lock": "SELECT 1 FROM counters WHERE scope = ANY(%s) ORDER BY scope FOR UPDATE",
        **{
            name: POSTGRES_COUNTERS.format(columns=", r.*", join=LOOKED_UP_WITH_SITE.format(looked_up))
            for name, looked_up in LOOK_UPS.items()
        },
        "look_up_pages": POSTGRES_LOOK_UP_PAGES,
        "write": write_plan(LOOKED_UP),
        "write_expected": write_plan(AS_EXPECTED),
        "days": postgres_insert(DailyVisits, conflict=adding(DailyVisits)),
        "hours": postgres_insert(HourlyVisits, conflict=adding(HourlyVisits)),
        "counters": """
UPDATE counters c SET revision = (r->>2)::bigint, visits = (r->>3)::bigint, total = (r->>4)::bigint,
    unique_visitors = (r->>5)::bigint
FROM jsonb_array_elements(%s) r WHERE c.scope = r->>0
""",
        "views": postgres_insert(Event, VIEW_COLUMNS),
        "milestones": postgres_insert(StoredMilestone, conflict="ON CONFLICT (key) DO NOTHING"),
        **daily_people_postgres.POSTGRES_WRITE_PEOPLE,
    }
)

STORED_VISITS = stored_query("visits", "visit_id", INSERTED_VISIT_COLUMNS)
READ_LIMITS = limits()
POSTGRES_SNAPSHOT = READ_LIMITS + POSTGRES_COUNTERS.format(columns="", join="")
POSTGRES_KNOWS_VISITOR = f"{READ_LIMITS} SELECT EXISTS (SELECT 1 FROM visitors WHERE scope = %s AND visitor_id = %s)"


class PostgresStore(PostgresWriter[Keyed, Outcome]):
    """The ledger on PostgreSQL, with a second connection for reading, used by another thread. `commit` also raises
    DatabaseRolledBack.
    """

    unreadable = UNAVAILABLE_STATES
    reads_block = True  # a read is a round trip, so a separate thread does it

    def __init__(self, url: URL, clock: Clock, milestones: Milestones, high_water: HighWater) -> None:
        super().__init__(url, clock)
        self._milestones = milestones
        self._high_water = high_water
        self._reading = PostgresLink(url)
        self._prepared_on: PostgresConnection | None = None  # it has the prepared statements
        self._is_pooled = False
        self._expected: CounterSnapshot | None = None  # what the last commit left
        self._looks_up_until = 0.0  # monotonic s; until then, batches are looked up

    def _write(
        self, batch: list[Keyed], connection: PostgresConnection, cursor: Any, first: Planned | None
    ) -> list[Outcome]:
        prepare = "" if connection is self._prepared_on else STATEMENTS.prepare
        expected, self._expected = self._expected, None
        try:
            result = None
            if expected and not first and self._may_expect(expected, batch):
                result = self._write_expected(expected, batch, connection.durable + BEGIN_MESSAGE + prepare, cursor)
            if not result:
                result = self._write_looked_up(batch, connection.durable, prepare, cursor, first)
                if self._expected == expected:  # there was a retry, but no other process has committed
                    self._looks_up_until = 0.0
        except psycopg2.errors.InvalidSqlStatementName:  # a pooler has switched the connection to another server's
            self._is_pooled = True
            raise
        self._prepared_on = None if self._is_pooled else connection
        return result.receipts()

    def _may_expect(self, site: CounterSnapshot, batch: list[Keyed]) -> bool:
        """Whether to plan a batch with the numbers of the last commit. Otherwise, its rows are looked up."""
        return (
            time.monotonic() >= self._looks_up_until
            and site.day == self._clock.today()
            and not self._high_water.site.is_above(mark_of(site))
            and all(visit.scope == SITE and not (visit.other_key or visit.continues) for visit, _ in batch)
        )

    def _write_expected(self, site: CounterSnapshot, batch: list[Keyed], begin: str, cursor: Any) -> BatchPlan | None:
        """Write a batch in one round trip. Returns None if nothing was written: the plan needs a look-up, or the
        database holds other numbers.
        """
        rows = KnownRows({SITE: site}, {}, {}, DailyPeople((), self._clock), {site.day: site.day_visits})
        result = plan(batch, rows, self._clock, self._milestones)
        is_of_one_hour = [*result.days] == [(SITE, site.day)] and len(result.hours) == 1
        if not is_of_one_hour or result.milestones:
            return None
        self._planned = Planned(result.visits, result.outcomes)
        values = {"expected": [self._high_water.server, *site[1:6], site.day_visits], **site_rows(result)}
        message = begin + STATEMENTS.calls["lock"] + STATEMENTS.calls["write_expected"]
        cursor.execute(message, [[SITE], encode(values)])
        written = cursor.fetchone()
        if not written:
            self._looks_up_until = time.monotonic() + LOOK_UP_S
            return None
        result.snapshot[SITE] = self._expected = result.snapshot[SITE]._replace(unique_visitors=written[0])
        return result

    def _write_looked_up(
        self, batch: list[Keyed], durable: str, prepare: str, cursor: Any, first: Planned | None
    ) -> BatchPlan:
        """Write a batch in two round trips, or three if a page continues a visit."""
        server, rows = look_up(cursor, batch, self._clock, prepare)
        site = rows.snapshot[SITE]
        rows.pages = look_up_pages(cursor, batch)
        result = plan(batch, rows, self._clock, self._milestones)
        if first and not result.visits and are_stored(cursor, STORED_VISITS, first):
            result.outcomes = first.outcomes
        else:
            self._require_known(server, site)
        self._planned = Planned(result.visits, result.outcomes)
        written = {**({"write": site_rows(result)} if result.visits else {}), **other_rows(result)}
        message = "".join(map(STATEMENTS.calls.__getitem__, written))
        cursor.execute(f"{durable}{message}COMMIT", list(map(encode, written.values())))
        self._expected = result.snapshot[SITE]
        return result

    def remembered(self) -> HighWaterMark:
        return NO_MARK

    def _require_known(self, server: str, site: CounterSnapshot) -> None:
        """Check that the server has everything that was acknowledged. Raises DatabaseRolledBack. Another server may
        lack some of it, and so may this one after a restart.
        """
        high_water = self._high_water
        high_water.server = high_water.server or server
        if high_water.server != server:
            raise DatabaseRolledBack(server=server)
        require_not_below(site, high_water.site)

    def snapshot(self, scope: Scope) -> CounterSnapshot | None:
        today = self._clock.today()
        rows = self._read(POSTGRES_SNAPSHOT, (today, today, [scope]))
        return CounterSnapshot(*rows[0]) if rows else None

    def knows(self, scope: Scope, visitor_id: str) -> bool:
        return bool(self._read(POSTGRES_KNOWS_VISITOR, (scope, visitor_id))[0][0])

    def run(self, scope: Scope, query: LedgerQuery) -> Any:
        return query.postgres(lambda statement, parameters: self._read(f"{READ_LIMITS} {statement}", parameters)[0])

    def _read(self, statement: str, parameters: tuple[Any, ...]) -> list[Any]:
        """Run a query. If the connection is broken, retries once on a new one, because the server may have closed an
        idle connection.
        """
        fresh = not self._reading.is_open
        try:
            with self._reading.checked_connection().cursor() as cursor:
                cursor.execute(statement, parameters)
                rows: list[Any] = cursor.fetchall()
                return rows
        except self.unavailable as error:
            self._reading.close()
            if fresh or was_refused(error):
                raise
            return self._read(statement, parameters)

    def interrupt_read(self) -> None:
        self._reading.interrupt()

    def close(self) -> None:
        super().close()
        self._reading.close()


def look_up(cursor: Any, batch: list[Keyed], clock: Clock, prepare: str) -> tuple[str, KnownRows]:
    """Begin a transaction, lock the counters of `batch`, and read its rows. `prepare` is empty if the connection has
    the statements.

    Returns a text that identifies this database on this server since its last start, and the rows.
    """
    communities = list({visit.scope for visit, _ in batch} - {SITE})
    locked = [[SITE], communities] if communities else [[SITE]]
    locks = BEGIN + prepare + STATEMENTS.calls["lock"] * len(locked)
    while True:
        today = clock.today()
        looked_up = _known_rows(cursor, batch, locks, locked, clock, today)
        if clock.today() == today:
            return looked_up
        locks, locked = "", []  # midnight passed while waiting for the locks, which are held now


def look_up_pages(cursor: Any, batch: list[Keyed]) -> ContinuedVisits | None:
    """The pages that the batch's pages may continue, read after locking events. None if no page continues a visit."""
    keys = continuing(batch)
    if not keys:
        return None
    visitors, names = map(list, zip(*keys, strict=True))
    people = list(set(visitors))
    cursor.execute(LOCK_EVENTS_TABLE + STATEMENTS.calls["look_up_pages"], [visitors, names, people])
    newest, are_views, latest = cursor.fetchone()
    views = {key for key, is_view in zip(keys, are_views, strict=True) if is_view}
    pages = {who: LatestPage(*json.loads(page)) for who, page in zip(people, latest, strict=True) if page}
    return ContinuedVisits(newest, views, pages)


def _known_rows(
    cursor: Any, batch: list[Keyed], locks: str, locked: list[Any], clock: Clock, today: str
) -> tuple[str, KnownRows]:
    """The rows that `batch` needs, read after `locks`, whose parameters are `locked`."""
    scopes, keys, pairs = list({SITE} | {visit.scope for visit, _ in batch}), sought(batch), users(batch)
    name, parameters = "look_up", [*locked, today, today, *map(list, zip(*keys, strict=True))]
    if days := other_days(batch, today, clock):
        name += "_days"
        parameters.append(days)
    if people := person_days(batch, clock):
        name += "_people"
        parameters += [*daily_people_postgres.columns(people), scopes]
        parameters += [[community for community, _ in pairs], [user_id for _, user_id in pairs]]
    cursor.execute(locks + STATEMENTS.calls[name], [*parameters, scopes])
    counters = {row[0]: row for row in cursor.fetchall()}
    figures = {scope: CounterSnapshot(*row[:COUNTER_COLUMNS]) for scope, row in counters.items()}
    server, known_keys, *rest = counters[SITE][COUNTER_COLUMNS:]
    of_days = rest.pop(0) if days else ()
    seen, closed, members = rest or ((), (), ())
    known = KnownRows(
        snapshot=figures,
        numbers={},
        visitors={},
        people=DailyPeople((StoredDay._make(json.loads(row)) for row in seen), clock),
        day_visits={today: figures[SITE].day_visits, **dict(map(json.loads, of_days))},
        closed=set(closed),
        members={pair for pair, is_member in zip(pairs, members, strict=False) if is_member},
    )
    for (scope, visitor_id, visit_id), row in zip(keys, known_keys, strict=True):
        visit, is_known, user_id = row.partition("+")
        if visit:
            known.numbers[visitor_id, visit_id] = tuple(json.loads(visit))
        if is_known:
            known.visitors[scope, visitor_id] = user_id or None
    return server, known
