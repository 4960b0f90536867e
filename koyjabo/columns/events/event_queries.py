"""Queries for events, as operations for the database executor."""

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from koyjabo.base.database.json_rows import RowsStatement
from koyjabo.columns.blocks import block_queries, row_queries
from koyjabo.columns.blocks.block_kinds import EVENT_BLOCKS
from koyjabo.counting.continued_visits import EVENTS_LOCK
from koyjabo.counting.models import MONTHLY_PREFIX, Event

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
