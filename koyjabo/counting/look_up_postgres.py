"""The first message of a ledger's transaction on PostgreSQL: begin it, lock the counters, look up a batch's rows.

Under READ COMMITTED each statement of a message sees all commits before its start, so the look-up sees the commits that
the locks waited for. A statement of its own locks the site's counter: a transaction that adds a community's counter
holds a share lock on the site's, so the next statement sees the new counter and locks it, too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from koyjabo.core.clock import Clock
from koyjabo.counting import daily_people_postgres
from koyjabo.counting.batch_plan import KnownRows, asked, keys, other_days, users
from koyjabo.counting.daily_people import DailyPeople, StoredDay
from koyjabo.counting.records import CounterSnapshot, NewVisit
from koyjabo.database.postgres import limits
from koyjabo.models import SITE

Batch = list[tuple[NewVisit, str]]
"""Visits with their ids."""

BEGIN = f"BEGIN ISOLATION LEVEL READ COMMITTED; {limits()}"
LOCK_SITE = "SELECT 1 FROM counters WHERE scope = 'site' FOR UPDATE;"
LOCK_COMMUNITIES = "SELECT 1 FROM counters WHERE scope = ANY(%s) ORDER BY scope FOR UPDATE;"

# A subquery for each key always uses the index; for a join, the planner may read the whole table. `unnest` keeps the
# order of the keys, so the second and the third array of the answer have an element for each. The locks
# have given the transaction its number already.
LOOK_UP = """
SELECT txid_current(), ARRAY(
    SELECT json_build_array(c.scope, c.epoch, c.revision, c.visits, c.total, c.unique_visitors, %s, coalesce(
        (SELECT d.visits FROM daily_visits d WHERE d.scope = c.scope AND d.day = %s), 0),
        (SELECT v.at_ms FROM visits v WHERE v.id = c.visits AND c.scope = 'site'),
        (SELECT v.place FROM visits v WHERE v.id = c.visits AND c.scope = 'site'))::text
    FROM counters c WHERE c.scope = ANY(%s)
), ARRAY(
    SELECT (SELECT json_build_array(v.ordinal, v.day_number)::text FROM visits v
            WHERE v.visitor_id = b.visitor AND v.visit_id = b.visit)
    FROM unnest(%s::text[], %s::text[]) AS b(visitor, visit)
), ARRAY(
    SELECT (SELECT coalesce(w.user_id, '') FROM visitors w WHERE w.scope = b.scope AND w.visitor_id = b.visitor)
    FROM unnest(%s::text[], %s::text[]) AS b(scope, visitor)
)
"""
OF_DAYS = """, ARRAY(
    SELECT json_build_array(d.day, d.visits)::text FROM daily_visits d WHERE d.scope = 'site' AND d.day = ANY(%s)
)
"""
OF_COMMUNITIES = f""", ARRAY({daily_people_postgres.SEEN}), ARRAY(
    SELECT c.id FROM communities c WHERE c.id = ANY(%s) AND NOT (c.is_open OR c.count_anonymous)
), ARRAY(
    SELECT (SELECT true FROM memberships m WHERE m.community_id = b.community AND m.user_id = b.person)
    FROM unnest(%s::text[], %s::text[]) AS b(community, person)
)
"""


def look_up(cursor: Any, batch: Batch, clock: Clock) -> tuple[int, KnownRows]:
    """Begin a transaction, lock the counters of `batch`, and read its rows. Returns its number, and the rows."""
    before, locked = _locks(batch)
    while True:
        today = clock.today()
        found = _answer(cursor, batch, before, locked, clock, today)
        if clock.today() == today:
            return found
        before, locked = "", []  # they were waited for over midnight, and are held


def _locks(batch: Batch) -> tuple[str, list[Any]]:
    """Statements and their parameters."""
    communities = list({visit.scope for visit, _ in batch} - {SITE})
    return (BEGIN + LOCK_SITE + LOCK_COMMUNITIES, [communities]) if communities else (BEGIN + LOCK_SITE, [])


def _answer(
    cursor: Any, batch: Batch, before: str, locked: list[Any], clock: Clock, today: str
) -> tuple[int, KnownRows]:
    """The rows that `batch` needs, after the statements `before` with the parameters `locked`."""
    scopes = list({SITE} | {visit.scope for visit, _ in batch})
    visits = keys(batch)
    visitors = list({(scope, visit.visitor_id) for visit, _ in batch for scope in (SITE, visit.scope)})
    message, parameters = before + LOOK_UP, [*locked, today, today, scopes, *_columns(visits), *_columns(visitors)]
    if days := other_days(batch, today, clock):
        message += OF_DAYS
        parameters.append(days)
    pairs = users(batch)
    if people := asked(batch, clock):
        message += OF_COMMUNITIES
        parameters += [*daily_people_postgres.columns(people), scopes, *_columns(pairs)]
    cursor.execute(message, parameters)
    transaction, snapshot, stored, known, *rest = cursor.fetchone()
    of_days = rest.pop(0) if days else ()
    seen, closed, members = rest or ((), (), ())
    figures = {row[0]: CounterSnapshot(*row) for row in map(json.loads, snapshot)}
    return transaction, KnownRows(
        snapshot=figures,
        numbers={key: tuple(json.loads(row)) for key, row in zip(visits, stored, strict=True) if row is not None},
        visitors={key: user or None for key, user in zip(visitors, known, strict=True) if user is not None},
        people=DailyPeople((StoredDay._make(json.loads(row)) for row in seen), clock),
        day_visits={today: figures[SITE].day_visits, **dict(map(json.loads, of_days))},
        closed=set(closed or ()),
        members={pair for pair, is_member in zip(pairs, members or (), strict=False) if is_member},
    )


def _columns(keys: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [first for first, _ in keys], [second for _, second in keys]
