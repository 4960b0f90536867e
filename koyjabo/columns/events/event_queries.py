"""Queries for events, as operations for the database executor."""

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from koyjabo.base.database.json_rows import RowsStatement
from koyjabo.columns.blocks import block_queries, row_queries
from koyjabo.columns.blocks.block_kinds import EVENT_BLOCKS
from koyjabo.counting.models import MONTHLY_PREFIX, Event

EVENTS_LOCK = 0x6B6F7965  # "koye", one of PostgreSQL's advisory locks

MAX_VISITS_READ, NEWEST_VISITS_READ = 1_000, 5_000
"""Limits on the search for a visitor's latest visit: MAX_VISITS_READ of the visitor's visits, then the latest
NEWEST_VISITS_READ visits by anyone.
"""

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

LOCK_EVENTS = text(f"SELECT pg_advisory_xact_lock({EVENTS_LOCK})")
RENAME_EVENTS = text("""
UPDATE events SET visitor_id = :name, event_id = '~' || id, client_ms = NULL, props = NULL WHERE id IN :ids
""").bindparams(bindparam("ids", expanding=True))

REDUCED_COLUMNS = "visitor_id = r.value ->> 1, event_id = '~' || events.id, client_ms = NULL"
REDUCE_EVENTS = RowsStatement(f"""
UPDATE events SET {REDUCED_COLUMNS}
FROM {{rows}} WHERE events.id = CAST(r.value ->> 0 AS BIGINT) AND events.id BETWEEN :first AND :last
""")
REDUCE_EVENTS_OF_VISITS = RowsStatement(f"""
UPDATE events SET {REDUCED_COLUMNS}
FROM {{rows}} WHERE events.visit_id = CAST(r.value ->> 0 AS BIGINT) AND events.visit_id BETWEEN :first AND :last
AND events.visitor_id NOT LIKE '{MONTHLY_PREFIX}%'
""")


def newest_visit(visitor: str, greatest: str) -> str:
    """Return an SQL expression for the id of a visitor's latest visit. `greatest` is the name of an SQL function.

    No index sorts a visitor's visits, so only a bounded number of rows is read. For a visitor with more than
    MAX_VISITS_READ visits and none among the latest NEWEST_VISITS_READ, the result may not be the visitor's latest
    visit.
    """
    return NEWEST_VISIT.format(visitor=visitor, greatest=greatest, most=MAX_VISITS_READ, newest=NEWEST_VISITS_READ)


def lock(session: Session) -> None:
    """Prevent events from being recorded until the transaction ends. Not needed on SQLite, which has one writer."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(LOCK_EVENTS)


def rename(session: Session, visitor_id: str, name: str, size: int) -> int:
    """Replace a visitor with a random name in up to `size` events, and remove the events' properties. Returns how many
    were renamed. The caller holds the lock for old rows.
    """
    lock(session)
    columns = (Event.id, Event.props)
    rows = session.execute(select(*columns).where(Event.visitor_id == visitor_id).limit(size)).all()
    if rows:
        session.execute(RENAME_EVENTS, {"name": name, "ids": [row.id for row in rows]})
    block_queries.correct(session, EVENT_BLOCKS, [row.id for row in rows if row.props], row_queries.events)
    return len(rows)
