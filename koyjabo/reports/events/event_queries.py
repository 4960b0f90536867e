"""Queries of events, as operations of the database executor."""

from __future__ import annotations

import json
from collections import Counter

from sqlalchemy import bindparam, delete, select, text
from sqlalchemy.orm import Session

from koyjabo.database.rows import changed_rows
from koyjabo.models import SITE, Event
from koyjabo.reports.events.event_plan import SumKey, of_properties
from koyjabo.reports.projection import state_queries
from koyjabo.reports.projection.additions import OTHER

EVENTS_LOCK = 0x6B6F7965  # "koye", one of PostgreSQL's advisory locks

MOST_READ, NEWEST_READ = 1_000, 5_000
"""The visits of one visitor that are read to find the newest, and beyond these the newest visits of all."""

NEWEST_VISIT = """
(SELECT {greatest}(
    (SELECT max(id) FROM (SELECT id FROM visits WHERE visitor_id = {visitor} ORDER BY visit_id LIMIT {most}) AS theirs),
    CASE WHEN EXISTS (
        SELECT 1 FROM visits WHERE visitor_id = {visitor} ORDER BY visit_id LIMIT 1 OFFSET {most}
    ) THEN coalesce((
        SELECT max(id) FROM visits WHERE visitor_id || '' = {visitor}
        AND id > (SELECT visits FROM counters WHERE scope = 'site') - {newest}
    ), 0) ELSE 0 END
))
"""

LOCK = text(f"SELECT pg_advisory_xact_lock({EVENTS_LOCK})")
RENAME = text("""
UPDATE events SET visitor_id = :name, event_id = '~' || id, client_ms = NULL, props = NULL WHERE id IN :ids
""").bindparams(bindparam("ids", expanding=True))
KEY = "scope = :scope AND dimension = :dimension AND period = :period AND value = :value"
TAKE = text(f"UPDATE event_sums SET count = count - :count WHERE {KEY} RETURNING count")
REMOVE = text(f"DELETE FROM event_sums WHERE {KEY} AND count = 0")


def newest_visit(visitor: str, greatest: str) -> str:
    """SQL for the id of the newest visit of a visitor, an expression. `greatest` is the name of a function.

    Reads a bounded number of rows: no index has the visits of a visitor in their order. So of a visitor with more than
    MOST_READ visits, and none among the newest NEWEST_READ of all, it is one of the stored visits.
    """
    return NEWEST_VISIT.format(visitor=visitor, greatest=greatest, most=MOST_READ, newest=NEWEST_READ)


def lock(session: Session) -> None:
    """Let no events be recorded until the transaction ends. SQLite has one writer anyway."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(LOCK)


def rename(session: Session, visitor_id: str, name: str, size: int) -> int:
    """Put a name in place of a visitor, in up to `size` events, which lose their properties. Returns how many these
    were. Sums by these properties follow: an event without a value in them is one that has none.

    The caller has the lock of folds, under which erasures lock watermarks before events, and this after them.
    """
    lock(session)
    columns = (Event.id, Event.scope, Event.day, Event.name, Event.props)
    rows = session.execute(select(*columns).where(Event.visitor_id == visitor_id).limit(size)).all()
    if rows:
        session.execute(RENAME, {"name": name, "ids": [row.id for row in rows]})
    counted: Counter[SumKey] = Counter()
    for row in rows:
        for scope in {SITE, row.scope}:
            counted.update((scope, *each) for each in of_properties(row.name, json.loads(row.props or "{}"), row.day))
    for (*group, value), count in sorted(counted.items()):
        _take(session, (*group, value), count) or _take(session, (*group, OTHER), count)
    if counted:
        state_queries.changed(session)
    return len(rows)


def _take(session: Session, key: tuple[str, ...], count: int) -> bool:
    """Whether there is such a sum."""
    values = dict(zip(("scope", "dimension", "period", "value"), key, strict=True))
    left = session.scalar(TAKE, {**values, "count": count})
    if left == 0:
        session.execute(REMOVE, values)
    return left is not None


def remove_before(session: Session, first_kept: str, size: int) -> int:
    """Remove the events of days before `first_kept` among the `size` oldest. Returns how many."""
    oldest = session.execute(select(Event.id, Event.day).order_by(Event.id).limit(size))
    old = [row.id for row in oldest if row.day < first_kept]
    removal = delete(Event).where(Event.id.in_(old)).execution_options(synchronize_session=False)
    return changed_rows(session, removal) if old else 0
