"""Replaces exact user agents of old visits by what reports read of them: "Chrome on Android (phone)"."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from koyjabo.counting.id_range_queries import id_range
from koyjabo.models import Visit, Watermark
from koyjabo.network import user_agents
from koyjabo.reports.projection import folding_queries

POSITION = "user_agents"
STORE_POSITION = text("""
INSERT INTO watermarks (name, upto, version) VALUES (:name, :upto, 0)
ON CONFLICT (name) DO UPDATE SET upto = excluded.upto
""")
REPLACE = text("UPDATE visits SET user_agent = :said WHERE id = :visit")


class Piece(NamedTuple):
    """The last id that was read, and whether no visit up to it has its exact user agent still."""

    reached: int
    is_done: bool


def ids_to_read(session: Session, before_ms: int) -> tuple[int, int]:
    """The ids of visits before a moment, ms, that have not been read: over the first of the two, up to the second."""
    after, last = id_range(session, None, before_ms)
    read = session.scalar(select(Watermark.upto).where(Watermark.name == POSITION)) or 0
    return max(after, read), last


def replace(session: Session, before_ms: int, after: Piece, last: int, size: int) -> Piece:
    """Replace those of visits before `before_ms` among the next `size` rows, up to the id `last`.

    An import may have put newer visits among older ones. The next night begins at the first of them.
    """
    folding_queries.lock(session)  # a visitor may be renamed at the same time, in another order of visits
    rows = select(Visit.id, Visit.at_ms, Visit.user_agent).where(Visit.id > after.reached, Visit.id <= last)
    found = session.execute(rows.order_by(Visit.id).limit(size)).all()
    old = {row.id: row.user_agent for row in found if row.at_ms < before_ms and row.user_agent}
    said = {id: user_agents.reduced(sent) or None for id, sent in old.items()}
    changed = [{"visit": id, "said": text} for id, text in said.items() if text != old[id]]
    if changed:
        session.execute(REPLACE, changed)
    reached = found[-1].id if len(found) == size else last
    newer = next((row.id for row in found if row.at_ms >= before_ms), None)
    if after.is_done:
        session.execute(STORE_POSITION, {"name": POSITION, "upto": reached if newer is None else newer - 1})
    return Piece(reached, after.is_done and newer is None)
