"""Stores a day's sums, which replace its rows in reports, and removes the rows in batches."""

from collections.abc import Iterator, Sequence
from operator import add
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import shifted
from koyjabo.base.database.json_rows import adding, insert_rows
from koyjabo.base.database.rows import changed_rows
from koyjabo.base.models import EventSum, InsightSum, Scope
from koyjabo.counting.page_numbers import page_queries
from koyjabo.reports.log import block_queries
from koyjabo.reports.log.block_queries import EVENTS
from .day_sums import OTHER, TOTAL, DaySum, EventCount, SumsOfDay

FOLD_LOCK = 0x6B6F7966  # "koyf", a PostgreSQL advisory lock
LOCK = text(f"SELECT pg_advisory_xact_lock({FOLD_LOCK})")

# Written before the first row is removed, because the process may be killed.
MARK = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('folding', :day, '', :upto)
ON CONFLICT (name) DO UPDATE SET day = excluded.day, seen_ms = excluded.seen_ms
""")
SET_FOLDED_BEFORE = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('folded', :day, '', 0)
ON CONFLICT (name) DO UPDATE SET day = excluded.day
""")
COUNTED = text("SELECT scope, visits FROM daily_visits WHERE day = :day")
IN_SUMS = text("""
SELECT visits FROM insight_sums
WHERE scope = :scope AND dimension = 'total' AND period = :day AND value = '' AND people IS NULL
""")
WITH_OTHER = text("""
SELECT value FROM insight_sums WHERE scope = :scope AND dimension = :dimension AND period = :day AND EXISTS (
    SELECT 1 FROM insight_sums WHERE scope = :scope AND dimension = :dimension AND period = :day AND value = :other)
""")
ADD_VISITS = """
ON CONFLICT (scope, dimension, period, value) DO UPDATE SET visits = insight_sums.visits + excluded.visits,
    new_visitors = insight_sums.new_visitors + excluded.new_visitors, count = insight_sums.count + excluded.count,
    attended = coalesce(insight_sums.attended, 0) + excluded.attended,
    attended_ms = coalesce(insight_sums.attended_ms, 0) + excluded.attended_ms, visitors = NULL
"""

DAYS = text("""
SELECT d.day FROM daily_visits d LEFT JOIN (
    SELECT day, sum(visits) AS visits FROM folded_visits WHERE scope = 'site' AND day < :first_kept GROUP BY day
) f ON f.day = d.day
WHERE d.scope = 'site' AND d.day < :first_kept AND d.visits > coalesce(f.visits, 0)
""")
IDS = text("SELECT min(id), max(id) FROM visits WHERE id > :after AND id <= :upto AND day = :day")
OLDEST_EVENT = text("SELECT day FROM events ORDER BY id LIMIT 1")
SOME_EVENTS = text("""
SELECT max(id) FROM (SELECT id, day FROM events WHERE id <= :upto ORDER BY id LIMIT :size) AS x WHERE day <= :day
""")
REMOVE_EVENTS = text("DELETE FROM events WHERE id <= :upto AND day <= :day")

NUMBERS = DaySum._fields[3:-1]
"""The columns of a row that can be added up."""


def lock(session: Session) -> None:
    """Let only one transaction roll up at a time, so that it removes exactly the rows it has counted. Not needed on
    SQLite, which has one writer.
    """
    if session.get_bind().dialect.name != "sqlite":
        session.execute(LOCK)


def days(session: Session, first_kept: str) -> list[str]:
    """Return the days before `first_kept` that have rows, in order, starting with any day whose roll-up was
    interrupted.
    """
    folding = block_queries.read_state(session).folding
    days_ = set(session.scalars(DAYS, {"first_kept": max(first_kept, shifted(folding, 1) if folding else "")}))
    days_ = {day for day in days_ if day < first_kept or day == folding}
    day = session.scalar(OLDEST_EVENT)
    while day is not None and day < first_kept:
        days_.add(day)
        day = shifted(day, 1)
    return sorted(days_, key=lambda day: (day != folding, day))


def store(session: Session, sums: SumsOfDay) -> bool:
    """Store a day's sums. From then on, reports ignore the rows that these sums include. The caller holds `lock`.

    Returns False and writes nothing if rows have changed since the sums were computed.
    """
    state = block_queries.lock(session)
    if state.version != sums.seen.version:
        return False
    while page_queries.move_views(session):
        pass  # the rows will be removed
    counted = {Scope(scope): visits for scope, visits in session.execute(COUNTED, {"day": sums.day})}
    for scope, rows in sums.visits.items():
        insert_rows(
            session,
            InsightSum,
            ("scope", *DaySum._fields),
            _new_sums(session, sums.day, scope, rows, counted),
            ADD_VISITS,
        )
    if sums.day >= state.folded_before:
        for scope, counts in sums.events.items():
            rows_of_scope = ((scope, *count) for count in counts)
            insert_rows(session, EventSum, ("scope", *EventCount._fields), rows_of_scope, adding(EventSum))
        session.execute(SET_FOLDED_BEFORE, {"day": shifted(sums.day, 1)})
    session.execute(MARK, {"day": sums.day, "upto": sums.seen.visits})
    block_queries.changed(session)
    return True


def _new_sums(
    session: Session, day: str, scope: Scope, rows: Sequence[DaySum], counted: dict[Scope, int]
) -> Iterator[Sequence[Any]]:
    """Yield the rows to add. Yields nothing if an earlier version has already written sums that include all the day's
    visits.
    """
    before = session.scalar(IN_SUMS, {"scope": scope, "day": day}) or 0
    visits = next((row.visits for row in rows if row.dimension == TOTAL), 0)
    whole = counted.get(scope, 0)
    if before == whole or (before and before + visits != whole):
        return
    summed: dict[tuple[str, str, str], list[int]] = {}
    kept: dict[str, set[str]] = {}  # values by dimension; empty for a dimension without OTHER, which keeps all values
    these = {"scope": scope, "day": day, "other": OTHER}
    for row in rows:
        if before and row.dimension not in kept:
            kept[row.dimension] = set(session.scalars(WITH_OTHER, {**these, "dimension": row.dimension}))
        values = kept.get(row.dimension)
        value = row.value if not values or row.value in values else OTHER
        numbers = summed.setdefault((row.dimension, row.period, value), [0] * len(NUMBERS))
        numbers[:] = map(add, numbers, row[3:-1])
    visitors = {row[:3]: row.visitors for row in rows} if visits == whole else {}
    for key, numbers in summed.items():
        yield (scope, *key, *numbers, visitors.get(key))


def ids(session: Session, day: str, after: int, upto: int) -> tuple[int, int]:
    """Return the id range of a day's visits: greater than the first id, up to the second. Considers only ids greater
    than `after`, up to `upto`.
    """
    first, last = session.execute(IDS, {"day": day, "after": after, "upto": upto}).one()
    return (upto, upto) if first is None else (first - 1, last)


def remove_events(session: Session, day: str, upto: int, size: int) -> int:
    """Remove the events of this day and earlier days that are among the `size` oldest events up to the id `upto`.
    Returns how many were removed.
    """
    lock(session)
    newest = session.scalar(SOME_EVENTS, {"upto": upto, "day": day, "size": size})
    if newest is None:
        return 0
    block_queries.remove(session, EVENTS, 0, newest, "", day)
    before = page_queries.newest_event(session)
    removed = changed_rows(session, REMOVE_EVENTS, {"upto": newest, "day": day})
    page_queries.follow_removal(session, before)
    return removed
