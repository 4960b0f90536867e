"""Replaces exact user agents of old visits with the values that reports use, such as "Chrome on Android (phone)"."""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from koyjabo.base.network import user_agents
from koyjabo.columns.columns import Columns
from koyjabo.counting.models import Visit
from .old_row_queries import Stretch, lock, store_position

USER_AGENT_MARK = "user_agents"
REPLACE_USER_AGENT = text("UPDATE visits SET user_agent = :user_agent WHERE id = :visit")


def replace_user_agents(session: Session, columns: Columns, before_ms: int, part: Stretch, size: int) -> Stretch:
    """Replace the user agents of visits from before a moment, among the next `size` visits. Returns the rest of the
    stretch.
    """
    lock(session)  # an erasure may lock the same visits in another order at the same time
    query = select(Visit.__table__).where(Visit.id > part.after, Visit.id <= part.last)
    rows = session.execute(query.order_by(Visit.id).limit(size)).all()
    old = [row for row in rows if row.at_ms < before_ms and row.user_agent]
    changes = [{"visit": row.id, "user_agent": user_agents.reduced(row.user_agent) or None} for row in old]
    changed = [(row, new) for row, new in zip(old, changes, strict=True) if new["user_agent"] != row.user_agent]
    if changed:
        session.execute(REPLACE_USER_AGENT, [new for _, new in changed])
        change = columns.change(session)
        change.visits(change.read_differently(*zip(*changed, strict=True)))
    return store_position(session, USER_AGENT_MARK, rows, part, size, lambda row: row.at_ms >= before_ms)
