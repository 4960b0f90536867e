"""Replaces exact user agents of old visits with the values that reports use, such as "Chrome on Android (phone)"."""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from koyjabo.base.network import user_agents
from koyjabo.counting.models import Visit
from koyjabo.upkeep.old_row_queries import Stretch, lock, store_position

USER_AGENT_MARK = "user_agents"
REPLACE_USER_AGENT = text("UPDATE visits SET user_agent = :reduced WHERE id = :visit")


def replace_user_agents(session: Session, before_ms: int, part: Stretch, size: int) -> Stretch:
    """Replace the user agents of visits from before a moment, among the next `size` visits. Returns the rest of the
    stretch.
    """
    lock(session)  # an erasure may lock the same visits in another order at the same time
    query = select(Visit.id, Visit.at_ms, Visit.user_agent).where(Visit.id > part.after, Visit.id <= part.last)
    rows = session.execute(query.order_by(Visit.id).limit(size)).all()
    old = {row.id: row.user_agent for row in rows if row.at_ms < before_ms and row.user_agent}
    reduced = {id: user_agents.reduced(sent) or None for id, sent in old.items()}
    changed = [{"visit": id, "reduced": text} for id, text in reduced.items() if text != old[id]]
    if changed:
        session.execute(REPLACE_USER_AGENT, changed)
    return store_position(session, USER_AGENT_MARK, rows, part, size, lambda row: row.at_ms >= before_ms)
