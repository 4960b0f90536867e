"""Locks old rows before they change, and stores how far they have been read."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from koyjabo.base.database.json_rows import insert_sums
from koyjabo.base.database.models import Counter
from koyjabo.base.database.rows import ids_between
from koyjabo.base.models import Scope
from koyjabo.counting.models import ForgottenVisitors, Watermark

OLD_ROWS_LOCK = 0x6B6F7966  # "koyf", a PostgreSQL advisory lock

LOCK_OLD_ROWS = text(f"SELECT pg_advisory_xact_lock({OLD_ROWS_LOCK})")

OVERWRITE_DELETED_ROWS = text("PRAGMA secure_delete = ON")

COUNT_FORGOTTEN = text(insert_sums(ForgottenVisitors, "VALUES (:scope, :by)"))

STORE_POSITION = text("""
INSERT INTO watermarks (name, upto, version) VALUES (:name, :upto, 0)
ON CONFLICT (name) DO UPDATE SET upto = excluded.upto
""")


class Stretch(NamedTuple):
    """Ids of rows that may have to be reduced: greater than `after`, up to `last`. `is_done`: whether all rows up to
    `after` are reduced.
    """

    after: int
    last: int
    is_done: bool = True


def lock(session: Session) -> None:
    """Let only one transaction at a time change old rows, so that two never lock the same rows in another order. SQLite
    has one writer; there, this makes it overwrite what a transaction deletes.
    """
    session.execute(OVERWRITE_DELETED_ROWS if session.get_bind().dialect.name == "sqlite" else LOCK_OLD_ROWS)


def lock_counters(session: Session, scopes: Iterable[Scope]) -> None:
    """Lock the counters in the ledger's order, to avoid deadlocks. Not needed on SQLite, which has one writer."""
    if session.get_bind().dialect.name != "sqlite":
        rows = select(Counter.scope).where(Counter.scope.in_(list(scopes))).order_by(Counter.scope)
        session.execute(rows.with_for_update()).all()


def stretch(session: Session, table: Any, name: str, before_ms: int) -> Stretch:
    """The rows of a table from before a moment that have not been read under this name."""
    after = session.scalar(select(Watermark.upto).where(Watermark.name == name)) or 0
    newest = session.scalar(select(func.max(table.id))) or 0
    return Stretch(after, ids_between(session, table, None, before_ms, after, newest)[1])


def store_position(session: Session, name: str, rows: Sequence[Any], part: Stretch, size: int, is_new: Any) -> Stretch:
    """Store how far rows have been read under this name: up to the first row that is too new, because ids are only
    nearly in the order of time. The next run begins there. Returns the rest of the stretch.
    """
    reached = rows[-1].id if len(rows) == size else part.last
    newer = next((row.id for row in rows if is_new(row)), None)
    if part.is_done:
        session.execute(STORE_POSITION, {"name": name, "upto": reached if newer is None else newer - 1})
    return Stretch(reached, part.last, part.is_done and newer is None)
